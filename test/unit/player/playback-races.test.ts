import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { settle } from '../../support/fake-clock.ts';
import { anybody as call, playbackForEachTest } from '../../support/playback-rig.ts';
import { settings } from '../../support/settings.ts';

const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));

describe('a playback session, while something else happens', () => {
  const scene = playbackForEachTest();
  const { begin, open } = scene;

  it('goes on with its list when a title ends while another list is looked for that can\'t be had', async () => {
    const { player, feed } = begin({ preload: false });
    const uris = [scene.play.title(100), scene.play.title(100)];
    await open(...uris);
    const other = scene.play.missing();
    const release = feed.hold(other);
    const failing = rejects(open(other), 'not-found');
    await settle();
    player.hand.finish();
    await settle();
    release();
    await failing;
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index, player.snapshot.state], ['playing', 1, 'playing']);
  });

  it('knows what it has told the player that follows when another list is looked for meanwhile that can\'t be had', async () => {
    const { player, feed, clock } = begin();
    const uris = [scene.play.title(100), scene.play.title(100)];
    const holdsSecond = feed.hold(uris[1] as string);
    await open(...uris);
    await clock.advance(100_000 - settings.player.prefetchLead);
    const other = scene.play.missing();
    const release = feed.hold(other);
    const failing = rejects(open(other), 'not-found');
    await settle();
    holdsSecond();
    await settle();
    assert.equal(player.told.at(-1)?.split(' ', 1)[0], 'preload');
    release();
    await failing;
    player.hand.finish();
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['playing', 1]);
  });

  it('tells how its list goes on while another list is looked for', async () => {
    const { player, clock } = begin();
    const uris = [scene.play.title(100), scene.play.title(100), scene.play.title(100)];
    await open(...uris);
    await clock.advance(100_000 - settings.player.prefetchLead + 1);
    const opening = rejects(open(scene.play.endless()), 'aborted');
    await settle();
    player.hand.finish();
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.uri], ['playing', uris[1]]);
    player.hand.playOther({ url: 'http://192.0.2.9/other.mp3', title: 'Theirs', duration: 40 });
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.session], ['playing', undefined]);
    await scene.play.control.stop(call());
    await opening;
    assert.equal(player.snapshot.state, 'stopped');
  });

  it('stops a player that still plays what was there before it took the next thing', async () => {
    const { player } = begin();
    await open(scene.play.title(100));
    player.hand.stall('load');
    const opening = rejects(open(scene.play.title(100)), 'aborted');
    await settle();
    await scene.play.control.stop(call());
    await opening;
    assert.deepEqual([player.snapshot.state, scene.play.control.status.state], ['stopped', 'stopped']);
  });

  it('stops a player that was told to play, and may do so', async () => {
    const { player } = begin();
    player.hand.stall('play');
    const opening = rejects(open(scene.play.title(100)), 'aborted');
    await settle();
    await scene.play.control.stop(call());
    await opening;
    assert.equal(player.told.at(-1), 'stop');
  });

  for (const [what, other] of [['stopped', () => scene.play.control.stop(call())], ['closed', () => scene.play.control.close(call())], ['given something else', () => open(scene.play.title(100))]] as const) {
    it(`does not wait for a title that is played anew, and looked for, when it is ${what}`, async () => {
      const { feed } = begin();
      const uri = scene.play.missing();
      await rejects(open(uri), 'not-found');
      feed.hold(uri);
      const playing = rejects(scene.play.control.play(call()), 'aborted');
      await settle();
      assert.equal(scene.play.control.status.state, 'buffering');
      await other();
      await playing;
    });
  }
});
