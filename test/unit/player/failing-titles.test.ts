import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { PlaybackStatus } from '../../../src/xpmn/model/playback.ts';
import type { PlaybackCall } from '../../../src/xpmn/ports/playback-control.ts';
import { settle } from '../../support/fake-clock.ts';
import { playbackRig } from '../../support/playback-rig.ts';
import type { PlayerPlay } from '../../support/playback-rig.ts';
import { settings } from '../../support/settings.ts';

const call = (): PlaybackCall => ({ by: parseJid('romeo@montague.lit/orchard'), signal: new AbortController().signal });
const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));

describe('titles that can\'t be played', () => {
  let play: PlayerPlay;
  let told: PlaybackStatus[];

  const begin = (...given: Parameters<typeof playbackRig>): PlayerPlay => {
    play = playbackRig(...given);
    told = [];
    play.control.on('status', (status) => told.push(status));
    return play;
  };
  const open = (...uris: string[]): Promise<unknown> => play.control.open({ uris, autoplay: true }, call());
  /** Each once, though more became known of it. */
  const states = (): string => told.map(({ state, index }) => `${state}${index ?? ''}`).filter((state, i, all) => state !== all[i - 1]).join(' ');

  afterEach(() => play.close());

  it('tries the next one when the player takes a title and does not begin', async () => {
    const { player, clock } = begin({ buffering: 0 });
    const uris = [play.title(10), play.title(20)];
    await play.control.open({ uris, autoplay: false }, call());
    const silent = player.play.bind(player);
    player.play = async () => undefined;
    await play.control.play(call());
    player.play = silent;
    await clock.advance(settings.player.startTimeout + 1000);
    assert.ok(told.some(({ state, index, error }) => state === 'error' && index === 0 && error === 'timeout'), states());
    assert.deepEqual([play.control.status.index, play.control.status.state], [1, 'playing']);
  });

  it('ends in error where all that is left fails', async () => {
    const { player } = begin({ preload: false });
    await open(play.title(100), play.missing(), play.missing());
    player.hand.finish();
    await settle();
    assert.equal(states(), 'buffering0 playing0 buffering1 error1 buffering2 error2');
    await rejects(play.control.play(call()), 'not-found');
    await play.control.stop(call());
    assert.equal(play.control.status.state, 'stopped');
  });

  it('tells of a title that the player can\'t play, and goes on; the same problem with another one counts, too', async () => {
    const { player } = begin();
    const uris = [play.title(10), play.title(20), play.title(30)];
    for (const uri of uris.slice(0, 2)) player.hand.spoil(play.feed.title(uri, 10), 'unsupported-type');
    await open(...uris);
    await settle(20);
    assert.equal(states(), 'buffering0 error0 buffering1 error1 buffering2 playing2');
    player.hand.trouble('unsupported-type');
    await settle();
    assert.deepEqual([play.control.status.state, play.control.status.index], ['error', 2]);
  });

  it('tells of a title whose bytes do not come any more, though the player calls that its end, and goes on', async () => {
    const { player, feed, clock } = begin({ preload: false });
    const uris = [play.title(10), play.title(20)];
    await open(...uris);
    await clock.advance(3000);
    feed.breakOff(uris[0] as string, 'peer-unavailable');
    player.hand.finish();
    await settle(20);
    assert.ok(told.some(({ state, index, error }) => state === 'error' && index === 0 && error === 'origin-unreachable'), states());
    assert.deepEqual([play.control.status.state, play.control.status.index], ['playing', 1]);
    feed.breakOff(uris[1] as string, 'entity-changed');
    player.hand.stop();
    await settle(20);
    assert.deepEqual([play.control.status.state, play.control.status.error], ['error', 'entity-changed']);
    feed.breakOff(uris[1] as string, undefined);
    await play.control.play(call());
    await clock.advance(1000);
    assert.equal(play.control.status.state, 'playing');
  });

  it('says why a title does not begin, if it is that its bytes do not come', async () => {
    const { player, feed, clock } = begin();
    const uri = play.title(10);
    feed.breakOff(uri, 'origin-unreachable');
    player.play = async () => undefined;
    await open(uri);
    await clock.advance(settings.player.startTimeout + 1000);
    assert.deepEqual([play.control.status.state, play.control.status.error], ['error', 'origin-unreachable']);
  });

  it('tries so many titles that fail in a row and no more, until somebody wants one', async () => {
    begin({}, { titleFailures: 3 });
    const last = play.title(10);
    const uris = [...Array.from({ length: 5 }, () => play.missing()), last];
    await rejects(open(...uris), 'not-found');
    assert.deepEqual(play.feed.asked, uris.slice(0, 3));
    assert.deepEqual([play.control.status.state, play.control.status.error, play.control.status.index], ['error', 'not-found', 2]);
    await play.control.next(call());
    assert.deepEqual([play.control.status.state, play.control.status.uri], ['playing', last]);
  });

  it('counts those that the player takes and can\'t play, and no more once one was played to its end', async () => {
    const { player, clock, feed } = begin({ preload: false }, { titleFailures: 3 });
    const spoilt = (): string => {
      const uri = play.title(10);
      player.hand.spoil(feed.title(uri, 10), 'unsupported-type');
      return uri;
    };
    const uris = [spoilt(), spoilt(), play.title(10), spoilt(), play.missing(), spoilt(), play.title(20)];
    await open(...uris);
    await settle(20);
    assert.deepEqual([play.control.status.state, play.control.status.index], ['playing', 2]);
    await clock.advance(20_000);
    assert.deepEqual([play.control.status.state, play.control.status.error, play.control.status.index], ['error', 'unsupported-type', 5]);
    assert.equal(feed.asked.length, 6);
  });

  it('goes to the next one when the player refuses a title', async () => {
    const { player } = begin();
    player.hand.refuse('load', 'unsupported-type');
    await open(play.title(10), play.title(20));
    assert.equal(play.control.status.index, 1);
  });
});
