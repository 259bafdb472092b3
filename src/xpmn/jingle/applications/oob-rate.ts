import type { Clock } from '../../kernel/clock.ts';

export interface RateOptions {
  /** Bytes of payload in a chunk while nothing is known of the path. */
  readonly firstChunk: number;
  /** Bytes never exceeded. */
  readonly largestChunk: number;
  /** Milliseconds that one chunk may occupy the path: what every other stream waits at most. */
  readonly chunkTime: number;
  /** Milliseconds that a measurement takes at least. */
  readonly rateInterval: number;
}

/**
 * How much a chunk may carry on this path. The rate is that of the credit that comes back: unlike the socket's appetite,
 * which fills kernel buffers first, it says what really arrives and is used.
 */
export class PathRate {
  private readonly clock: Clock;
  private readonly options: RateOptions;
  private since: number | undefined;
  private bytes = 0;
  /** Bytes per millisecond. */
  private rate = 0;
  private chunk: number;

  constructor(deps: { readonly clock: Clock }, options: RateOptions) {
    this.clock = deps.clock;
    this.options = options;
    this.chunk = options.firstChunk;
  }

  get chunkSize(): number {
    return this.chunk;
  }

  /** The first stream begins to send: the clock starts, silence before it doesn't count. */
  started(): void {
    this.since = this.clock.monotonic();
    this.bytes = 0;
  }

  /** `bytes` of what was sent have been used at the other end. */
  acknowledged(bytes: number): void {
    this.bytes += bytes;
    if (this.since === undefined) return;
    const now = this.clock.monotonic();
    const elapsed = now - this.since;
    if (elapsed < this.options.rateInterval) return;
    const sample = this.bytes / elapsed;
    this.rate = sample > this.rate ? sample : this.rate * 0.75 + sample * 0.25;
    this.since = now;
    this.bytes = 0;
    this.chunk = this.sizeFor(this.rate * this.options.chunkTime);
  }

  /** A power of two, so that buffers fit. */
  private sizeFor(bytes: number): number {
    let size = this.options.firstChunk;
    while (size * 2 <= bytes && size < this.options.largestChunk) size *= 2;
    return Math.min(size, this.options.largestChunk);
  }
}
