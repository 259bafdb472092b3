import type { Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../kernel/clock.ts';
import { readInterfaces } from '../../kernel/interfaces.ts';
import type { Logger } from '../../kernel/log.ts';
import { bindShared, closeSocket, sendDatagram } from '../../kernel/multicast-socket.ts';
import { SerialQueue } from '../../kernel/tasks.ts';
import { isOnLink, linksOf } from '../../model/link-addresses.ts';
import type { Link } from '../../model/link-addresses.ts';
import { MDNS_IPV4, MDNS_IPV6 } from './mdns-socket.ts';
import type { MdnsSocket, MdnsSocketEvents } from './mdns-socket.ts';

export interface MdnsSocketOptions {
  readonly port: number;
  /** Names of the interfaces to use; none: all but loopback. */
  readonly interfaces: readonly string[];
  readonly maxInterfaces: number;
  /** Milliseconds between two looks at the interfaces. */
  readonly interfaceInterval: number;
}

export interface MdnsSocketDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** For tests; the machine's own by default. */
  readonly listInterfaces?: () => ReturnType<typeof networkInterfaces>;
}

type Family = 4 | 6;

interface OpenLink {
  readonly link: Link;
  readonly sockets: Map<Family, Socket>;
}

/** RFC 6762 §11: all that is sent has this hop limit, by which its readers know that it comes from the link. */
const HOP_LIMIT = 255;

/** Multicast DNS over node:dgram: one socket for each interface and family. */
export function createMdnsSocket(deps: MdnsSocketDeps, options: MdnsSocketOptions): MdnsSocket {
  return new DgramMdnsSocket(deps, options);
}

class DgramMdnsSocket implements MdnsSocket {
  private readonly deps: MdnsSocketDeps;
  private readonly options: MdnsSocketOptions;
  private readonly open = new Map<string, OpenLink>();
  private readonly queue = new SerialQueue();
  /** Interfaces whose failure the log has. */
  private readonly failed = new Set<string>();
  private events: MdnsSocketEvents | undefined;
  private timer: Timer | undefined;
  /** Whether the links are others than those that were said. */
  private hasChanged = false;
  private isClosed = false;

  constructor(deps: MdnsSocketDeps, options: MdnsSocketOptions) {
    this.deps = deps;
    this.options = options;
  }

  async start(events: MdnsSocketEvents): Promise<void> {
    this.events = events;
    await this.queue.run(() => this.follow());
  }

  async multicast(link: string, data: Buffer): Promise<void> {
    const sockets = [...(this.open.get(link)?.sockets ?? [])];
    await Promise.all(sockets.map(([family, socket]) => this.send(socket, data, groupOf(family, link), this.options.port)));
  }

  async unicast(link: string, data: Buffer, address: string, port: number): Promise<void> {
    const socket = this.open.get(link)?.sockets.get(address.includes(':') ? 6 : 4);
    if (socket) await this.send(socket, data, address, port);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
    await this.queue.run(() => Promise.all([...this.open.keys()].map((name) => this.drop(name))));
  }

  /** Opens what is new, closes what went away, and comes back later. */
  private async follow(): Promise<void> {
    if (this.isClosed) return;
    const table = readInterfaces(this.deps.listInterfaces ?? networkInterfaces, this.deps.log);
    if (table) await this.use(linksOf(table, this.options.interfaces).slice(0, this.options.maxInterfaces));
    if (this.isClosed) return;
    this.timer = this.deps.clock.after(this.options.interfaceInterval, () => void this.queue.run(() => this.follow()));
    if (this.hasChanged) this.events?.links([...this.open.values()].map(({ link }) => link));
    this.hasChanged = false;
  }

  private async use(links: readonly Link[]): Promise<void> {
    const wanted = new Map(links.map((link) => [link.name, link]));
    for (const name of [...this.open.keys()]) if (!wanted.has(name)) await this.drop(name);
    for (const link of wanted.values()) await this.openLink(link);
  }

  /** Opens what is missing of a link, and what depended on an address that is gone. */
  private async openLink(link: Link): Promise<void> {
    const before = this.open.get(link.name);
    const sockets = before?.sockets ?? new Map<Family, Socket>();
    for (const family of [4, 6] as const) {
      const base = baseOf(link, family);
      const socket = sockets.get(family);
      if (this.isClosed || (socket && base === baseOf(before?.link, family))) continue;
      sockets.delete(family);
      if (socket) await closeSocket(socket);
      const opened = base === '' ? undefined : await this.openSocket(link, family, base);
      if (opened) sockets.set(family, opened);
      this.hasChanged ||= opened !== socket;
    }
    this.hasChanged ||= before !== undefined && !isDeepStrictEqual(before.link, link);
    if (sockets.size > 0) this.open.set(link.name, { link, sockets });
    else this.open.delete(link.name);
  }

  private async openSocket(link: Link, family: Family, base: string): Promise<Socket | undefined> {
    let socket: Socket | undefined;
    try {
      // Bound to the group, not to any address: unicast to this port stays with the other responder of this machine.
      socket = await bindShared({ family, address: groupOf(family, link.name), port: this.options.port });
      socket.on('message', (data, { address, port }) => this.received(link.name, family, data, address, port));
      const own = family === 4 ? base : `::%${link.name}`;
      socket.addMembership(family === 4 ? MDNS_IPV4 : MDNS_IPV6, own);
      socket.setMulticastInterface(own);
      socket.setMulticastTTL(HOP_LIMIT);
      socket.setTTL(HOP_LIMIT);
      socket.setMulticastLoopback(true);
      // The interface went away under it: the next look at the interfaces opens it again, if it is there.
      socket.on('error', () => void this.queue.run(() => this.drop(link.name)));
      this.failed.delete(`${link.name} ${family}`);
      return socket;
    } catch (error) {
      this.report(link.name, family, error);
      if (socket) await closeSocket(socket);
      return undefined;
    }
  }

  private report(name: string, family: Family, error: unknown): void {
    const key = `${name} ${family}`;
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' && !this.failed.has(key);
    this.failed.add(key);
    const fields = { interface: name, family, port: this.options.port, error: String(error) };
    if (isTaken) this.deps.log.warn('Another program on this machine keeps the port of multicast DNS to itself.', fields);
    else this.deps.log.debug('Multicast DNS can\'t use an interface.', fields);
  }

  private received(link: string, family: Family, data: Buffer, address: string, port: number): void {
    const one = this.open.get(link);
    if (this.isClosed || !one) return;
    // A socket that is bound to the IPv4 group hears it on all interfaces; only the sender's network tells them apart.
    const isAlone = [...this.open.values()].filter(({ sockets }) => sockets.has(4)).length === 1;
    if (family === 4 && !isAlone && !isOnLink(address, one.link)) return;
    this.events?.packet({ data, link, address, port });
  }

  private async send(socket: Socket, data: Buffer, address: string, port: number): Promise<void> {
    const error = await sendDatagram(socket, data, { address, port });
    if (error) this.deps.log.debug('A packet of multicast DNS could not be sent.', { to: address, error: error.message });
  }

  private async drop(name: string): Promise<void> {
    const one = this.open.get(name);
    this.hasChanged ||= this.open.delete(name);
    await Promise.all([...(one?.sockets.values() ?? [])].map(closeSocket));
  }
}

/** The address that a socket of the family depends on; '' where there is none. */
function baseOf(link: Link | undefined, family: Family): string {
  const addresses = (link?.addresses ?? []).map(({ address }) => address).filter((address) => address.includes(':') === (family === 6));
  // IPv6 multicast goes by the interface alone, as long as it has a link-local address to send from.
  if (family === 6) return addresses.some((address) => /^fe[89ab]/i.test(address)) ? 'link-local' : '';
  return addresses[0] ?? '';
}

function groupOf(family: Family, name: string): string {
  return family === 4 ? MDNS_IPV4 : `${MDNS_IPV6}%${name}`;
}
