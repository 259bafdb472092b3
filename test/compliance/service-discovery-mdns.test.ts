import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { networkInterfaces } from 'node:os';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { DiscoveryLimits } from '../../src/xpmn/ports/service-discovery.ts';
import { createMdnsDiscovery } from '../../src/xpmn/serverless/mdns-discovery.ts';
import { createMdnsSocket } from '../../src/xpmn/serverless/mdns/dgram-mdns-socket.ts';
import { MDNS_IPV4 } from '../../src/xpmn/serverless/mdns/mdns-socket.ts';
import { FakeMdnsNetwork } from '../fakes/fake-mdns-network.ts';
import { DnsStranger } from '../support/dns-stranger.ts';
import { FakeClock, FakeRandom, settle } from '../support/fake-clock.ts';
import { passing } from '../support/passing.ts';
import { settings } from '../support/settings.ts';
import { describeServiceDiscovery } from './service-discovery.suite.ts';

describeServiceDiscovery('multicast DNS on a link in memory', async () => {
  const clock = new FakeClock();
  const network = new FakeMdnsNetwork();
  let machines = 0;
  const machine = () => network.connect([{ name: 'eth0', loopback: false, addresses: [{ address: `192.0.2.${(machines += 1)}`, prefix: 24 }] }]);
  return {
    open(limits: DiscoveryLimits = settings.mdns) {
      const socket = machine();
      return createMdnsDiscovery({ clock, random: new FakeRandom(machines), log: silentLogger, socket }, { ...settings.mdns, ...limits });
    },
    async stranger() {
      const socket = machine();
      const stranger = new DnsStranger((packet) => socket.multicast('eth0', packet));
      await socket.start({ packet: ({ data }) => void stranger.heard(data), links: () => undefined });
      return stranger;
    },
    address: (index) => `192.0.2.${200 + index}`,
    cut: () => network.cut(),
    mend: () => network.mend(),
    pass: passing(clock, settle),
    leftovers: () => clock.pending + network.open,
    close: async () => undefined,
  };
});

describeServiceDiscovery('multicast DNS over node:dgram on loopback', async () => {
  const clock = new FakeClock();
  const strangers: Socket[] = [];
  const before = openSockets();
  let machines = 0;
  let isCut = false;
  // A port of its own: nobody else on this machine is disturbed, and no other test.
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const listInterfaces = (): ReturnType<typeof networkInterfaces> => (isCut ? {} : {
    lo: [{ address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4', mac: '00:00:00:00:00:00', internal: true, cidr: '127.0.0.1/8' }],
  });
  const pass = passing(clock, settle);
  return {
    open(limits: DiscoveryLimits = settings.mdns) {
      const options = { ...settings.mdns, ...limits, port, interfaces: ['lo'] };
      const socket = createMdnsSocket({ clock, log: silentLogger, listInterfaces }, options);
      return createMdnsDiscovery({ clock, random: new FakeRandom((machines += 1)), log: silentLogger, socket }, options);
    },
    async stranger() {
      const socket = createSocket({ type: 'udp4', reuseAddr: true });
      strangers.push(socket);
      socket.bind({ address: MDNS_IPV4, port, exclusive: true });
      await once(socket, 'listening');
      // Each from an address of its own, as each would be a machine of its own.
      const own = `127.0.0.${100 + strangers.length}`;
      socket.addMembership(MDNS_IPV4, '127.0.0.1');
      socket.setMulticastInterface(own);
      const stranger = new DnsStranger((packet) => new Promise((resolve) => socket.send(packet, port, MDNS_IPV4, () => resolve())));
      socket.on('message', (packet) => void stranger.heard(packet));
      return stranger;
    },
    address: (index) => `127.0.0.${10 + index}`,
    cut: () => (isCut = true),
    mend: () => (isCut = false),
    pass,
    leftovers: () => openSockets() - before - strangers.length + clock.pending,
    async close() {
      for (const socket of strangers) socket.close();
      await settle();
    },
  };
});

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.toUpperCase() === 'UDPWRAP').length;
}
