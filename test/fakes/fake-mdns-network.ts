import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { Link } from '../../src/xpmn/model/link-addresses.ts';
import type { MdnsPacket, MdnsSocket, MdnsSocketEvents } from '../../src/xpmn/serverless/mdns/mdns-socket.ts';

/** Links in memory, by the name of the interface: what is multicast on one reaches all who are on it, a moment later. */
export class FakeMdnsNetwork extends EventEmitter<{ unicast: [data: Buffer, to: string] }> {
  private readonly sockets = new Set<FakeMdnsSocket>();
  /** Everything that was sent. */
  readonly sent: { readonly link: string; readonly data: Buffer; readonly to: string }[] = [];
  isCut = false;

  /** A machine with these links. */
  connect(links: readonly Link[]): FakeMdnsSocket {
    const socket = new FakeMdnsSocket(this, links);
    this.sockets.add(socket);
    return socket;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.tell();
  }

  mend(): void {
    this.isCut = false;
    for (const socket of this.sockets) socket.tell();
  }

  carry(packet: MdnsPacket): void {
    this.sent.push({ link: packet.link, data: packet.data, to: 'group' });
    setImmediate(() => {
      if (!this.isCut) for (const socket of this.sockets) socket.hear(packet);
    });
  }

  forget(socket: FakeMdnsSocket): void {
    this.sockets.delete(socket);
  }

  get open(): number {
    return [...this.sockets].filter(({ isOpen }) => isOpen).length;
  }
}

export class FakeMdnsSocket implements MdnsSocket {
  private readonly network: FakeMdnsNetwork;
  private links: readonly Link[];
  private events: MdnsSocketEvents | undefined;
  private said: readonly Link[] = [];
  private isClosed = false;

  constructor(network: FakeMdnsNetwork, links: readonly Link[]) {
    this.network = network;
    this.links = links;
  }

  get isOpen(): boolean {
    return this.events !== undefined && !this.isClosed;
  }

  async start(events: MdnsSocketEvents): Promise<void> {
    this.events = events;
    this.tell();
  }

  async multicast(link: string, data: Buffer): Promise<void> {
    const on = this.usable().find(({ name }) => name === link);
    if (on && !this.isClosed && data.length < 65_508) this.network.carry({ data, link, address: addressOf(on), port: 5353 });
  }

  async unicast(link: string, data: Buffer, address: string): Promise<void> {
    if (this.isClosed || !this.usable().some(({ name }) => name === link)) return;
    this.network.sent.push({ link, data, to: address });
    this.network.emit('unicast', data, address);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.network.forget(this);
  }

  /** The machine has other links from now on. */
  setLinks(links: readonly Link[]): void {
    this.links = links;
    this.tell();
  }

  /** What the links are, is said if it is new. */
  tell(): void {
    if (this.isClosed || !this.events || isDeepStrictEqual(this.said, this.usable())) return;
    this.said = this.usable();
    this.events.links(this.said);
  }

  hear(packet: MdnsPacket): void {
    if (!this.isClosed && this.usable().some(({ name }) => name === packet.link)) this.events?.packet(packet);
  }

  private usable(): readonly Link[] {
    return this.network.isCut ? [] : this.links;
  }
}

function addressOf({ name, addresses }: Link): string {
  const address = addresses[0]?.address ?? '';
  return /^fe80/i.test(address) ? `${address}%${name}` : address;
}
