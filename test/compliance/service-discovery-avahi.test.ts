import { createAvahiDiscovery } from '../../src/dbus/avahi-discovery.ts';
import { createMessageBus } from '../../src/dbus/message-bus.ts';
import type { MessageBus } from '../../src/dbus/bus.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { DiscoveryLimits } from '../../src/xpmn/ports/service-discovery.ts';
import { FakeAvahi } from '../fakes/fake-avahi.ts';
import { FakeServiceLink } from '../fakes/fake-service-discovery.ts';
import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { connectPeer } from '../support/bus-peer.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { passing } from '../support/passing.ts';
import { settings } from '../support/settings.ts';
import { describeServiceDiscovery } from './service-discovery.suite.ts';

interface Machine {
  readonly bus: Bus;
  readonly client: MessageBus;
  readonly peer: Awaited<ReturnType<typeof connectPeer>>;
  readonly avahi: FakeAvahi;
}

/** Machines for the tests, each with a bus and an avahi of its own; they are used again, as a bus takes a while to start. */
const buses: Bus[] = [];

describeServiceDiscovery('avahi, as a fake on a real message bus', async () => {
  const clock = new FakeClock();
  const link = new FakeServiceLink(clock);
  const machines: Machine[] = [];
  // As many as any test opens: opening one is no promise.
  for (let index = 0; index < 4; index += 1) {
    const bus = buses[index] ?? (await startBus());
    buses[index] = bus;
    const peer = await connectPeer(bus.address);
    const avahi = new FakeAvahi(peer, link, `192.0.2.${index + 1}`);
    await avahi.start();
    const client = createMessageBus({ clock: systemClock, random: systemRandom, log: silentLogger }, { ...settings.dbus, address: bus.address });
    await client.start({ signal: new AbortController().signal });
    machines.push({ bus, client, peer, avahi });
  }
  const eth0 = [{ address: '192.0.2.50', cidr: '192.0.2.50/24', internal: false }];
  let opened = 0;
  let strangers = 0;
  // What was said has arrived, and what that led to, too.
  const between = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn += 1) {
      await settle();
      await Promise.all(machines.slice(0, opened).map(({ client }) => client.call({ destination: 'org.freedesktop.Avahi', path: '/', interface: 'org.freedesktop.Avahi.Server', member: 'GetState' }, {})));
    }
  };
  return {
    open(limits: DiscoveryLimits = settings.mdns) {
      const { client } = machines[opened] as Machine;
      opened += 1;
      const deps = { bus: client, clock, log: silentLogger, listInterfaces: () => ({ eth0 }) };
      return createAvahiDiscovery(deps, { ...settings.mdns, ...limits });
    },
    async stranger() {
      const sender = `192.0.2.${100 + (strangers += 1)}`;
      return {
        say: async (service) => link.say({ ...service, sender }),
        goodbye: async (instance) => link.goodbye(instance),
        vanish: async (instance) => link.vanish(instance),
      };
    },
    address: (index) => `192.0.2.${200 + index}`,
    cut: () => link.cut(),
    mend: () => link.mend(),
    pass: passing(clock, between),
    leftovers: () => clock.pending + machines.reduce((sum, { avahi }) => sum + avahi.objects, 0),
    async close() {
      for (const { client, avahi, peer } of machines) {
        await avahi.stop();
        await client.stop();
        await peer.close();
      }
    },
  };
});

after(() => Promise.all(buses.map((bus) => bus.stop())));
