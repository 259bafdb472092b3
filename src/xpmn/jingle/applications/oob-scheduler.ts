import type { Duplex } from 'node:stream';
import { CreditOutbox } from './oob-credit.ts';

/** Something with a frame ready to be written. */
export interface FrameSource {
  /** Link of the ring; the scheduler's. */
  next: FrameSource | undefined;
  queued: boolean;
  /** Writes one frame with one write. */
  writeFrame(stream: Duplex): void;
}

/**
 * Who writes next. Credit goes first, then one frame of each ready stream in turn, as long as the socket has room; what
 * is not ready costs the others nothing.
 */
export class FrameScheduler {
  readonly credit = new CreditOutbox();
  private readonly stream: Duplex;
  private readonly maxCredit: number;
  private first: FrameSource | undefined;
  private last: FrameSource | undefined;
  private pumping = false;
  private stopped = false;

  /** `maxCredit`: the largest payload that the peer takes in one chunk. */
  constructor(stream: Duplex, options: { readonly maxCredit: number }) {
    this.stream = stream;
    this.maxCredit = options.maxCredit;
    stream.on('drain', () => this.pump());
  }

  /** `source` has a frame. Idempotent. */
  ready(source: FrameSource): void {
    if (source.queued) return;
    source.queued = true;
    source.next = undefined;
    if (this.last) this.last.next = source;
    else this.first = source;
    this.last = source;
  }

  stop(): void {
    this.stopped = true;
    this.first = undefined;
    this.last = undefined;
  }

  /** Writes what may be written now. Reentrant calls are left to the running one. */
  pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (!this.stopped && !this.stream.writableNeedDrain) {
        if (!this.credit.isEmpty) {
          this.stream.write(this.credit.take(this.maxCredit));
          continue;
        }
        const source = this.shift();
        if (!source) return;
        source.writeFrame(this.stream);
      }
    } finally {
      this.pumping = false;
    }
  }

  private shift(): FrameSource | undefined {
    const source = this.first;
    if (!source) return undefined;
    this.first = source.next;
    if (!this.first) this.last = undefined;
    source.next = undefined;
    source.queued = false;
    return source;
  }
}
