import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { Link } from '../../src/xpmn/model/link-addresses.ts';
import { createMdnsSocket } from '../../src/xpmn/serverless/mdns/dgram-mdns-socket.ts';
import { MDNS_IPV4 } from '../../src/xpmn/serverless/mdns/mdns-socket.ts';
import { FakeMdnsNetwork } from '../fakes/fake-mdns-network.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { describeMdnsSocket } from './mdns-socket.suite.ts';
import type { Neighbour } from './mdns-socket.suite.ts';

// Two networks of loopback stand for two interfaces: nothing leaves the machine.
describeMdnsSocket('node:dgram on loopback', async () => {
  const links: [Link, Link] = [
    { name: 'one', loopback: true, addresses: [{ address: '127.0.1.1', prefix: 24 }] },
    { name: 'two', loopback: true, addresses: [{ address: '127.0.2.1', prefix: 24 }] },
  ];
  const clock = new FakeClock();
  const open: Socket[] = [];
  const bind = async (address: string, port: number): Promise<Socket> => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true }).bind({ address, port, exclusive: true });
    open.push(socket);
    await once(socket, 'listening');
    return socket;
  };
  const free = await bind('127.0.0.1', 0);
  const { port } = free.address();
  const neighbours = new Map<Link, Neighbour>();
  for (const [link, own] of [[links[0], '127.0.1.9'], [links[1], '127.0.2.9']] as const) {
    const listener = await bind(MDNS_IPV4, port);
    listener.addMembership(MDNS_IPV4, own);
    const speaker = await bind(own, port);
    speaker.setMulticastInterface(own);
    const neighbour = Object.assign(new EventEmitter<{ heard: [string, string, number] }>(), {
      multicast: (data: string) => send(speaker, data, port, MDNS_IPV4),
      unicast: (data: string) => send(speaker, data, port, link.addresses[0]?.address ?? ''),
    });
    speaker.on('message', (data, from) => neighbour.emit('heard', data.toString(), from.address, from.port));
    listener.on('message', (data, from) => {
      if (from.address.slice(0, 8) === own.slice(0, 8)) neighbour.emit('heard', data.toString(), from.address, from.port);
    });
    neighbours.set(link, neighbour);
  }
  const before = openSockets();
  let present: readonly Link[] = links;
  const listInterfaces = () => Object.fromEntries(present.map(({ name, addresses }) => [name, addresses.map(({ address, prefix }) =>
    ({ address, netmask: '', family: 'IPv4' as const, mac: '', internal: true, cidr: `${address}/${prefix}` }))]));
  return {
    socket: createMdnsSocket({ clock, log: silentLogger, listInterfaces }, { ...settings.mdns, port, interfaces: ['one', 'two'] }),
    links,
    setLinks: (wanted) => (present = wanted),
    look: () => clock.advance(settings.mdns.interfaceInterval),
    neighbour: (link) => neighbours.get(link) as Neighbour,
    leftovers: () => openSockets() - before + clock.pending,
    async close() {
      for (const socket of open) socket.close();
    },
  };
});

describeMdnsSocket('in memory', async () => {
  const links: [Link, Link] = [
    { name: 'one', loopback: false, addresses: [{ address: '192.0.2.1', prefix: 24 }] },
    { name: 'two', loopback: false, addresses: [{ address: '198.51.100.1', prefix: 24 }] },
  ];
  const network = new FakeMdnsNetwork();
  const socket = network.connect(links);
  const neighbours = new Map<Link, Neighbour>();
  for (const { name, addresses: [own] } of links) {
    const neighbour = Object.assign(new EventEmitter<{ heard: [string, string, number] }>(), {
      multicast: async (data: string) => network.carry({ data: Buffer.from(data), link: name, address: '192.0.2.9', port: 5353 }),
      unicast: async () => undefined,
    });
    await network.connect([{ name, loopback: false, addresses: own ? [own] : [] }]).start({
      packet: ({ data, address, port }) => neighbour.emit('heard', data.toString(), address, port), links: () => undefined,
    });
    neighbours.set(links.find((link) => link.name === name) as Link, neighbour);
  }
  network.on('unicast', (data, to) => neighbours.get(links[0])?.emit('heard', data.toString(), to, 5353));
  let next: readonly Link[] = links;
  return {
    socket,
    links,
    setLinks(wanted) {
      next = wanted;
      if (!socket.isOpen) socket.setLinks(wanted);
    },
    look: async () => socket.setLinks(next),
    neighbour: (link) => neighbours.get(link) as Neighbour,
    leftovers: () => (socket.isOpen ? 1 : 0),
    close: async () => undefined,
  };
});

function send(socket: Socket, data: string, port: number, address: string): Promise<void> {
  return new Promise((resolve) => socket.send(data, port, address, () => resolve()));
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.toUpperCase() === 'UDPWRAP').length;
}
