import type { Duplex } from 'node:stream';
import { CreditOutbox } from './oob-credit.ts';

/** Something with a frame ready to be written. */
export interface FrameSource {
  /** Link of the ring; the scheduler's. */
  next: FrameSource | undefined;
  queued: boolean;
  /** Writes one frame with one write; `pump` is to be called when the socket has done with it. */
  writeFrame(stream: Duplex, pump: () => void): void;
}

export interface SchedulerOptions {
  /** The largest payload that the peer takes in one chunk: credit travels in such. */
  readonly maxCredit: number;
  /** While so many bytes wait in the socket, nothing is written. */
  readonly writeAhead: number;
}

/**
 * Who writes next. Credit goes first, then one frame of each ready stream in turn, as long as the socket has room; what
 * is not ready costs the others nothing.
 */
export class FrameScheduler {
  readonly credit = new CreditOutbox();
  private readonly stream: Duplex;
  private readonly options: SchedulerOptions;
  private first: FrameSource | undefined;
  private last: FrameSource | undefined;
  private pumping = false;
  private held = false;
  private stopped = false;

  constructor(stream: Duplex, options: SchedulerOptions) {
    this.stream = stream;
    this.options = options;
    this.pump = this.pump.bind(this);
    stream.on('drain', this.pump);
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

  /** Nothing is written until `release`. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.pump();
  }

  stop(): void {
    this.stopped = true;
    this.first = undefined;
    this.last = undefined;
  }

  /** Writes what may be written now. Reentrant calls are left to the running one. */
  pump(): void {
    if (this.pumping || this.held) return;
    this.pumping = true;
    try {
      while (!this.stopped && !this.held && this.hasRoom) {
        if (!this.credit.isEmpty) {
          this.stream.write(this.credit.take(this.options.maxCredit), this.pump);
          continue;
        }
        const source = this.shift();
        if (!source) return;
        source.writeFrame(this.stream, this.pump);
      }
    } finally {
      this.pumping = false;
    }
  }

  /** The socket's own mark may be high: what lies before it can't be overtaken, so little may. */
  private get hasRoom(): boolean {
    return !this.stream.writableNeedDrain && this.stream.writableLength < this.options.writeAhead;
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
