import { keepNewest } from '../../kernel/keep-newest.ts';

/** The last packets that were sent: what comes back, over whatever link, was said by nobody else. */
export class RecentPackets {
  private readonly limit: number;
  private readonly packets = new Set<string>();

  constructor(limit: number) {
    this.limit = limit;
  }

  add(packet: Buffer): void {
    const key = packet.toString('latin1');
    this.packets.delete(key);
    this.packets.add(key);
    keepNewest(this.packets, this.limit);
  }

  has(packet: Buffer): boolean {
    return this.packets.has(packet.toString('latin1'));
  }
}
