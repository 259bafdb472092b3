import { XpmnError } from '../../kernel/errors.ts';
import { HEAD_ROOM, TAIL_ROOM } from './oob-frames.ts';

export interface PoolOptions {
  /** Bytes of payload room that all sending streams together may hold. */
  readonly sendPool: number;
  /** Bytes that all streams share evenly: of buffers larger than the smallest. The rest of the pool is for the smallest. */
  readonly sendShare: number;
  /** Bytes of it that are kept for later when nothing is sent; while something is, what `sendShare` leaves. */
  readonly sendPoolKeep: number;
  /** The smallest buffer, and the largest: powers of two. */
  readonly firstChunk: number;
  readonly largestChunk: number;
}

/** Buffers a stream holds at most: one being filled, one that waits, one in the socket. */
export const BUFFERS_PER_STREAM = 3;

/** A buffer with room for a frame around its payload. It belongs to the pool and is lent to one stream at a time. */
export class LentBuffer {
  readonly bytes: Buffer;
  readonly size: number;
  /** Where the payload starts; behind HEAD_ROOM if the first part of it had to be sent alone. */
  start = HEAD_ROOM;
  length = 0;
  /** What the source fills. */
  room: Buffer;
  /** Who hears that the socket has done with it. */
  owner: { written(buffer: LentBuffer): void } | undefined;
  /** The callback of the write, made once. */
  readonly onWritten: () => void;

  constructor(size: number) {
    this.size = size;
    this.bytes = Buffer.allocUnsafeSlow(HEAD_ROOM + size + TAIL_ROOM);
    this.room = this.bytes.subarray(HEAD_ROOM, HEAD_ROOM + size);
    this.onWritten = () => this.owner?.written(this);
  }

  prepare(length: number): void {
    this.start = HEAD_ROOM;
    this.length = 0;
    if (this.room.length !== length) this.room = this.bytes.subarray(HEAD_ROOM, HEAD_ROOM + length);
  }
}

/**
 * The buffers that all sending streams of the process are lent: bounded, and reused. A stream enters with `admit`, which
 * sets aside as many of the smallest buffers as it can ever hold; so `lend` always has one, and larger ones are a luxury
 * that shrinks as streams come: few streams have large buffers, many have small ones, and none finds the pool taken.
 */
export class SendPool {
  private readonly options: PoolOptions;
  /** By size, the one that came back last at the end. */
  private readonly idle = new Map<number, LentBuffer[]>();
  private idleBytes = 0;
  private lentBytes = 0;
  /** Of these, in buffers larger than the smallest. */
  private largeBytes = 0;
  private lentBuffers = 0;
  private streams = 0;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  /** Bytes in use: lent out, and kept for later. */
  get usage(): { readonly lent: number; readonly idle: number; readonly streams: number } {
    return { lent: this.lentBytes, idle: this.idleBytes, streams: this.streams };
  }

  /** @throws XpmnError `resource-limit` if one more stream could not be served */
  admit(): void {
    const floor = (this.streams + 1) * BUFFERS_PER_STREAM * this.options.firstChunk;
    if (floor > this.options.sendPool || this.lentBytes + this.owed(this.streams + 1) > this.options.sendPool) {
      throw new XpmnError('resource-limit', 'Too many streams are being sent.');
    }
    this.streams += 1;
  }

  leave(): void {
    this.streams -= 1;
    if (this.streams === 0) this.trim();
  }

  /** A buffer of at least one smallest chunk, at most `wanted` rounded up to a power of two; its room is ≤ `wanted`. */
  lend(wanted: number, owner: LentBuffer['owner']): LentBuffer {
    const { firstChunk, largestChunk, sendPool, sendShare } = this.options;
    let size = firstChunk;
    while (size < wanted && size < largestChunk) size *= 2;
    // What the other streams may still ask for stays free for them.
    const free = sendPool - this.lentBytes - this.owed(this.streams) + firstChunk;
    const most = Math.min(free, sendShare - this.largeBytes, sendShare / (this.streams * BUFFERS_PER_STREAM));
    while (size > firstChunk && size > most) size /= 2;
    const buffer = this.take(size);
    this.lentBytes += size;
    if (size > firstChunk) this.largeBytes += size;
    this.lentBuffers += 1;
    buffer.owner = owner;
    buffer.prepare(Math.max(1, Math.min(size, wanted)));
    return buffer;
  }

  /** The buffer comes back and may be lent again. */
  release(buffer: LentBuffer): void {
    this.forget(buffer);
    const list = this.idle.get(buffer.size) ?? [];
    list.push(buffer);
    this.idle.delete(buffer.size);
    this.idle.set(buffer.size, list);
    this.idleBytes += buffer.size;
    this.trim();
  }

  /** The buffer does not come back: somebody may still read it. */
  forget(buffer: LentBuffer): void {
    buffer.owner = undefined;
    this.lentBytes -= buffer.size;
    if (buffer.size > this.options.firstChunk) this.largeBytes -= buffer.size;
    this.lentBuffers -= 1;
  }

  /** Bytes that `streams` streams may still claim as smallest buffers. */
  private owed(streams: number): number {
    return Math.max(0, streams * BUFFERS_PER_STREAM - this.lentBuffers) * this.options.firstChunk;
  }

  /**
   * What is thrown away while it is needed again at once only makes work for the collector, and room for its delay: so while streams are sent, it
   * is sizes that are not wanted any more that go.
   */
  private trim(): void {
    const { sendShare, sendPoolKeep } = this.options;
    const most = this.streams > 0 ? Math.max(sendPoolKeep, sendShare - this.lentBytes) : sendPoolKeep;
    for (const [size, list] of this.idle) {
      while (list.length > 0 && this.idleBytes > most) {
        list.pop();
        this.idleBytes -= size;
      }
      if (this.idleBytes <= most) return;
    }
  }

  private take(size: number): LentBuffer {
    const found = this.idle.get(size)?.pop();
    if (!found) return new LentBuffer(size);
    this.idleBytes -= size;
    return found;
  }
}
