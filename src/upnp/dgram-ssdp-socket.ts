import type { Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { readInterfaces } from '../xpmn/kernel/interfaces.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { bindShared, closeSocket, sendDatagram } from '../xpmn/kernel/multicast-socket.ts';
import { SerialQueue } from '../xpmn/kernel/tasks.ts';
import { SSDP_IPV4, SSDP_IPV6 } from './ssdp.ts';
import type { SsdpInterface, SsdpSocket, SsdpSocketEvents } from './ssdp-socket.ts';

export interface SsdpSocketOptions {
  readonly port: number;
  /** Router hops that a search may take. */
  readonly hops: number;
  /** Names of the interfaces to use; none: all but loopback. */
  readonly interfaces: readonly string[];
  /** Interface addresses in use at once. */
  readonly maxInterfaces: number;
  /** Milliseconds between two looks at the interfaces. */
  readonly interfaceInterval: number;
}

export interface SsdpSocketDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** For tests; the machine's own by default. */
  readonly listInterfaces?: () => ReturnType<typeof networkInterfaces>;
}

/** SSDP over node:dgram: for each interface address one socket that searches, and one a group that listens. */
export function createSsdpSocket(deps: SsdpSocketDeps, options: SsdpSocketOptions): SsdpSocket {
  return new DgramSsdpSocket(deps, options);
}

interface SocketSet {
  readonly on: SsdpInterface;
  readonly searcher: Socket;
  readonly all: Socket[];
}

class DgramSsdpSocket implements SsdpSocket {
  private readonly deps: SsdpSocketDeps;
  private readonly options: SsdpSocketOptions;
  private readonly sets = new Map<string, SocketSet>();
  private readonly queue = new SerialQueue();
  private events: SsdpSocketEvents | undefined;
  private timer: Timer | undefined;
  private closed = false;

  constructor(deps: SsdpSocketDeps, options: SsdpSocketOptions) {
    this.deps = deps;
    this.options = options;
  }

  async start(events: SsdpSocketEvents): Promise<void> {
    this.events = events;
    await this.queue.run(() => this.follow());
  }

  interfaces(): readonly SsdpInterface[] {
    return [...this.sets.values()].map(({ on }) => on);
  }

  async multicast(on: SsdpInterface, build: (group: string, port: number) => Buffer): Promise<void> {
    const set = this.sets.get(keyOf(on));
    if (!set) return;
    const groups = on.family === 4 ? [SSDP_IPV4] : SSDP_IPV6;
    await Promise.all(groups.map(async (group) => {
      const { port } = this.options;
      const error = await sendDatagram(set.searcher, build(group, port), { address: on.family === 4 ? group : `${group}%${on.name}`, port });
      if (error) this.deps.log.debug('A search could not be sent.', { interface: on.name, group, error: error.message });
    }));
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.queue.run(() => Promise.all([...this.sets.keys()].map((key) => this.drop(key))));
  }

  /** Opens what is new, closes what went away, and comes back later. */
  private async follow(): Promise<void> {
    if (this.closed) return;
    const table = readInterfaces(this.deps.listInterfaces ?? networkInterfaces, this.deps.log);
    if (table) await this.use(this.usable(table));
    if (this.closed) return;
    this.timer = this.deps.clock.after(this.options.interfaceInterval, () => void this.queue.run(() => this.follow()));
  }

  private async use(interfaces: readonly SsdpInterface[]): Promise<void> {
    const wanted = new Map(interfaces.map((on) => [keyOf(on), on]));
    for (const key of [...this.sets.keys()]) if (!wanted.has(key)) await this.drop(key);
    for (const [key, on] of wanted) {
      if (this.closed || this.sets.has(key)) continue;
      const set = await this.open(on);
      if (set) this.sets.set(key, set);
      if (set && !this.closed) this.events?.interfaceUp(on);
    }
  }

  private usable(table: ReturnType<typeof networkInterfaces>): SsdpInterface[] {
    const { interfaces, maxInterfaces } = this.options;
    const found: SsdpInterface[] = [];
    for (const [name, addresses = []] of Object.entries(table)) {
      if (interfaces.length > 0 && !interfaces.includes(name)) continue;
      const external = addresses.filter(({ internal }) => !internal || interfaces.includes(name));
      for (const { family, address } of external) if (family === 'IPv4') found.push({ name, family: 4, address });
      // One IPv6 address an interface is enough to be heard: link-local, which all have and which never changes.
      const ipv6 = external.filter(({ family }) => family === 'IPv6');
      const chosen = ipv6.find(({ address }) => /^fe80:/i.test(address)) ?? ipv6[0];
      if (chosen) found.push({ name, family: 6, address: chosen.address });
    }
    return found.slice(0, maxInterfaces);
  }

  private async open(on: SsdpInterface): Promise<SocketSet | undefined> {
    const all: Socket[] = [];
    try {
      const searcher = await this.bind(on, all, scoped(on.address, on), 0);
      searcher.setMulticastInterface(on.family === 4 ? on.address : `::%${on.name}`);
      searcher.setMulticastTTL(this.options.hops);
      searcher.setMulticastLoopback(true);
      for (const group of on.family === 4 ? [SSDP_IPV4] : SSDP_IPV6) await this.listen(on, all, group);
      return { on, searcher, all };
    } catch (error) {
      this.deps.log.debug('SSDP can\'t use an interface.', { interface: on.name, address: on.address, error: String(error) });
      await Promise.all(all.map(closeSocket));
      return undefined;
    }
  }

  /** Without its listener an interface can still search. */
  private async listen(on: SsdpInterface, all: Socket[], group: string): Promise<void> {
    try {
      // Bound to the group, not to any address: unicast to this port stays with the UPnP servers of this machine.
      const listener = await this.bind(on, all, scoped(group, on), this.options.port);
      if (on.family === 4) listener.addMembership(group, on.address);
      else listener.addMembership(group, `::%${on.name}`);
    } catch (error) {
      this.deps.log.debug('SSDP can\'t listen.', { interface: on.name, group, error: String(error) });
    }
  }

  private async bind(on: SsdpInterface, all: Socket[], address: string, port: number): Promise<Socket> {
    const socket = await bindShared({ family: on.family, address, port });
    all.push(socket);
    socket.on('message', (data, { address: from, port: fromPort }) => {
      if (!this.closed) this.events?.datagram({ data, address: from, port: fromPort });
    });
    // The interface went away under it: the next look at the interfaces opens it again, if it is there.
    socket.on('error', () => void this.queue.run(() => this.drop(keyOf(on))));
    return socket;
  }

  private async drop(key: string): Promise<void> {
    const set = this.sets.get(key);
    this.sets.delete(key);
    if (set) await Promise.all(set.all.map(closeSocket));
  }
}

function keyOf({ name, address }: SsdpInterface): string {
  return `${name} ${address}`;
}

/** IPv6 needs the interface for what is only unique on a link; loopback's address is not. */
function scoped(address: string, { name, family }: SsdpInterface): string {
  return family === 6 && /^f(e80|f02|f05):/i.test(address) ? `${address}%${name}` : address;
}
