import { createMessageBus } from '../../src/dbus/message-bus.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import { startBus } from '../peers/dbus.ts';
import { connectPeer } from '../support/bus-peer.ts';
import type { BusRig } from '../support/bus-rig.ts';
import { TrackedClock } from '../support/tracked-clock.ts';
import { describeBusNames } from './message-bus-names.suite.ts';
import { describeMessageBus } from './message-bus.suite.ts';

const setup = async (): Promise<BusRig> => {
  const bus = await startBus();
  const clock = new TrackedClock();
  const before = openPipes();
  const peers: Awaited<ReturnType<typeof connectPeer>>[] = [];
  return {
    open: (options) => createMessageBus({ clock, random: systemRandom, log: silentLogger }, { ...options, address: bus.address }),
    async peer() {
      const peer = await connectPeer(bus.address);
      peers.push(peer);
      return peer;
    },
    end: () => bus.end({ crash: true }),
    begin: () => bus.begin(),
    leftovers: () => openPipes() - before - peers.length + clock.pending,
    async close() {
      await Promise.all(peers.map((peer) => peer.close()));
      await bus.stop();
    },
  };
};
describeMessageBus('dbus-daemon', setup);
describeBusNames('dbus-daemon', setup);

function openPipes(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.toUpperCase() === 'PIPEWRAP').length;
}
