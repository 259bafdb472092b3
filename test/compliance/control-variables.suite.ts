import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { ControlVariable } from '../../src/xpmn/model/playback.ts';
import type { PlaybackCall, PlaybackControl } from '../../src/xpmn/ports/playback-control.ts';
import type { PlaybackRig } from './playback-control.suite.ts';

/** The part of the contract of xpmn/ports/playback-control.ts that is about variables. */
export function describeControlVariables(name: string, setup: () => Promise<PlaybackRig>): void {
  describe(`control variables: ${name}`, () => {
    let rig: PlaybackRig;
    let control: PlaybackControl;
    let variables: ControlVariable[];

    beforeEach(async () => {
      rig = await setup();
      ({ control } = rig);
      variables = [];
      control.on('variable', (variable) => variables.push(variable));
    });

    afterEach(() => rig.close());

    const call = (): PlaybackCall => ({ by: parseJid('romeo@montague.lit/orchard'), signal: new AbortController().signal });
    const until = async (what: string, condition: () => boolean): Promise<void> => assert.ok(await rig.pass(10_000, condition), what);
    const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
      assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));

    it('has variables, and tells what they are, once', async () => {
      assert.deepEqual([...control.controls].sort(), ['mute', 'volume']);
      await control.setVariables([{ name: 'volume', value: 33 }, { name: 'mute', value: true }], call());
      await until('they are set', () => control.variables.some(({ value }) => value === 33) && control.variables.some(({ value }) => value === true));
      rig.hand.setVolume(44);
      rig.hand.setVolume(44);
      rig.hand.setMute(false);
      await rig.pass(500);
      assert.deepEqual(variables, [{ name: 'volume', value: 33 }, { name: 'mute', value: true }, { name: 'volume', value: 44 }, { name: 'mute', value: false }]);
      await control.setVariables([{ name: 'volume', value: 44 }], call());
      await rig.pass(500);
      assert.equal(variables.length, 4);
    });

    it('sets all variables or none', async () => {
      const before = control.variables;
      const bad: (readonly [readonly unknown[], ErrorCode])[] = [
        [[{ name: 'volume', value: 10 }, { name: 'brightness', value: 1 }], 'not-found'], [[{ name: 'mute', value: true }, { name: 'volume', value: 101 }], 'not-acceptable'],
        [[{ name: 'volume', value: 0.5 }], 'not-acceptable'], [[{ name: 'volume', value: 1 }, { name: 'volume', value: 2 }], 'bad-request'],
      ];
      for (const [given, code] of bad) await rejects(control.setVariables(given as ControlVariable[], call()), code);
      await rig.pass(500);
      assert.deepEqual(control.variables, before);
      assert.deepEqual(variables, []);
    });

    it('does not wait for a title to set the volume', async () => {
      const opening = rejects(control.open({ uris: [rig.endless()], autoplay: true }, call()), 'aborted');
      await control.setVariables([{ name: 'volume', value: 12 }], call());
      await until('it is set', () => control.variables.some(({ value }) => value === 12));
      await control.close(call());
      await opening;
    });
  });
}
