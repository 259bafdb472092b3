import type { Duplex } from 'node:stream';
import { XpmnError } from '../../kernel/errors.ts';
import { deferred, type Deferred } from '../../kernel/tasks.ts';
import type { Lease } from '../../ports/media-source.ts';
import { MAX_CREDIT } from './oob-credit.ts';
import { frameInPlace, frameOf, lastChunk, lastChunkInPlace, strictSize } from './oob-frames.ts';
import type { LentBuffer, SendPool } from './oob-pool.ts';
import type { FrameScheduler, FrameSource } from './oob-scheduler.ts';

export interface OutgoingDeps {
  readonly pool: SendPool;
  readonly scheduler: FrameScheduler;
  /** Bytes that a chunk should carry now. */
  chunkSize(): number;
  /** The last-chunk has been written, or will never be: the id is free. */
  ended(stream: OutgoingStream): void;
  /** No buffer of the pool is held any more. */
  departed(stream: OutgoingStream): void;
}

export interface OutgoingOptions {
  /** Bytes that the peer takes before it grants more; undefined without flow control. */
  readonly window: number | undefined;
  /** Bytes the source will deliver, if it knows: lets the end travel with the last frame. */
  readonly length: number | undefined;
  /** The socket has done with a buffer when it says so; false where the other end may be given the very same memory. */
  readonly reuse: boolean;
}

/** Bytes that are cheaper copied than read alone. */
const SMALL_CUT = 16_384;

/**
 * One stream being sent: the lease that its source fills, and the frames that come of it. It holds three buffers at
 * most: one being filled, one filled that waits (for credit, for its turn), one in the socket.
 */
export class OutgoingStream implements Lease, FrameSource {
  readonly id: string;
  next: FrameSource | undefined;
  queued = false;
  /** The last-chunk has been written, or the session is gone: resolves; fails with the reason of an early end. */
  readonly done: Deferred<void> = deferred();

  private readonly deps: OutgoingDeps;
  private readonly options: OutgoingOptions;
  private filling: LentBuffer | undefined;
  private waiting: LentBuffer | undefined;
  private inSocket: LentBuffer | undefined;
  private socketHasPart = false;
  private turn: Deferred<void> | undefined;
  private failure: Error | undefined;
  private sourceDone = false;
  private over = false;
  private returned = false;
  private departed = false;
  private credit: number;
  private largestGrant: number;
  private filledBytes = 0;
  private sentBytes = 0;
  private acknowledgedBytes = 0;

  /** @throws XpmnError `resource-limit` if the pool is full */
  constructor(id: string, deps: OutgoingDeps, options: OutgoingOptions) {
    this.id = id;
    this.deps = deps;
    this.options = options;
    this.credit = options.window ?? Number.POSITIVE_INFINITY;
    this.largestGrant = this.credit / 2;
    deps.pool.admit();
  }

  /** Never throws: sources ask from inside socket callbacks. */
  buffer(): Buffer {
    this.filling ??= this.deps.pool.lend(this.wanted(), this);
    return this.filling.room;
  }

  filled(count: number): Promise<void> | undefined {
    const buffer = this.filling;
    if (this.failure) throw this.failure;
    if (!buffer || this.waiting || !(count >= 1 && count <= buffer.room.length)) {
      throw new XpmnError('internal', 'A source filled what it had not been lent.');
    }
    if (this.filledBytes + count > (this.options.length ?? Number.POSITIVE_INFINITY)) {
      throw new XpmnError('internal', 'A source delivers more than it announced.');
    }
    this.filling = undefined;
    this.waiting = buffer;
    buffer.length = count;
    this.filledBytes += count;
    this.update();
    if (!this.waiting) return undefined;
    this.turn = deferred();
    return this.turn.promise;
  }

  /** The source has delivered all. */
  finish(): void {
    if (this.filledBytes < (this.options.length ?? 0)) {
      this.fail(new XpmnError('truncated', 'A source delivered less than it announced.'));
      return;
    }
    this.sourceDone = true;
    this.update();
  }

  /** Ends the stream early with a last-chunk: the source or the receiver is gone. */
  fail(error: Error): void {
    if (!this.stop(error)) return;
    this.update();
  }

  /** The session is gone: nothing is written any more. */
  sessionLost(error: Error): void {
    this.stop(error);
    // The socket may still hold it, and might never say that it has done.
    if (this.inSocket) this.deps.pool.forget(this.inSocket);
    this.inSocket = undefined;
    this.end();
    this.leave();
  }

  /** The source has returned: it no longer touches what it was lent. */
  sourceReturned(): void {
    this.returned = true;
    if (this.filling) this.deps.pool.release(this.filling);
    this.filling = undefined;
    this.leave();
  }

  /** Returns how many of the bytes sent this acknowledges. @throws XpmnError `flow-control` above 2^31 */
  granted(bytes: number): number {
    if (this.options.window === undefined) return 0;
    this.credit += bytes;
    if (this.credit > MAX_CREDIT) throw new XpmnError('flow-control', 'More credit was granted than is allowed.');
    this.largestGrant = Math.max(this.largestGrant, bytes);
    const news = Math.min(bytes, this.sentBytes - this.acknowledgedBytes);
    this.acknowledgedBytes += news;
    this.update();
    return news;
  }

  writeFrame(stream: Duplex, pump: () => void): void {
    if (!this.waiting) this.writeEnd(stream, pump);
    else this.writeWaiting(stream, this.waiting);
  }

  written(buffer: LentBuffer): void {
    if (this.inSocket !== buffer) return;
    this.inSocket = undefined;
    this.deps.pool.release(buffer);
    this.leave();
    this.update();
    this.deps.scheduler.pump();
  }

  /** Fits the credit that what waits will leave, so that frames need no cutting: a cut is a copy. Of little credit it is a small one. */
  private wanted(): number {
    const left = this.credit - (this.waiting?.length ?? 0);
    const fits = left >= SMALL_CUT ? left : this.largestGrant;
    return Math.max(1, Math.floor(Math.min(this.deps.chunkSize(), this.largestGrant, fits)));
  }

  private update(): void {
    if (this.over) return;
    const frame = this.waiting ? this.credit > 0 && !this.inSocket && !this.socketHasPart : this.sourceDone;
    if (!frame) return;
    this.deps.scheduler.ready(this);
    this.deps.scheduler.pump();
  }

  private writeWaiting(stream: Duplex, buffer: LentBuffer): void {
    const count = this.allowed(buffer.length);
    this.credit -= count;
    this.sentBytes += count;
    if (count < buffer.length) {
      this.writePart(stream, buffer, count);
      return;
    }
    const start = frameInPlace(buffer.bytes, buffer.start, count, this.id);
    let end = buffer.start + count + 2;
    const isLast = this.sentBytes === this.options.length;
    if (isLast) end = lastChunkInPlace(buffer.bytes, end, this.id);
    this.waiting = undefined;
    this.hand(stream, buffer, buffer.bytes.subarray(start, end));
    const { turn } = this;
    this.turn = undefined;
    turn?.resolve();
    if (isLast) this.end();
  }

  private hand(stream: Duplex, buffer: LentBuffer, frame: Buffer): void {
    if (this.options.reuse) {
      this.inSocket = buffer;
      stream.write(frame, buffer.onWritten);
    } else {
      this.deps.pool.forget(buffer);
      stream.write(frame, this.deps.scheduler.pump);
      this.leave();
    }
  }

  /** Sends the first `count` bytes as a copy; the rest stays where it is, its header will go where the copied bytes were. */
  private writePart(stream: Duplex, buffer: LentBuffer, count: number): void {
    const part = frameOf(this.id, buffer.bytes.subarray(buffer.start, buffer.start + count));
    buffer.start += count;
    buffer.length -= count;
    this.socketHasPart = true;
    stream.write(part, () => {
      this.socketHasPart = false;
      this.update();
      this.deps.scheduler.pump();
    });
  }

  private allowed(length: number): number {
    const count = Math.min(length, this.credit);
    return this.options.window === undefined ? strictSize(count) : count;
  }

  private writeEnd(stream: Duplex, pump: () => void): void {
    if (this.over) return;
    stream.write(lastChunk(this.id), pump);
    this.end();
  }

  /** Takes back what has not been written. False if the stream has ended already. */
  private stop(error: Error): boolean {
    if (this.over || this.failure) return false;
    this.failure = error;
    this.sourceDone = true;
    if (this.waiting) this.deps.pool.release(this.waiting);
    this.waiting = undefined;
    this.turn?.reject(error);
    this.turn = undefined;
    this.leave();
    return true;
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.deps.ended(this);
    if (this.failure) this.done.reject(this.failure);
    else this.done.resolve();
  }

  /** The pool's promise is given back when no buffer is held any more. */
  private leave(): void {
    if (!this.returned || this.inSocket || this.waiting || this.departed) return;
    this.departed = true;
    this.deps.pool.leave();
    this.deps.departed(this);
  }
}
