import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { initialState } from '../../../src/upnp/renderer-state.ts';
import { RendererVolume } from '../../../src/upnp/renderer-volume.ts';
import { USUAL_MODELS } from '../../../src/upnp/scpd.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const signal = new AbortController().signal;

/** One on a device of so many steps, with what that was told. */
function volumeOf({ max = 100, missing = [] }: { readonly max?: number; readonly missing?: readonly string[] } = {}) {
  const clock = new FakeClock();
  const tracker = { state: initialState(0), set: (next: ReturnType<typeof initialState>) => void (tracker.state = next) };
  const told: string[] = [];
  const device: { refusal?: XpmnError } = {};
  const volume = new RendererVolume({
    clock, tracker,
    services: {
      has: (_service, action) => !missing.includes(action),
      model: () => ({ ...USUAL_MODELS.RenderingControl, volume: { min: 0, max } }),
      call: async (_service, action, { DesiredVolume, DesiredMute }) => {
        if (device.refusal) throw device.refusal;
        told.push(`${action} ${DesiredVolume ?? DesiredMute}`);
        return new Map();
      },
    },
  }, { echo: 1000 });
  return { clock, device, told, volume, known: () => [tracker.state.volume, tracker.state.mute] };
}

describe('how loud a renderer is', () => {
  it('is told in its own steps, and known at once as it was set', async () => {
    const { volume, told, known } = volumeOf({ max: 25 });
    await volume.setVolume(42, signal);
    await volume.setMute(true, signal);
    assert.deepEqual([told, known()], [['SetVolume 11', 'SetMute 1'], [42, true]]);
    assert.equal(volume.heard({ volume: 11 }), true);
    assert.deepEqual(known(), [42, true], 'its own word for that');
  });

  it('does not change by an echo of what was replaced since, but mute does, in the same words', async () => {
    const { volume, clock, known } = volumeOf();
    await volume.setVolume(10, signal);
    await volume.setVolume(20, signal);
    assert.equal(volume.heard({ volume: 10, mute: true }), false);
    assert.deepEqual(known(), [20, true]);
    await clock.advance(5000);
    assert.equal(volume.heard({ volume: 10, mute: false }), true);
    assert.deepEqual(known(), [10, false]);
  });

  it('is as before where it is refused', async () => {
    const { volume, device, known } = volumeOf();
    volume.heard({ volume: 30, mute: false });
    device.refusal = new XpmnError('not-acceptable', 'No.');
    await assert.rejects(volume.setVolume(60, signal), device.refusal);
    await assert.rejects(volume.setMute(true, signal), device.refusal);
    assert.deepEqual(known(), [30, false]);
    volume.heard({ volume: 59 });
    assert.deepEqual(known(), [59, false], 'nothing of it is remembered');
  });

  it('can\'t be set where there is no such action', async () => {
    const { volume, told } = volumeOf({ missing: ['SetVolume', 'SetMute'] });
    await assert.rejects(volume.setVolume(1, signal), { code: 'not-supported' });
    await assert.rejects(volume.setMute(true, signal), { code: 'not-supported' });
    assert.deepEqual(told, []);
  });

  it('is what it will be while it is muted; a device that told 0 is told again how loud', async () => {
    const { volume, told, known } = volumeOf();
    volume.heard({ volume: 40 });
    await volume.setMute(true, signal);
    assert.equal(volume.heard({ volume: 0 }), true);
    assert.deepEqual(known(), [40, true]);
    await volume.setMute(false, signal);
    assert.deepEqual([told, known()], [['SetMute 1', 'SetMute 0', 'SetVolume 40'], [40, false]]);
  });

  it('is not told again to one that has kept it', async () => {
    const { volume, told } = volumeOf();
    volume.heard({ volume: 40, mute: true });
    await volume.setMute(false, signal);
    assert.deepEqual(told, ['SetMute 0']);
  });
});
