/**
 * The frames of an out-of-band session: `HEX SP ID CRLF data CRLF` and, to end a stream, `0 SP ID CRLF CRLF`.
 *
 * @spec XEP-0265 v0.1 §2 (the separator, the limits and the id's alphabet are ours: the published grammar has none)
 */
import { XpmnError } from '../../kernel/errors.ts';

/** Longest header line with its CRLF. */
export const MAX_HEADER = 80;
const MAX_ID = 64;
/** Room that a frame written in place needs before its payload, and after it (CRLF and the stream's last-chunk). */
export const HEAD_ROOM = MAX_HEADER;
export const TAIL_ROOM = 2 + 2 + MAX_ID + 4;

const LF = 10;
const CR = 13;
const SPACE = 32;
const ID = /^[A-Za-z0-9._-]{1,64}$/;

export function isStreamId(id: string): boolean {
  return ID.test(id);
}

/** Takes what the parser finds, in order, as it arrives. An exception ends the parsing and reaches who pushed. */
export interface FrameHandler {
  /** A chunk begins: `size` bytes (at least 1) follow in `data`. */
  chunk(id: string, size: number): void;
  /** A slice of the pushed buffer, at least 1 byte. */
  data(slice: Buffer): void;
  chunkEnd(): void;
  /** The stream's end. */
  last(id: string): void;
}

type State = 'header' | 'data' | 'cr' | 'lf';

/**
 * Incremental and without copies: a chunk's payload is handed on in slices of what was pushed, never gathered.
 * Throws `malformed` for what is no frame, `too-large` for a chunk above `maxChunk` or too long a line. After an error
 * it takes no more.
 */
export class FrameParser {
  private readonly handler: FrameHandler;
  private readonly maxChunk: number;
  private readonly line = Buffer.alloc(MAX_HEADER);
  private lineLength = 0;
  private state: State = 'header';
  /** Payload bytes of the current chunk that are still to come; 0 in a last-chunk. */
  private left = 0;
  private isLast = false;
  private id = '';
  private stopped = false;

  constructor(handler: FrameHandler, options: { readonly maxChunk: number }) {
    this.handler = handler;
    this.maxChunk = options.maxChunk;
  }

  /** Takes no more, from now on; also from inside a handler. */
  stop(): void {
    this.stopped = true;
  }

  /** The bytes so far end where a frame ends. */
  get isBetweenFrames(): boolean {
    return this.state === 'header' && this.lineLength === 0;
  }

  push(input: Buffer): void {
    const end = input.length;
    let at = 0;
    while (at < end && !this.stopped) {
      if (this.state === 'data') at = this.payload(input, at);
      else if (this.state === 'header') at = this.header(input, at);
      else this.tail(input[at++] as number);
    }
  }

  private payload(input: Buffer, at: number): number {
    const count = Math.min(this.left, input.length - at);
    this.left -= count;
    if (this.left === 0) this.state = 'cr';
    this.handler.data(count === input.length ? input : input.subarray(at, at + count));
    return at + count;
  }

  private header(input: Buffer, start: number): number {
    for (let at = start; at < input.length; at += 1) {
      const byte = input[at] as number;
      if (this.lineLength === MAX_HEADER) this.fail('too-large', 'The header of a frame is too long.');
      // Something else altogether is told from frames by its first byte, however few it sends.
      if (this.lineLength === 0 && hexDigit(byte) < 0) this.fail('malformed', 'The peer does not speak in frames.');
      this.line[this.lineLength++] = byte;
      if (byte === LF) {
        this.begin();
        return at + 1;
      }
    }
    return input.length;
  }

  private begin(): void {
    const { line } = this;
    const end = this.lineLength - 2;
    if (end < 0 || line[end] !== CR) this.fail('malformed', 'A header line does not end in CR LF.');
    const size = this.readSize(end);
    this.lineLength = 0;
    this.left = size;
    this.isLast = size === 0;
    this.state = this.isLast ? 'cr' : 'data';
    if (!this.isLast) this.handler.chunk(this.id, size);
  }

  /** Reads size and id from the line; the id goes to `this.id`. */
  private readSize(end: number): number {
    const { line } = this;
    let at = 0;
    let size = 0;
    for (; at < end && line[at] !== SPACE; at += 1) {
      const digit = hexDigit(line[at] as number);
      if (digit < 0) this.fail('malformed', 'The size of a chunk is not hexadecimal.');
      size = size * 16 + digit;
      if (size > this.maxChunk) this.fail('too-large', 'A chunk is larger than agreed.');
    }
    // `chunk-size` starts with another digit than 0; `last-chunk` is zeros only.
    if (at === 0 || (size > 0 && line[0] === 0x30)) this.fail('malformed', 'A frame has no proper size.');
    if (at === end) this.fail('malformed', 'A frame has no id.');
    while (at < end && line[at] === SPACE) at += 1;
    this.id = line.toString('latin1', at, end);
    if (!isStreamId(this.id)) this.fail('malformed', 'The id of a frame is not valid.');
    return size;
  }

  private tail(byte: number): void {
    if (byte !== (this.state === 'cr' ? CR : LF)) this.fail('malformed', 'A chunk does not end in CR LF.');
    if (this.state === 'cr') {
      this.state = 'lf';
      return;
    }
    this.state = 'header';
    if (this.isLast) this.handler.last(this.id);
    else this.handler.chunkEnd();
  }

  private fail(code: 'malformed' | 'too-large', message: string): never {
    this.stopped = true;
    throw new XpmnError(code, message);
  }
}

/**
 * Writes the header of a chunk of `size` bytes so that it ends right before `at`, and CRLF after the payload. The
 * buffer has HEAD_ROOM before `at` and 2 bytes after the payload. Returns where the frame starts.
 */
export function frameInPlace(buffer: Buffer, at: number, size: number, id: string): number {
  const head = `${size.toString(16)} ${id}\r\n`;
  const start = at - head.length;
  buffer.write(head, start, head.length, 'latin1');
  buffer[at + size] = CR;
  buffer[at + size + 1] = LF;
  return start;
}

/** Appends the last-chunk of `id` at `at`; returns the end. Needs TAIL_ROOM − 2 bytes. */
export function lastChunkInPlace(buffer: Buffer, at: number, id: string): number {
  const text = `0 ${id}\r\n\r\n`;
  return at + buffer.write(text, at, text.length, 'latin1');
}

export function lastChunk(id: string): Buffer {
  return Buffer.from(`0 ${id}\r\n\r\n`, 'latin1');
}

/** A whole frame, with a copy of the payload: for the small ones. */
export function frameOf(id: string, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_ROOM + payload.length + 2);
  frame.set(payload, HEAD_ROOM);
  const start = frameInPlace(frame, HEAD_ROOM, payload.length, id);
  return frame.subarray(start);
}

/** The largest size up to `size` whose first hex digit is not A-F, which the published grammar can't express. */
export function strictSize(size: number): number {
  const shift = 4 * (Math.max(1, size.toString(16).length) - 1);
  const unit = 2 ** shift;
  return Math.floor(size / unit) > 9 ? 10 * unit - 1 : size;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
