import assert from 'node:assert/strict';
import { createMprisAdapter } from '../../src/dbus/mpris-adapter.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { MediaPlayer } from '../../src/xpmn/ports/media-player.ts';
import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { waitUntil } from '../peers/wait.ts';
import { connectPeer } from '../support/bus-peer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { playerMedia } from '../support/media-players.ts';
import { inPassing } from '../support/renderer-rig.ts';
import { ScriptedMpris } from '../support/scripted-mpris.ts';
import { settings } from '../support/settings.ts';

const NAME = 'org.mpris.MediaPlayer2.scripted';
const signal = new AbortController().signal;

/** As a machine does for a moment that has too much to do: what comes meanwhile is there at once. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('a player on the bus that leaves when it has come to its end', function () {
  this.timeout(20_000);
  let bus: Bus;
  before(async () => (bus = await startBus()));
  after(() => bus.stop());

  it('has come to its end also for who hears of all of that at once', async () => {
    const clock = new FakeClock();
    const deps = { clock, random: systemRandom, log: silentLogger, env: { DBUS_SESSION_BUS_ADDRESS: bus.address }, uid: 0, machine: 'here', isOwnPlayer: () => false };
    const source = createMprisAdapter(deps, { mpris: settings.mpris, dbus: settings.dbus });
    const peer = await connectPeer(bus.address);
    const scripted = new ScriptedMpris(peer, clock);
    try {
      await source.start({ signal });
      await peer.own(NAME);
      const player = (await waitUntil('it appears', () => source.devices()[0]?.player)) as MediaPlayer;
      const media = playerMedia('http://127.0.0.1:8080/1.mp3', 60);
      scripted.lengths.set(media.url, 60);
      const ended: string[] = [];
      player.on('ended', (url) => ended.push(url));
      const told = inPassing(player, clock);
      await told.load(media, { signal });
      await told.play({ signal });
      await clock.advance(59_500);
      // What it says first is still being looked at.
      scripted.setVolume(0.5);
      scripted.stop();
      void peer.release(NAME);
      standStill(300);
      await waitUntil('it is away', () => player.snapshot.problem?.code === 'unreachable');
      assert.deepEqual(ended, [media.url]);
    } finally {
      scripted.close();
      await source.stop();
      await peer.close();
    }
  });
});
