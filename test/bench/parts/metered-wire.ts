import { Duplex } from 'node:stream';
import type { Clock } from '../../../src/xpmn/kernel/clock.ts';

/** A wire in memory whose length is set, and which counts what passes. */
export interface MeteredWire {
  /** Of the initiator, and of the responder. */
  readonly ends: readonly [Duplex, Duplex];
  /** Bytes that each has sent so far. */
  readonly bytes: { readonly initiator: number; readonly responder: number };
  /** The longest chain so far of words that each followed from the one before, and reached the initiator: in round trips. */
  readonly roundTrips: number;
}

/**
 * What one end writes arrives at the other half a round trip (ms) later, in order. It has room for everything that is under
 * way: a handshake is short.
 */
export function meteredWire({ clock }: { readonly clock: Clock }, roundTrip: number): MeteredWire {
  const later = (act: () => void): void => void clock.after(roundTrip / 2, act);
  const [initiator, responder] = [new End(later), new End(later)];
  initiator.other = responder;
  responder.other = initiator;
  return {
    ends: [initiator, responder],
    get bytes() {
      return { initiator: initiator.sent, responder: responder.sent };
    },
    get roundTrips() {
      return initiator.trips / 2;
    },
  };
}

class End extends Duplex {
  other: End | undefined;
  sent = 0;
  /** How often the line was crossed for what has arrived here: what is said now follows from that. */
  trips = 0;
  private readonly later: (act: () => void) => void;

  constructor(later: (act: () => void) => void) {
    super({ allowHalfOpen: true });
    this.later = later;
    this.on('error', () => undefined);
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const trips = this.trips + 1;
    this.sent += chunk.length;
    this.later(() => this.other?.arrive(chunk, trips));
    done();
  }

  override _final(done: () => void): void {
    this.later(() => this.other?.arrive(null));
    done();
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.later(() => this.other?.destroy());
    done(error);
  }

  private arrive(chunk: Buffer | null, trips = 0): void {
    if (this.destroyed) return;
    this.trips = Math.max(this.trips, trips);
    this.push(chunk);
  }
}
