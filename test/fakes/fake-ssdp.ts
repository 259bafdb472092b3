import { EventEmitter } from 'node:events';
import { SSDP_IPV4, SSDP_IPV6 } from '../../src/upnp/ssdp.ts';
import type { SsdpInterface, SsdpSocket, SsdpSocketEvents } from '../../src/upnp/ssdp-socket.ts';

/** An SSDP socket on a network of one function: what it sends is emitted as `sent`, and tests say what it hears. */
export class FakeSsdpSocket extends EventEmitter<{ sent: [data: Buffer, on: SsdpInterface] }> implements SsdpSocket {
  private up: readonly SsdpInterface[];
  private events: SsdpSocketEvents | undefined;

  constructor(up: readonly SsdpInterface[] = [{ name: 'eth0', family: 4, address: '192.0.2.50' }]) {
    super();
    this.up = up;
  }

  async start(events: SsdpSocketEvents): Promise<void> {
    this.events = events;
    for (const one of this.up) events.interfaceUp(one);
  }

  interfaces(): readonly SsdpInterface[] {
    return this.events ? this.up : [];
  }

  async multicast(on: SsdpInterface, build: (group: string, port: number) => Buffer): Promise<void> {
    if (!this.interfaces().some(({ name, address }) => name === on.name && address === on.address)) return;
    for (const group of on.family === 4 ? [SSDP_IPV4] : SSDP_IPV6) {
      const data = build(group, 1900);
      if (data.length < 65_508) this.emit('sent', data, on);
    }
  }

  async close(): Promise<void> {
    this.events = undefined;
  }

  get open(): boolean {
    return this.events !== undefined;
  }

  setInterfaces(up: readonly SsdpInterface[]): void {
    const added = up.filter((one) => !this.up.includes(one));
    this.up = up;
    for (const one of added) this.events?.interfaceUp(one);
  }

  /** A datagram arrives. */
  hear(data: string, address: string, port = 1900): void {
    if (this.up.length > 0) this.events?.datagram({ data: Buffer.from(data), address, port });
  }
}
