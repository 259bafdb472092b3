import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import type { PlaybackStatus } from '../../../src/xpmn/model/playback.ts';
import { settle } from '../../support/fake-clock.ts';
import { anybody as call, playbackForEachTest } from '../../support/playback-rig.ts';
import { settings } from '../../support/settings.ts';

const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));

describe('titles that can\'t be played', () => {
  const scene = playbackForEachTest();
  const { begin, open, states } = scene;

  it('tries the next one when the player takes a title and does not begin', async () => {
    const { player, clock } = begin({ buffering: 0 });
    const uris = [scene.play.title(10), scene.play.title(20)];
    await scene.play.control.open({ uris, autoplay: false }, call());
    const silent = player.play.bind(player);
    player.play = async () => undefined;
    await scene.play.control.play(call());
    player.play = silent;
    await clock.advance(settings.player.startTimeout + 1000);
    assert.ok(scene.told.some(({ state, index, error }) => state === 'error' && index === 0 && error === 'timeout'), states());
    assert.deepEqual([scene.play.control.status.index, scene.play.control.status.state], [1, 'playing']);
  });

  it('ends in error where all that is left fails', async () => {
    const { player } = begin({ preload: false });
    await open(scene.play.title(100), scene.play.missing(), scene.play.missing());
    player.hand.finish();
    await settle();
    assert.equal(states(), 'buffering0 playing0 buffering1 error1 buffering2 error2');
    await rejects(scene.play.control.play(call()), 'not-found');
    await scene.play.control.stop(call());
    assert.equal(scene.play.control.status.state, 'stopped');
  });

  it('tells of a title that the player can\'t play, and goes on; the same problem with another one counts, too', async () => {
    const { player } = begin();
    const uris = [scene.play.title(10), scene.play.title(20), scene.play.title(30)];
    for (const uri of uris.slice(0, 2)) player.hand.spoil(scene.play.feed.title(uri, 10), 'unsupported-type');
    await open(...uris);
    await settle(20);
    assert.equal(states(), 'buffering0 error0 buffering1 error1 buffering2 playing2');
    player.hand.trouble('unsupported-type');
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['error', 2]);
  });

  it('tells of a title whose bytes do not come any more, though the player calls that its end, and goes on', async () => {
    const { player, feed, clock } = begin({ preload: false });
    const uris = [scene.play.title(10), scene.play.title(20)];
    await open(...uris);
    await clock.advance(3000);
    feed.breakOff(uris[0] as string, 'peer-unavailable');
    player.hand.finish();
    await settle(20);
    assert.ok(scene.told.some(({ state, index, error }) => state === 'error' && index === 0 && error === 'origin-unreachable'), states());
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['playing', 1]);
    feed.breakOff(uris[1] as string, 'entity-changed');
    player.hand.stop();
    await settle(20);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.error], ['error', 'entity-changed']);
    feed.breakOff(uris[1] as string, undefined);
    await scene.play.control.play(call());
    await clock.advance(1000);
    assert.equal(scene.play.control.status.state, 'playing');
  });

  it('tells of a title whose bytes did not come any more, too, when the player has gone on by itself, and lets that play', async () => {
    const { player, feed, clock, control } = begin();
    const uris = [scene.play.title(40), scene.play.title(20)];
    await open(...uris);
    await clock.advance(20_000);
    feed.breakOff(uris[0] as string, 'peer-unavailable');
    player.hand.finish();
    await settle(20);
    assert.equal(states(), 'buffering0 playing0 error0 playing1');
    const { position, duration, error } = scene.told.find(({ state }) => state === 'error') as PlaybackStatus;
    assert.deepEqual({ position, duration, error }, { position: 0, duration: 40, error: 'origin-unreachable' }, 'of the title that has ended');
    await clock.advance(10_000);
    assert.deepEqual([control.status.state, control.status.position, player.told.map((command) => command.split(' ', 1)[0]).join()], ['playing', 10, 'load,play,preload']);
  });

  it('does not go on to the next one when a title is stopped whose bytes do not come any more', async () => {
    const { player, feed, clock } = begin({ preload: false });
    const uris = [scene.play.title(10), scene.play.title(20)];
    await open(...uris);
    await clock.advance(3000);
    feed.breakOff(uris[0] as string, 'peer-unavailable');
    await scene.play.control.stop(call());
    await clock.advance(60_000);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index, player.snapshot.state], ['stopped', 0, 'stopped']);
    assert.ok(scene.told.every(({ state }) => state !== 'error'), states());
  });

  it('goes on with a title whose bytes broke off where that was', async () => {
    const { player, feed, clock, control } = begin({ preload: false });
    const uri = scene.play.title(100);
    await open(uri);
    await clock.advance(40_000);
    feed.breakOff(uri, 'peer-unavailable');
    player.hand.stop();
    await settle(20);
    await clock.advance(60_000);
    assert.deepEqual([control.status.state, control.status.position, control.status.duration], ['error', 40, 100]);
    feed.fail(uri, 'peer-unavailable');
    await rejects(control.play(call()), 'origin-unreachable');
    assert.deepEqual([control.status.state, control.status.position], ['error', 40], 'it is still away');
    feed.fail(uri, undefined);
    feed.breakOff(uri, undefined);
    await control.play(call());
    await clock.advance(1000);
    assert.deepEqual([control.status.state, control.status.position], ['playing', 41]);
    feed.breakOff(uri, 'peer-unavailable');
    player.hand.stop();
    await settle(20);
    await control.stop(call());
    assert.deepEqual([control.status.state, control.status.position], ['stopped', 0]);
  });

  it('stands still in what is told of a player that does not answer', async () => {
    const { player, clock, control } = begin();
    await open(scene.play.title(100));
    await clock.advance(10_000);
    player.hand.trouble('unreachable');
    await clock.advance(10_000);
    assert.deepEqual([control.status.state, control.status.position], ['error', 10]);
    player.hand.recover();
    await clock.advance(1000);
    assert.deepEqual([control.status.state, control.status.position], ['playing', 21]);
  });

  it('still says what it is that the player refused', async () => {
    const { player, feed, control } = begin();
    const uri = scene.play.title(10);
    player.play = () => Promise.reject(new XpmnError('origin-unreachable', 'It can\'t play that.'));
    await rejects(control.open({ uris: [uri], autoplay: true, position: undefined }, call()), 'origin-unreachable');
    assert.deepEqual([control.status.state, control.item?.item.title], ['error', `Title of ${uri}`]);
    assert.deepEqual(feed.asked, [uri]);
  });

  it('says why a title does not begin, if it is that its bytes do not come', async () => {
    const { player, feed, clock } = begin();
    const uri = scene.play.title(10);
    feed.breakOff(uri, 'origin-unreachable');
    player.play = async () => undefined;
    await open(uri);
    await clock.advance(settings.player.startTimeout + 1000);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.error], ['error', 'origin-unreachable']);
  });

  describe('in their middle', () => {
    const { bufferTimeout } = settings.player;
    const now = (): unknown[] => [scene.play.control.status.state, scene.play.control.status.error, scene.play.control.status.index];
    async function starve(...more: string[]): Promise<string> {
      const uri = scene.play.title(10_000);
      await open(uri, ...more);
      await scene.play.clock.advance(3000);
      scene.play.player.hand.starve();
      return uri;
    }

    it('are waited for, however long it takes, while their bytes may come', async () => {
      const { player, clock } = begin();
      await starve();
      await clock.advance(3 * bufferTimeout + 1000);
      assert.deepEqual(now(), ['buffering', undefined, 0]);
      player.hand.pause();
      player.hand.play();
      await settle();
      assert.deepEqual(now(), ['playing', undefined, 0]);
    });

    it('are given up where their bytes do not come any more and the player waits for them for ever; and play on should it go on after all', async () => {
      const { player, clock, feed } = begin();
      const uri = await starve();
      feed.breakOff(uri, 'peer-unavailable');
      await clock.advance(bufferTimeout - 1000);
      assert.deepEqual(now(), ['buffering', undefined, 0]);
      await clock.advance(2000);
      assert.deepEqual(now(), ['error', 'origin-unreachable', 0]);
      await clock.advance(2 * bufferTimeout);
      assert.deepEqual(now(), ['error', 'origin-unreachable', 0]);
      player.hand.pause();
      player.hand.play();
      await settle();
      assert.deepEqual(now(), ['playing', undefined, 0]);
    });

    it('are given up, also where that is found out later, and the next one is played', async () => {
      const { clock, feed } = begin();
      const uri = await starve(scene.play.title(10_000));
      await clock.advance(bufferTimeout + 1000);
      feed.breakOff(uri, 'entity-changed');
      await clock.advance(bufferTimeout);
      assert.ok(scene.told.some(({ state, index, error }) => state === 'error' && index === 0 && error === 'entity-changed'), states());
      assert.deepEqual(now(), ['playing', undefined, 1]);
    });

    it('are not given up while somebody stops them', async () => {
      const { player, clock, feed, control } = begin();
      const uri = await starve(scene.play.title(10_000));
      feed.breakOff(uri, 'peer-unavailable');
      await clock.advance(bufferTimeout - 1000);
      player.hand.stall('stop');
      const stopped = rejects(control.stop(call()), 'timeout');
      await clock.advance(2000);
      assert.deepEqual(now(), ['buffering', undefined, 0]);
      await clock.advance(settings.player.commandTimeout);
      await stopped;
      assert.deepEqual(now(), ['buffering', undefined, 0]);
      await clock.advance(bufferTimeout);
      assert.deepEqual(now(), ['playing', undefined, 1]);
    });

    it('are waited for anew each time, and for no player that does not answer', async () => {
      const { player, clock, feed } = begin();
      const uri = await starve(scene.play.title(10_000));
      await clock.advance(bufferTimeout - 1000);
      player.hand.pause();
      player.hand.play();
      await settle();
      player.hand.starve();
      feed.breakOff(uri, 'entity-changed');
      await clock.advance(bufferTimeout - 1000);
      assert.deepEqual(now(), ['buffering', undefined, 0]);
      player.hand.trouble('unreachable');
      await clock.advance(2000);
      assert.deepEqual(now(), ['error', 'unreachable', 0]);
      player.hand.recover();
      await settle();
      assert.deepEqual(now(), ['buffering', undefined, 0]);
    });
  });

  it('tries so many titles that fail in a row and no more, until somebody wants one', async () => {
    begin({}, { titleFailures: 3 });
    const last = scene.play.title(10);
    const uris = [...Array.from({ length: 5 }, () => scene.play.missing()), last];
    await rejects(open(...uris), 'not-found');
    assert.deepEqual(scene.play.feed.asked, uris.slice(0, 3));
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.error, scene.play.control.status.index], ['error', 'not-found', 2]);
    await scene.play.control.next(call());
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.uri], ['playing', last]);
  });

  it('counts those after which the player goes on by itself: in the end it is told of no other', async () => {
    const { player, feed, clock } = begin({}, { titleFailures: 3 });
    const uris = Array.from({ length: 6 }, () => scene.play.title(10));
    await open(...uris);
    for (const uri of uris) {
      await clock.advance(1000);
      feed.breakOff(uri, 'peer-unavailable');
      player.hand.finish();
      await settle(20);
    }
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.error, scene.play.control.status.index], ['error', 'origin-unreachable', 3]);
    assert.deepEqual(feed.asked, uris.slice(0, 4));
  });

  it('counts those that the player takes and can\'t play, and no more once one was played to its end', async () => {
    const { player, clock, feed } = begin({ preload: false }, { titleFailures: 3 });
    const spoilt = (): string => {
      const uri = scene.play.title(10);
      player.hand.spoil(feed.title(uri, 10), 'unsupported-type');
      return uri;
    };
    const uris = [spoilt(), spoilt(), scene.play.title(10), spoilt(), scene.play.missing(), spoilt(), scene.play.title(20)];
    await open(...uris);
    await settle(20);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['playing', 2]);
    await clock.advance(20_000);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.error, scene.play.control.status.index], ['error', 'unsupported-type', 5]);
    assert.equal(feed.asked.length, 6);
  });

  it('goes to the next one when the player refuses a title', async () => {
    const { player } = begin();
    player.hand.refuse('load', 'unsupported-type');
    await open(scene.play.title(10), scene.play.title(20));
    assert.equal(scene.play.control.status.index, 1);
  });
});
