import assert from 'node:assert/strict';
import type { PlayerSnapshot } from '../../../src/xpmn/ports/media-player.ts';
import { positionAt } from '../../compliance/media-player.suite.ts';
import { mprisRigs } from '../../support/mpris-rig.ts';
import type { MprisRig } from '../../support/mpris-rig.ts';

const signal = new AbortController().signal;

describe('a player by MPRIS that says that it is stopped, whatever it plays', function () {
  this.timeout(20_000);
  const begin = mprisRigs();
  let rig: MprisRig;

  const opened = async (): Promise<void> => {
    rig = await begin({ staleStatus: true });
    rig.scripted.playList([{ url: 'file:///music/1.mp3', seconds: 60 }, { url: 'file:///music/2.mp3', seconds: 60 }]);
    await rig.settled();
    assert.equal(rig.player.snapshot.state, 'stopped');
    assert.ok(await rig.pass(1_500, () => rig.player.snapshot.state === 'playing'));
    assert.equal(rig.player.snapshot.media?.url, 'file:///music/1.mp3');
  };

  it('is shown to play, and is not believed before it says something else', async () => {
    await opened();
    const told: PlayerSnapshot[] = [];
    rig.player.on('changed', (snapshot) => told.push(snapshot));
    const unwatch = rig.player.watched();
    await rig.pass(20_000);
    unwatch();
    assert.deepEqual(told, [], 'plain progress is no news');
    assert.ok(Math.abs((positionAt(rig.player.snapshot, rig.monotonic()) ?? NaN) - rig.scripted.position) < 0.5);
    rig.scripted.stop();
    await rig.settled();
    assert.equal(rig.player.snapshot.state, 'stopped');
    await rig.pass(10_000);
    assert.equal(rig.player.snapshot.state, 'stopped');
  });

  for (const [what, command, isDone] of [
    ['paused', (player) => player.pause({ signal }), ({ status }) => status === 'Paused'],
    ['stopped', (player) => player.stop({ signal }), ({ status }) => status === 'Stopped'],
    ['taken to a place', (player) => player.seek(40, { signal }), ({ position }) => Math.abs(position - 40) < 2],
    ['taken to the next', (player) => player.next({ signal }), ({ track }) => track?.url === 'file:///music/2.mp3'],
  ] as const satisfies readonly (readonly [string, (player: MprisRig['player']) => Promise<void>, (scripted: MprisRig['scripted']) => boolean])[]) {
    it(`is ${what}`, async () => {
      await opened();
      await command(rig.player);
      assert.ok(isDone(rig.scripted));
      await rig.pass(3_000);
      assert.equal(rig.player.snapshot.state, { Paused: 'paused', Stopped: 'stopped' }[rig.scripted.status] ?? 'playing');
    });
  }

  it('is not asked again and again where it stands still, and nobody watches', async () => {
    rig = await begin();
    rig.scripted.playList([{ url: 'file:///music/1.mp3', seconds: 300 }], 0, 'Stopped');
    await rig.pass(6_000);
    const before = rig.scripted.asked;
    await rig.pass(60_000);
    assert.deepEqual([rig.scripted.asked - before, rig.player.snapshot.state], [0, 'stopped']);
    rig.scripted.playSilently();
    await rig.pass(60_000);
    const unwatch = rig.player.watched();
    assert.ok(await rig.pass(2_500, () => rig.player.snapshot.state === 'playing'), 'it is looked at when somebody begins to watch');
    rig.scripted.stop();
    await rig.pass(30_000);
    rig.scripted.playSilently();
    assert.ok(await rig.pass(7_000, () => rig.player.snapshot.state === 'playing'), 'and while somebody does');
    unwatch();
  });

  it('has ended when it says so, though it can be asked nothing any more', async () => {
    rig = await begin();
    const media = await rig.media(60);
    const ended: string[] = [];
    rig.player.on('ended', (url) => ended.push(url));
    await rig.player.load(media, { signal });
    await rig.player.play({ signal });
    await rig.pass(58_500);
    rig.scripted.isStalled = true;
    rig.scripted.stop();
    await rig.settled();
    rig.player.detach();
    assert.deepEqual(ended, [media.url]);
  });
});
