import type { Socket } from 'node:net';

/** Counts what each address has open with a listener: one that floods leaves room for the others. */
export class ConnectionsPerHost {
  private readonly limit: number;
  private readonly counts = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether its address may have one more; it counts until it is closed. */
  admit(socket: Socket): boolean {
    const { remoteAddress: address = '' } = socket;
    const count = (this.counts.get(address) ?? 0) + 1;
    if (count > this.limit) return false;
    this.counts.set(address, count);
    socket.once('close', () => {
      const left = (this.counts.get(address) ?? 1) - 1;
      if (left === 0) this.counts.delete(address);
      else this.counts.set(address, left);
    });
    return true;
  }
}
