import type { Socket } from 'node:net';
import { addressOwner } from '../../kernel/ip-address.ts';

export interface HalfOpenOptions {
  /** Connections at a time whose other end has proven nothing yet; one more ends the oldest, which an honest peer finished long ago. */
  readonly halfOpen: number;
  /** The same for one address (IPv6: one /64); one more is refused. */
  readonly halfOpenPerAddress: number;
}

/** Connections whose other end has proven nothing yet. */
export class HalfOpen {
  private readonly options: HalfOpenOptions;
  private readonly owners = new Map<Socket, string>();

  constructor(options: HalfOpenOptions) {
    this.options = options;
  }

  get size(): number {
    return this.owners.size;
  }

  /** Counts it until it is released. False if there are too many of its address: then it is destroyed. */
  admit(socket: Socket): boolean {
    const { halfOpen, halfOpenPerAddress } = this.options;
    const owner = addressOwner(socket.remoteAddress ?? '');
    if (this.countOf(owner) >= halfOpenPerAddress) {
      socket.destroy();
      return false;
    }
    // The oldest and not the newest goes: an attacker who fills all places would keep honest peers out.
    const [oldest] = this.owners.keys();
    if (oldest && this.owners.size >= halfOpen) this.release(oldest).destroy();
    this.owners.set(socket, owner);
    return true;
  }

  release(socket: Socket): Socket {
    this.owners.delete(socket);
    return socket;
  }

  destroy(): void {
    for (const socket of [...this.owners.keys()]) this.release(socket).destroy();
  }

  private countOf(owner: string): number {
    let count = 0;
    for (const other of this.owners.values()) if (other === owner) count += 1;
    return count;
  }
}
