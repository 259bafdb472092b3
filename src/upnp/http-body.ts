import { XpmnError } from '../xpmn/kernel/errors.ts';
import { contentLength } from './http-head.ts';
import type { HttpHead } from './http-head.ts';

/**
 * Takes the framing off a body, in place: `decode` moves the payload among the first `count` bytes of `buffer` to its
 * start and says how much that is. `left` is undefined while the end is not known.
 */
export interface BodyDecoder {
  /** Payload bytes still to come; undefined if only the framing, or the end of the connection, will tell. */
  readonly left: number | undefined;
  /** The body is complete: nothing more belongs to it. */
  readonly done: boolean;
  /** The origin sent more after the end of the body: nothing that follows can be trusted to be an answer. */
  readonly surplus: boolean;
  decode(buffer: Buffer, count: number): number;
  /** The connection has ended. @throws XpmnError `truncated` if the body has not */
  ended(): void;
}

/**
 * @spec RFC 9112 v2022 §6.3
 * @throws XpmnError `origin-broken` for a coding that we did not ask for: its bytes would not be the file's
 */
export function decoderFor(head: HttpHead): BodyDecoder {
  const coding = head.headers['transfer-encoding']?.toLowerCase() ?? 'identity';
  if (coding === 'chunked') return new ChunkedBody();
  if (coding !== 'identity') throw broken();
  return new PlainBody(contentLength(head));
}

class PlainBody implements BodyDecoder {
  left: number | undefined;
  surplus = false;
  private closed = false;

  constructor(length: number | undefined) {
    this.left = length;
  }

  get done(): boolean {
    return this.left === 0 || (this.left === undefined && this.closed);
  }

  decode(_buffer: Buffer, count: number): number {
    if (this.left === undefined) return count;
    const payload = Math.min(count, this.left);
    this.left -= payload;
    this.surplus ||= payload < count;
    return payload;
  }

  ended(): void {
    this.closed = true;
    if (!this.done) throw tooShort();
  }
}

type ChunkState = 'size' | 'data' | 'data-end' | 'trailer' | 'done';
/** A size line with its extensions, or one trailer line. */
const MAX_LINE = 1024;
const MAX_TRAILER_LINES = 64;

/** @spec RFC 9112 v2022 §7.1 */
class ChunkedBody implements BodyDecoder {
  readonly left = undefined;
  surplus = false;
  private state: ChunkState = 'size';
  private line = '';
  private chunk = 0;
  private trailers = 0;

  get done(): boolean {
    return this.state === 'done';
  }

  decode(buffer: Buffer, count: number): number {
    let from = 0;
    let to = 0;
    while (from < count && this.state !== 'done') {
      if (this.state !== 'data') {
        from = this.readLine(buffer, from, count);
        continue;
      }
      const part = Math.min(this.chunk, count - from);
      buffer.copyWithin(to, from, from + part);
      from += part;
      to += part;
      this.chunk -= part;
      if (this.chunk === 0) this.state = 'data-end';
    }
    this.surplus ||= from < count;
    return to;
  }

  ended(): void {
    if (!this.done) throw tooShort();
  }

  private readLine(buffer: Buffer, from: number, count: number): number {
    const newline = buffer.subarray(0, count).indexOf(10, from);
    this.line += buffer.toString('latin1', from, newline < 0 ? count : newline);
    if (this.line.length > MAX_LINE) throw broken();
    if (newline < 0) return count;
    const line = this.line.replace(/\r$/, '');
    this.line = '';
    this.took(line);
    return newline + 1;
  }

  private took(line: string): void {
    if (this.state === 'data-end') {
      if (line !== '') throw broken();
      this.state = 'size';
    } else if (this.state === 'size') {
      const size = /^([0-9a-f]{1,12})\s*(?:;|$)/i.exec(line);
      if (!size) throw broken();
      this.chunk = parseInt(size[1] as string, 16);
      this.state = this.chunk === 0 ? 'trailer' : 'data';
    } else if (line === '') {
      this.state = 'done';
    } else if ((this.trailers += 1) > MAX_TRAILER_LINES) {
      throw broken();
    }
  }
}

function tooShort(): XpmnError {
  return new XpmnError('truncated', 'The media server ended the file too early.');
}

function broken(): XpmnError {
  return new XpmnError('origin-broken', 'The media server sent a body that makes no sense.');
}
