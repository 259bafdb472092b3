import type { Writable } from 'node:stream';
import { XpmnError } from '../kernel/errors.ts';

interface Waiting {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface StreamWriterOptions {
  /** Bytes that may wait while the stream is full. */
  readonly queueBytes: number;
  /**
   * Turns of the event loop for which what was said may wait for what follows from it: the first one in which nothing is
   * said ends the wait. 0, the default: what is said in one tick goes out together.
   */
  readonly gatherTurns?: number;
}

/** Writes texts in order. What is said together goes out in one write; while the stream is full, texts wait. */
export class StreamWriter {
  private readonly stream: Writable;
  private readonly queueBytes: number;
  private readonly gatherTurns: number;
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  /** Taken by the stream, which is full. */
  private taken: Waiting[] = [];
  private full = false;
  private scheduled = false;
  private failure: Error | undefined;
  private roomWanted: (() => void)[] = [];

  constructor(stream: Writable, { queueBytes, gatherTurns = 0 }: StreamWriterOptions) {
    this.stream = stream;
    this.queueBytes = queueBytes;
    this.gatherTurns = gatherTurns;
    stream.on('drain', () => {
      this.full = false;
      const { taken } = this;
      this.taken = [];
      for (const { resolve } of taken) resolve();
      this.flush();
    });
  }

  /** Bytes that wait for the stream. */
  get queued(): number {
    return this.waitingBytes;
  }

  /**
   * Resolves when the stream has taken the text and has room for more.
   * @throws XpmnError `resource-limit` if too much waits already; what `fail` said
   */
  write(text: string): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    const bytes = Buffer.byteLength(text);
    if (this.waitingBytes > 0 && this.waitingBytes + bytes > this.queueBytes) {
      return Promise.reject(new XpmnError('resource-limit', 'The other end takes nothing, and enough is waiting for it.'));
    }
    this.waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.waiting.push({ text, resolve, reject });
      this.schedule();
    });
  }

  /** Resolves when less than half of the queue is taken; rejects with what `fail` said. */
  async room(): Promise<void> {
    while (!this.failure && this.waitingBytes > this.queueBytes / 2) await new Promise<void>((resolve) => this.roomWanted.push(resolve));
    if (this.failure) throw this.failure;
  }

  /** Nothing more is written; what waits is rejected. Idempotent. */
  fail(error: Error): void {
    if (this.failure) return;
    this.failure = error;
    const lost = [...this.taken, ...this.waiting];
    this.taken = [];
    this.waiting = [];
    this.waitingBytes = 0;
    for (const { reject } of lost) reject(error);
    this.wake();
  }

  private schedule(): void {
    if (this.scheduled || this.full) return;
    this.scheduled = true;
    if (this.gatherTurns > 0) this.gather(this.gatherTurns, 0);
    else process.nextTick(() => this.flushScheduled());
  }

  private gather(turnsLeft: number, before: number): void {
    setImmediate(() => {
      const { length } = this.waiting;
      if (turnsLeft > 1 && length > before) this.gather(turnsLeft - 1, length);
      else this.flushScheduled();
    });
  }

  private flushScheduled(): void {
    this.scheduled = false;
    this.flush();
  }

  private flush(): void {
    if (this.full || this.failure || this.waiting.length === 0) return;
    const taken = this.waiting;
    this.waiting = [];
    this.waitingBytes = 0;
    this.full = !this.stream.write(taken.map(({ text }) => text).join(''));
    this.wake();
    if (this.full) this.taken = taken;
    else for (const { resolve } of taken) resolve();
  }

  private wake(): void {
    const wanted = this.roomWanted;
    this.roomWanted = [];
    for (const resolve of wanted) resolve();
  }
}
