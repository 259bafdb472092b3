import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { factsFromPositionInfo, factsFromVariables } from '../../../src/mapping/av-transport.ts';
import { parseLastChange } from '../../../src/mapping/last-change.ts';
import type { TransportFacts, TransportPhase } from '../../../src/mapping/transport-facts.ts';
import { afterLoad, afterPlay, afterSeek, beforeStop, durationOf, endedBetween, initialState, positionAt, snapshotOf, withFacts } from '../../../src/upnp/renderer-state.ts';
import type { RendererState } from '../../../src/upnp/renderer-state.ts';
import { readPropertySet } from '../../../src/upnp/gena-codec.ts';
import { readAnswer } from '../../../src/upnp/soap.ts';
import { nextAsk } from '../../../src/upnp/renderer-schedule.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { isNews } from '../../../src/xpmn/ports/media-player.ts';
import { playerMedia } from '../../support/media-players.ts';
import { settings } from '../../support/settings.ts';

const A = playerMedia('http://192.0.2.1/a.mp3', 60);
const B = playerMedia('http://192.0.2.1/b.mp3', 60);
const ABILITIES = { seek: true, pause: true, next: false, previous: false, volume: true, mute: true };
const { endMargin, falseStart, settle, startPatience, stale, slack } = settings.upnp.renderer;
const failure = (): XpmnError => new XpmnError('origin-unreachable', 'x');

/** A play of facts: what was said, and when; `ended` tells what came to its end. */
class Play {
  state: RendererState = initialState(0);
  now = 0;
  readonly ended: string[] = [];

  load(media = A): this {
    return this.become(afterLoad(this.state, media, this.now, stale));
  }

  play(): this {
    return this.become(afterPlay(this.state, this.now, startPatience));
  }

  hears(after: number, facts: TransportFacts): this {
    this.now += after;
    return this.become(withFacts(this.state, facts, this.now, { slack, falseStart, startPatience, settle, failure }));
  }

  become(next: RendererState): this {
    const before = this.state;
    this.state = next;
    const ended = endedBetween(before, next, this.now, endMargin);
    if (ended !== undefined) this.ended.push(ended);
    return this;
  }

  get seen(): string {
    return snapshotOf(this.state, ABILITIES).state;
  }
}

const playing = (): Play => new Play().load().play().hears(100, { phase: 'playing' });

describe('what is known of a renderer', () => {
  it('comes to its end where what was loaded was heard, and is near it', () => {
    assert.deepEqual(playing().hears(58_000, { phase: 'stopped' }).ended, [A.url]);
    assert.deepEqual(playing().hears(58_000, { phase: 'idle', uri: '' }).ended, [A.url]);
    assert.deepEqual(playing().hears(57_000, { phase: 'buffering' }).hears(2000, { phase: 'stopped' }).ended, [A.url]);
  });

  const NO_END: Readonly<Record<string, Play>> = {
    'in the middle': playing().hears(20_000, { phase: 'stopped' }),
    'told to stop': playing().hears(58_000, {}).become(beforeStop(playing().hears(58_000, {}).state)).hears(100, { phase: 'stopped' }),
    'paused before': playing().hears(58_000, { phase: 'paused' }).hears(100, { phase: 'stopped' }),
    'replaced by somebody': playing().hears(58_000, { phase: 'stopped', uri: 'http://192.0.2.9/x' }),
    'never heard': new Play().load().play().hears(58_000, { phase: 'stopped' }),
    'not loaded here': new Play().hears(0, { phase: 'playing', uri: 'http://192.0.2.9/x', duration: 60 }).hears(59_000, { phase: 'stopped' }),
    'failed': playing().hears(58_000, { phase: 'stopped', hasFailed: true }),
  };
  for (const [name, play] of Object.entries(NO_END)) it(`has not ended when it was ${name}`, () => assert.deepEqual(play.ended, []));

  it('was stopped by somebody where it stops in the middle, though it says for ever that it is at the beginning', () => {
    const play = playing();
    for (let second = 1; second <= 20; second += 1) play.hears(1000, { position: 0 });
    play.hears(500, { phase: 'stopped' }).hears(settle, { phase: 'stopped' });
    assert.deepEqual([play.seen, play.ended, play.state.failure], ['stopped', [], undefined]);
  });

  it('is in no error with what somebody else has only set, though it was told to play what was there before', () => {
    const OTHER = { phase: 'stopped', uri: 'http://192.0.2.9/x' } as const;
    for (const play of [new Play().load().play(), playing().hears(300, { phase: 'stopped' })]) {
      play.hears(100, OTHER).hears(startPatience, OTHER);
      assert.deepEqual([play.seen, play.state.own, play.state.failure], ['stopped', undefined, undefined]);
    }
  });

  it('has ended where nobody can tell how long it is', () => {
    const live = playerMedia('http://192.0.2.1/live', undefined);
    assert.deepEqual(new Play().load(live).play().hears(100, { phase: 'playing' }).hears(5000, { phase: 'stopped' }).ended, [live.url]);
  });

  it('takes no old word for the new: neither that it has stopped, nor what was there before', () => {
    const late = playing().hears(1000, {}).become(beforeStop(playing().state)).hears(0, { phase: 'stopped' }).load(B).play().hears(200, { phase: 'stopped', uri: A.url, trackUri: A.url });
    assert.deepEqual([late.seen, late.state.own], ['buffering', B]);
    assert.deepEqual([late.hears(startPatience, { phase: 'stopped' }).seen, late.state.failure?.code], ['stopped', 'origin-unreachable'], 'but some day it is true');
    assert.equal(playing().load(B).hears(stale + 1, { uri: A.url }).state.own, undefined, 'it is somebody\'s again');
  });

  it('goes on with what was to follow, in whatever way that is told', () => {
    for (const facts of [{ uri: B.url }, { trackUri: B.url }, { uri: B.url, trackUri: B.url, phase: 'playing' }] as const) {
      const play = playing();
      play.become({ ...play.state, following: B }).hears(60_000, facts);
      assert.deepEqual([play.state.own, play.state.following, play.ended, Math.round(positionAt(play.state, play.now) ?? NaN)], [B, undefined, [], 0]);
    }
  });

  it('keeps what was loaded, though the device calls it otherwise or forgets it', () => {
    assert.equal(playing().hears(10, { trackUri: 'x-internal:7' }).state.own, A);
    assert.equal(playing().hears(10, { uri: '' }).state.own, A);
    const spaced = playerMedia('http://192.0.2.1/a%20b.mp3', 60);
    assert.equal(new Play().load(spaced).hears(10, { uri: 'http://192.0.2.1/a b.mp3' }).state.own, spaced);
    assert.equal(playing().hears(58_000, { phase: 'idle', uri: '' }).seen, 'stopped', 'it can be played anew');
  });

  it('goes on by itself between two words, and not beyond the end', () => {
    const { state } = playing();
    assert.deepEqual([positionAt(state, 10_100), positionAt(state, 600_000)], [10, 60]);
    const paused = playing().hears(7000, { phase: 'paused' });
    assert.equal(positionAt(paused.state, 600_000), 7);
  });

  it('takes a position of whole seconds for what it is', () => {
    const play = playing();
    for (const said of [9, 10, 11]) assert.equal(play.hears(said === 9 ? 10_300 : 0, { position: said === 11 ? 10 : said }).state.position, 0, String(said));
    assert.equal(play.hears(0, { position: 30 }).state.position, 30);
    assert.equal(positionAt(play.become(afterSeek(play.state, 5, play.now)).state, play.now + 1000), 6);
  });

  it('is idle without anything, also where a device says that it has stopped', () => {
    assert.equal(new Play().hears(0, { phase: 'stopped', uri: '', trackUri: '' }).seen, 'idle');
    assert.equal(new Play().hears(0, { phase: 'stopped', uri: 'http://192.0.2.9/x' }).seen, 'stopped');
  });

  it('is news only where it is', () => {
    const { state } = playing();
    const snapshot = snapshotOf(state, ABILITIES);
    assert.ok(!isNews(snapshot, snapshotOf({ ...state, position: 10, measured: state.measured + 10_000 }, { ...ABILITIES }), 0.5));
    for (const change of [{ position: 12, measured: state.measured + 10_000 }, { volume: 3 }, { mute: true }, { phase: 'paused' as TransportPhase }, { own: B }, { failure: failure() }, { position: undefined }]) {
      assert.ok(isNews(snapshot, snapshotOf({ ...state, ...change }, ABILITIES), 0.5), JSON.stringify(change));
    }
    assert.ok(!isNews(snapshotOf({ ...state, failure: failure() }, ABILITIES), snapshotOf({ ...state, failure: failure() }, ABILITIES), 0.5), 'the same problem again');
  });

  it('holds, whatever is said in whatever order', () => {
    const phase = fc.constantFrom<TransportPhase[]>('idle', 'stopped', 'buffering', 'playing', 'paused');
    const uri = fc.constantFrom('', A.url, B.url, 'http://192.0.2.9/x');
    const facts = fc.record({ phase, uri, trackUri: uri, position: fc.integer({ min: 0, max: 70 }), hasFailed: fc.boolean() }, { requiredKeys: [] });
    const step = fc.oneof(facts, fc.constantFrom('load', 'play', 'stop'));
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 40_000 }), step), { maxLength: 30 }), (steps) => {
      const play = new Play();
      let loads = 0;
      for (const [after, what] of steps) {
        if (typeof what !== 'string') play.hears(after, what as TransportFacts);
        else if (what === 'load') loads += 1;
        if (what === 'load') play.load();
        if (what === 'play') play.play();
        if (what === 'stop') play.become(beforeStop(play.state));
        const position = positionAt(play.state, play.now);
        // Without a length it goes on for ever.
        assert.ok(position === undefined || (position >= 0 && (durationOf(play.state) === undefined || position <= 70)));
        const { state, media } = snapshotOf(play.state, ABILITIES);
        assert.ok(state !== 'idle' || media === undefined);
      }
      assert.ok(loads > 0 || play.ended.length === 0, 'nothing ends that was not loaded');
    }));
  });
});

/** Of a real Kodi 20.1. */
describe('what Kodi says', () => {
  const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/upnp/${name}`, import.meta.url), 'utf8');
  const { didl, lastChange, soap } = settings.upnp.renderer;
  const GARBAGE = playerMedia('http://192.168.178.12:8080/garbage.flac', 14);
  const LIVE = playerMedia('http://192.168.178.12:8080/live.mp3', undefined);

  it('is no end and no wish where it says PLAYING, and STOPPED 400 ms later: it could not open it', () => {
    const events = fixture('kodi-20.1-plays-what-it-cannot-open.txt').split(/NOTIFY .*?\r\n\r\n/s).slice(1).map((body) => {
      const properties = readPropertySet({ headers: {}, body: Buffer.from(body) }, soap)?.properties;
      return factsFromVariables(parseLastChange(properties?.get('LastChange') ?? '', lastChange).values, didl);
    });
    const play = new Play().load(GARBAGE).play();
    for (const facts of events) play.hears(200, facts);
    assert.deepEqual([play.seen, play.ended, play.state.failure], ['buffering', [], undefined], 'it may still go on');
    play.hears(settle, { phase: 'stopped' });
    assert.deepEqual([play.seen, play.ended, play.state.failure?.code], ['stopped', [], 'origin-unreachable']);
  });

  it('is nothing of the new title where it says a position of the one before', () => {
    const body = Buffer.from(fixture('kodi-20.1-position-of-the-title-before.xml'));
    const answer = readAnswer({ status: 200, headers: {}, body }, 'GetPositionInfo', soap);
    const facts = factsFromPositionInfo(answer, didl);
    assert.equal(facts.position, 11);
    const FILM = playerMedia('http://192.168.178.12:8080/film.mp4', 12);
    const after = (): Play => new Play().load(FILM).play().hears(10, { phase: 'playing' }).hears(11_500, { phase: 'stopped' }).load(LIVE).play().hears(10, { phase: 'playing' });
    const play = after().hears(500, facts);
    assert.equal(positionAt(play.state, play.now), 0.5);
    assert.equal(play.hears(3000, { position: 1 }).state.position, 1);
    assert.equal(after().hears(500, { position: 30 }).state.position, 30, 'somebody has gone there');
  });
});

describe('when a renderer is asked', () => {
  const options = settings.upnp.renderer;
  const idle = { state: initialState(0), isLive: true, watchers: 0, asked: 0, confirmAt: undefined, endAsked: undefined, unanswered: 0 };
  const on = playing().state;
  const proven = { ...on, began: undefined };
  const { own: _, ...rest } = proven;
  const foreign: RendererState = { ...rest, own: undefined };

  const CASES: readonly (readonly [name: string, watching: Parameters<typeof nextAsk>[0], at: number | undefined])[] = [
    ['not at all, while nobody looks', { ...idle, isLive: false }, undefined],
    ['not at all, where it tells', { ...idle, watchers: 1 }, undefined],
    ['now and then, where it does not tell', { ...idle, isLive: false, watchers: 1 }, options.pollIdle],
    ['often, where it plays and does not tell', { ...idle, state: foreign, isLive: false, watchers: 1 }, options.pollActive],
    ['not at all, where somebody else\'s plays and nobody looks', { ...idle, state: foreign, isLive: false }, undefined],
    ['often, where ours plays and it does not tell', { ...idle, state: proven, isLive: false }, options.pollActive],
    ['rarely, where it plays and tells', { ...idle, state: foreign, watchers: 1 }, options.drift],
    ['at the end of what is ours', { ...idle, state: proven, asked: 50_000 }, 60_100 + options.endPatience],
    ['at the end again, a little later', { ...idle, state: proven, endAsked: 63_100 }, 63_100 + options.endPatience],
    ['once to see whether it plays at all', { ...idle, state: on }, 100 + options.startPatience],
    ['when it was told something', { ...idle, confirmAt: 7 }, 7],
    ['later and later, where it does not answer', { ...idle, unanswered: 3, confirmAt: 7 }, 4 * options.backOff.first],
    ['not later than that', { ...idle, unanswered: 30 }, options.backOff.max],
  ];
  for (const [name, watching, at] of CASES) it(name, () => assert.equal(nextAsk(watching, options), at));
});
