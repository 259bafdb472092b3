import assert from 'node:assert/strict';
import { createPlaybackControl } from '../../src/xpmn/player/playback-session.ts';
import type { PlaybackSession } from '../../src/xpmn/player/playback-session.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { PlaybackStatus } from '../../src/xpmn/model/playback.ts';
import { createFakePlayerFeed } from '../fakes/fake-player-feed.ts';
import type { FakePlayerFeed } from '../fakes/fake-player-feed.ts';
import type { RendererDefects } from '../fakes/renderer-device.ts';
import { FakeRandom, settle } from '../support/fake-clock.ts';
import { rendererRig } from '../support/renderer-rig.ts';
import type { RendererRig } from '../support/renderer-rig.ts';
import { settings } from '../support/settings.ts';

const BY = parseJid('romeo@home.test/phone');
const signal = new AbortController().signal;
const ONE = 'http://media.example/one.mp3';
const TWO = 'http://media.example/two.mp3';
const MINUTE = 60_000;

/** What is told of a renderer that says what is not so, or nothing: a device over its actions and events, the real player, the real session. */
describe('a renderer that lies', () => {
  let rig: RendererRig;
  let feed: FakePlayerFeed;
  let session: PlaybackSession;
  let told: PlaybackStatus[];

  async function begin(defects: RendererDefects = {}): Promise<void> {
    rig = await rendererRig({ defects });
    feed = createFakePlayerFeed();
    for (const uri of [ONE, TWO]) rig.device.lengths.set(feed.title(uri, 30), 30);
    session = createPlaybackControl({ player: rig.player, feed, clock: rig.clock, random: new FakeRandom(), log: silentLogger }, settings.player);
    told = [];
    session.on('status', (status) => void told.push(status));
    await settle();
  }

  afterEach(async () => {
    rig.device.stopAll();
    await within(session.end());
    await within(rig.player.close());
  });

  /** Lets time pass until `work` is done. */
  async function within<T>(work: Promise<T>): Promise<T> {
    let isUnderWay = true;
    const watched = work.finally(() => (isUnderWay = false));
    watched.catch(() => undefined);
    for (let passed = 0; isUnderWay && passed < 5 * MINUTE; passed += 50) await rig.clock.advance(50);
    return watched;
  }
  const open = (...uris: string[]): Promise<unknown> => within(session.open({ uris, autoplay: true }, { by: BY, signal }));
  const now = (): (string | undefined)[] => [session.status.state, session.status.error];
  async function plays(): Promise<void> {
    await open(ONE, TWO);
    await rig.clock.advance(3000);
    assert.deepEqual(now(), ['playing', undefined]);
  }

  it('loses its subscription: what somebody does at it is told all the same, and by event again later', async () => {
    await begin();
    await plays();
    rig.device.defects.mute = true;
    for (const path of ['/AVTransport/evt', '/RenderingControl/evt']) rig.events.at(path)?.become('refused');
    rig.device.hand.pause();
    await rig.clock.advance(3000);
    assert.deepEqual(now(), ['paused', undefined]);
    rig.device.hand.setVolume(70);
    await rig.clock.advance(6000);
    assert.deepEqual(session.variables.find(({ name }) => name === 'volume')?.value, 70);
    rig.device.defects.mute = false;
    for (const path of ['/AVTransport/evt', '/RenderingControl/evt']) rig.events.at(path)?.renewNow();
    rig.device.hand.play();
    await rig.clock.advance(1000);
    assert.deepEqual(now(), ['playing', undefined]);
  });

  it('says PLAYING for ever at the end: the list goes on, and ends', async () => {
    await begin({ stuckAtEnd: true });
    await open(ONE, TWO);
    await rig.clock.advance(2 * MINUTE);
    assert.deepEqual([...new Set(told.map(({ index }) => index))].filter((index) => index !== undefined), [0, 1]);
    assert.deepEqual([...now(), session.status.position], ['stopped', undefined, 0]);
  });

  it('says STOPPED between two titles, and when it is set: neither is an end', async () => {
    await begin({ stopsBetween: true, lateStopped: 300 });
    await open(ONE, TWO);
    await rig.clock.advance(20_000);
    assert.deepEqual([...now(), session.status.index], ['playing', undefined, 0]);
    await rig.clock.advance(20_000);
    assert.deepEqual([...now(), session.status.index], ['playing', undefined, 1]);
  });

  it('says TRANSITIONING for ever in the middle: it is waited for, until it is known that no bytes come', async () => {
    await begin();
    await plays();
    rig.device.hand.starve();
    await rig.clock.advance(settings.player.bufferTimeout + 1000);
    assert.deepEqual([...now(), session.status.index], ['buffering', undefined, 0]);
    feed.breakOff(ONE, 'peer-unavailable');
    await rig.clock.advance(settings.player.bufferTimeout);
    assert.deepEqual(told.filter(({ state }) => state === 'error').map(({ index, error }) => [index, error]), [[0, 'origin-unreachable']]);
    assert.deepEqual([...now(), session.status.index], ['playing', undefined, 1]);
  });

  it('says PLAYING before it has opened the title, and STOPPED when it can\'t: that is in error, nobody has stopped it', async () => {
    await begin({ opensIn: 300 });
    rig.device.missing.add(feed.title(ONE, 30));
    await open(ONE);
    await rig.clock.advance(2000);
    assert.deepEqual([...now(), rig.player.snapshot.state], ['error', 'origin-unreachable', 'stopped']);
    await open(ONE, TWO);
    await rig.clock.advance(5000);
    assert.deepEqual([...now(), session.status.index], ['playing', undefined, 1]);
    rig.device.hand.stop();
    await rig.clock.advance(2000);
    assert.deepEqual(now(), ['stopped', undefined]);
  });

  it('says where it was in the title before: that is nothing of the new one', async () => {
    await begin({ opensIn: 900 });
    await open(ONE);
    await rig.clock.advance(15_000);
    told = [];
    await open(TWO);
    await rig.clock.advance(5000);
    assert.ok(told.every(({ position = 0 }) => position < 5), JSON.stringify(told.map(({ position }) => position)));
    assert.ok(Math.abs((session.status.position ?? NaN) - 5) < 2, String(session.status.position));
  });

  it('forgets where it is to begin, if it is told before it has opened the title: it is told again', async () => {
    await begin({ opensIn: 800 });
    await within(session.open({ uris: [ONE], autoplay: true, position: 20 }, { by: BY, signal }));
    await rig.clock.advance(4000);
    assert.ok((session.status.position ?? 0) > 20, String(session.status.position));
    await rig.clock.advance(8000);
    assert.deepEqual(now(), ['stopped', undefined]);
  });

  it('forgets that also where it says, until it has opened the title, that it is there: it was left there', async () => {
    await begin({ opensIn: 800 });
    await open(ONE);
    await rig.clock.advance(15_000);
    await within(session.stop({ by: BY, signal }));
    await within(session.open({ uris: [ONE], autoplay: true, position: 14 }, { by: BY, signal }));
    await rig.clock.advance(5000);
    assert.ok((session.status.position ?? 0) > 14, String(session.status.position));
    await rig.clock.advance(17_000);
    assert.deepEqual(now(), ['stopped', undefined]);
  });

  it('has no Pause, and refuses to seek: each is said, and it plays on', async () => {
    await begin({ missing: ['Pause'], faults: { Seek: 710 } });
    await plays();
    await assert.rejects(within(session.pause({ by: BY, signal })), { code: 'not-pausable' });
    await assert.rejects(within(session.seek({ position: 10 }, { by: BY, signal })), { code: 'not-seekable' });
    assert.deepEqual(now(), ['playing', undefined]);
  });
});
