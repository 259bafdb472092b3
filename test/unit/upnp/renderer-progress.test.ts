import assert from 'node:assert/strict';
import { Learnt } from '../../../src/upnp/learnt.ts';
import { RendererProgress } from '../../../src/upnp/renderer-progress.ts';
import { initialState } from '../../../src/upnp/renderer-state.ts';
import type { RendererState } from '../../../src/upnp/renderer-state.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { playerMedia } from '../../support/media-players.ts';
import { rendererRig } from '../../support/renderer-rig.ts';
import { settings } from '../../support/settings.ts';

const options = settings.upnp.renderer;
const signal = new AbortController().signal;

/** A renderer that says that it plays, at the end of what was loaded. */
function atItsEnd(): { readonly progress: RendererProgress; readonly clock: FakeClock; readonly stuck: number; readonly state: RendererState; look(position: number): Promise<void> } {
  const clock = new FakeClock();
  const own = playerMedia('http://192.0.2.1/1.mp3', 20);
  let stuck = 0;
  const tracker = {
    state: { ...initialState(clock.monotonic()), own, uri: own.url, phase: 'playing', position: 20, wasHeard: true } as RendererState,
    set: (next: RendererState) => void (tracker.state = next),
  };
  const progress = new RendererProgress({ clock, tracker, learnt: new Learnt(), stuck: () => (stuck += 1) }, options);
  return {
    progress, clock,
    get stuck() { return stuck; },
    get state() { return tracker.state; },
    async look(position) {
      await clock.advance(options.endPatience - 1);
      assert.equal(progress.isEndDue, false);
      await clock.advance(1);
      assert.equal(progress.isEndDue, true);
      progress.looked({ position, isEnd: true, began: undefined });
    },
  };
}

describe('a renderer at the end of a title', () => {
  it('is over when it stands still between two looks', async () => {
    const rig = atItsEnd();
    await rig.look(20);
    assert.deepEqual([rig.stuck, rig.state.phase], [0, 'playing']);
    await rig.look(20);
    assert.deepEqual([rig.stuck, rig.state.phase, rig.state.isOver, rig.progress.endAsked], [1, 'stopped', true, undefined]);
  });

  it('is not over while it goes on', async () => {
    const rig = atItsEnd();
    for (const position of [20, 23, 26]) await rig.look(position);
    assert.equal(rig.stuck, 0);
    await rig.look(26);
    assert.equal(rig.stuck, 1);
  });

  it('is looked at twice again when it has told something', async () => {
    const rig = atItsEnd();
    await rig.look(20);
    rig.progress.heard();
    rig.progress.looked({ position: 20, isEnd: true, began: undefined });
    assert.equal(rig.stuck, 0);
  });

  it('is looked at twice at the end of each title, also where it tells nothing', async () => {
    const { device, player, clock } = await rendererRig({ isSilent: true, defects: { mute: true, stuckAtEnd: true } });
    for (const url of ['http://192.0.2.1/1.mp3', 'http://192.0.2.1/2.mp3']) {
      device.lengths.set(url, 20);
      void player.load(playerMedia(url, 20), { signal }).then(() => player.play({ signal }));
      await clock.advance(1200);
      device.calls.length = 0;
      // Late, but by itself.
      await clock.advance(19_000 + 1.5 * options.endPatience);
      assert.deepEqual([player.snapshot.state, device.calls.filter((name) => !name.startsWith('Get'))], ['playing', []], url);
      device.hand.stop();
      await clock.advance(2000);
      assert.equal(player.snapshot.state, 'stopped');
    }
    device.stopAll();
    await player.close();
  });
});
