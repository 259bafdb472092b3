import assert from 'node:assert/strict';
import { createMprisAdapter } from '../../src/dbus/mpris-adapter.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { DeviceSourceRig } from '../compliance/media-device.suite.ts';
import type { Bus } from '../peers/dbus.ts';
import { waitUntil } from '../peers/wait.ts';
import { connectPeer } from './bus-peer.ts';
import { FakeClock } from './fake-clock.ts';
import { inPassing } from './renderer-rig.ts';
import { ScriptedMpris } from './scripted-mpris.ts';
import { settings } from './settings.ts';

const NAME = 'org.mpris.MediaPlayer2.scripted';
const ID = `${NAME}@here`;
const signal = new AbortController().signal;

/** The MPRIS adapter on a real bus, and a scripted player that comes and goes there, with time that passes when it is told to. */
export function mprisSourceRig(bus: Bus): DeviceSourceRig {
  const clock = new FakeClock();
  const env = { DBUS_SESSION_BUS_ADDRESS: bus.address };
  const source = createMprisAdapter(
    { clock, random: systemRandom, log: silentLogger, env, uid: 0, machine: 'here', isOwnPlayer: () => false },
    { mpris: { ...settings.mpris, buses: [{ label: 'session', address: 'session' }] }, dbus: settings.dbus },
  );
  let program: { readonly scripted: ScriptedMpris; readonly peer: Awaited<ReturnType<typeof connectPeer>> } | undefined;
  let volume = 0;
  const known = () => source.devices().find(({ description: { id } }) => id === ID)?.player?.snapshot;
  const knows = (what: string, condition: (snapshot: NonNullable<ReturnType<typeof known>>) => boolean): Promise<unknown> =>
    waitUntil(what, () => {
      const snapshot = known();
      return snapshot === undefined || condition(snapshot);
    });
  /** What comes after everything that was said on the bus before. */
  const heard = async (): Promise<void> => {
    volume = (volume + 10) % 100;
    program?.scripted.setVolume(volume / 100);
    await knows('it is heard', (snapshot) => snapshot.problem === undefined && snapshot.volume === volume);
  };
  const leave = async (): Promise<void> => {
    program?.scripted.close();
    await program?.peer.close();
    program = undefined;
  };
  return {
    source,
    description: { id: ID, name: 'Scripted', kind: 'media-player', model: 'scripted' },
    async appear() {
      if (program) await program.peer.own(`${NAME}.instance7`);
      else {
        const peer = await connectPeer(bus.address);
        program = { peer, scripted: new ScriptedMpris(peer, clock) };
        await peer.own(NAME);
      }
      await heard();
    },
    async vanish() {
      await leave();
      await knows('it is away', ({ problem }) => problem !== undefined);
      await clock.advance(settings.mpris.hysteresis - 1);
    },
    elapse: () => clock.advance(settings.mpris.hysteresis + 1),
    async use({ player }) {
      assert.ok(player);
      await inPassing(player, clock).setVolume(33, { signal });
      assert.equal(program?.scripted.volume, 0.33);
    },
    close: leave,
  };
}
