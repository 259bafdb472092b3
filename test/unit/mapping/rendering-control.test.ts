import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RENDERING_CONTROL_MAPPING, USUAL_RANGE, renderingFacts, volumeFromDevice, volumeRange, volumeToDevice } from '../../../src/mapping/rendering-control.ts';

const range = fc.tuple(fc.integer({ min: -100, max: 100 }), fc.integer({ min: 1, max: 10_000 })).map(([min, steps]) => ({ min, max: min + steps }));

describe('RenderingControl', () => {
  it('takes the range that a device says, if it is one', () => {
    assert.deepEqual(volumeRange('0', '25'), { min: 0, max: 25 });
    assert.deepEqual(volumeRange(undefined, '50'), { min: 0, max: 50 });
    for (const [min, max] of [['0', '0'], ['10', '5'], ['0', undefined], ['x', '5'], ['0', ''], [undefined, undefined]] as const) assert.equal(volumeRange(min, max), USUAL_RANGE);
  });

  it('scales both ways, and stays inside', () => {
    const narrow = { min: 0, max: 25 };
    assert.deepEqual([0, 2, 50, 61, 100].map((volume) => volumeToDevice(volume, narrow)), [0, 1, 13, 15, 25]);
    assert.deepEqual([0, 15, 25, 30, -1].map((value) => volumeFromDevice(value, narrow)), [0, 60, 100, 100, 0]);
  });

  it('gives back what was set, where the device has as many steps; else what the device has', () => {
    fc.assert(fc.property(range, fc.integer({ min: 0, max: 100 }), ({ min, max }, volume) => {
      const device = volumeToDevice(volume, { min, max });
      assert.ok(device >= min && device <= max);
      if (max - min >= 100) assert.equal(volumeFromDevice(device, { min, max }), volume);
      else assert.equal(volumeToDevice(volumeFromDevice(device, { min, max }), { min, max }), device);
    }));
  });

  it('reads volume and mute as devices write them', () => {
    const map = (values: Record<string, string>) => renderingFacts(new Map(Object.entries(values)));
    assert.deepEqual(map({ Volume: ' 7 ', Mute: '1' }), { volume: 7, mute: true });
    assert.deepEqual(map({ CurrentVolume: '12.6', CurrentMute: 'False' }), { volume: 13, mute: false });
    assert.deepEqual(map({ Volume: 'loud', Mute: 'maybe', Brightness: '3' }), {});
  });

  it('has every action and variable of RenderingControl:1 once in its table', () => {
    const count = (kind: string): number => RENDERING_CONTROL_MAPPING.filter((row) => row.kind === kind).length;
    assert.deepEqual([count('action'), count('event'), count('property')], [35, 1, 20]);
    assert.equal(new Set(RENDERING_CONTROL_MAPPING.map(({ kind, upnp }) => `${kind} ${upnp}`)).size, RENDERING_CONTROL_MAPPING.length);
    for (const { upnp, here, note } of RENDERING_CONTROL_MAPPING) assert.ok(here !== undefined || note !== '', `${upnp} is lost without a word`);
  });
});
