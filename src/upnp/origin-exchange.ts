import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { abortReason, deferred } from '../xpmn/kernel/tasks.ts';
import type { Lease } from '../xpmn/ports/media-source.ts';
import { decoderFor } from './http-body.ts';
import type { BodyDecoder } from './http-body.ts';
import { endOfHead, parseHead } from './http-head.ts';
import type { HttpHead } from './http-head.ts';
import type { ConnectionReader, OriginConnection } from './origin-connection.ts';

/** Which payload bytes of a body go into the lease: `skip` are thrown away first; the rest after `length` is not read. */
export interface Portion {
  readonly skip: number;
  /** Undefined: to the end of the body. */
  readonly length: number | undefined;
}

/**
 * One request on a connection: the head, then the body straight into a lease's buffers. Nothing is read between the head
 * and `read`. After `read` has resolved, `reusable` says whether the connection may serve another request.
 */
export class OriginExchange implements ConnectionReader {
  private readonly connection: OriginConnection;
  private readonly headLimit: number;
  private readonly head = deferred<HttpHead>();
  private readonly done = deferred();
  private headBytes: Buffer = Buffer.alloc(0);
  private body: BodyDecoder | undefined;
  /** Body bytes that did not arrive in a lease's buffer; copied there before anything else is read. */
  private pending: Buffer = Buffer.alloc(0);
  private lease: Lease | undefined;
  private skip = 0;
  private left: number | undefined;
  private waiting = false;
  private over = false;
  private keepAlive = false;
  private hasEnded = false;
  private hasAnswered = false;
  /** Called for every read: the watchdog's food. */
  onProgress: () => void = () => undefined;

  constructor(connection: OriginConnection, headLimit: number) {
    this.connection = connection;
    this.headLimit = headLimit;
  }

  /** Whether the connection ended without a single byte: only then a request may be repeated on another one. */
  get wasDead(): boolean {
    return this.hasEnded && !this.hasAnswered;
  }

  get reusable(): boolean {
    return this.over && this.keepAlive && this.body !== undefined && this.body.done && !this.body.surplus && this.pending.length === 0;
  }

  ask(request: string): Promise<HttpHead> {
    this.connection.begin(this, request);
    return this.head.promise;
  }

  /** The answer has no body (HEAD), or none that anybody wants. */
  finishWithoutBody(): void {
    this.over = true;
  }

  read(lease: Lease, portion: Portion): Promise<void> {
    this.lease = lease;
    this.skip = portion.skip;
    this.left = portion.length;
    if (this.left === 0) this.finish();
    else this.flush();
    return this.done.promise;
  }

  destroy(error: Error): void {
    this.fail(error);
  }

  /** Nobody wants the rest, if there is any. */
  abandon(): void {
    if (!this.over) this.fail(new XpmnError('aborted', 'Nobody wants the file any more.'));
  }

  /** While something is pending, the lease's buffer is needed for it: the system must not write there, too. */
  buffer(): Buffer | undefined {
    const direct = this.body && !this.over && this.pending.length === 0 && this.skip === 0;
    return direct ? this.lease?.buffer() : undefined;
  }

  bytes(count: number, buffer: Buffer): boolean {
    this.onProgress();
    this.hasAnswered = true;
    if (this.over) return false;
    try {
      if (!this.body) return this.takeHead(buffer.subarray(0, count));
      return this.takeBody(count, buffer);
    } catch (error) {
      this.fail(asXpmnError(error, 'origin-broken'));
      return false;
    }
  }

  ended(error: Error | undefined): void {
    if (this.over) return;
    this.hasEnded = true;
    try {
      if (error) throw error;
      if (!this.body) throw new XpmnError('origin-unreachable', 'The media server closed the connection without an answer.');
      this.body.ended();
      this.finishIfComplete();
    } catch (reason) {
      this.fail(asXpmnError(reason, 'origin-unreachable'));
    }
  }

  private takeHead(bytes: Buffer): boolean {
    this.headBytes = this.headBytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.headBytes, bytes]);
    const end = endOfHead(this.headBytes);
    if (end < 0 || end > this.headLimit) {
      if (this.headBytes.length > this.headLimit) throw new XpmnError('too-large', 'The head of an answer is too large.');
      return true;
    }
    const head = parseHead(this.headBytes.toString('latin1', 0, end));
    const rest = this.headBytes.subarray(end);
    if (head.status < 200) {
      this.headBytes = rest;
      return rest.length === 0 ? true : this.takeHead(Buffer.alloc(0));
    }
    this.body = decoderFor(head);
    this.keepAlive = head.minor === 1 && !/\bclose\b/i.test(head.headers['connection'] ?? '');
    this.pending = rest.subarray(0, this.body.decode(rest, rest.length));
    this.head.resolve(head);
    return false;
  }

  private takeBody(count: number, buffer: Buffer): boolean {
    const lease = this.lease as Lease;
    const payload = (this.body as BodyDecoder).decode(buffer, count);
    if (buffer !== lease.buffer() || this.skip > 0) {
      this.pending = Buffer.from(buffer.subarray(0, payload));
      this.flush();
      return !this.waiting && !this.over;
    }
    const used = this.left === undefined ? payload : Math.min(payload, this.left);
    if (used > 0) this.hand(used);
    else this.finishIfComplete();
    return !this.waiting && !this.over;
  }

  /** `count` bytes of the lease's buffer are filled: credit may make us wait. */
  private hand(count: number): void {
    if (this.left !== undefined) this.left -= count;
    const wait = (this.lease as Lease).filled(count);
    if (wait) this.waitFor(wait);
    else this.finishIfComplete();
  }

  private waitFor(wait: Promise<void>): void {
    this.waiting = true;
    wait.then(
      () => {
        this.waiting = false;
        this.flush();
      },
      (error: unknown) => this.fail(asXpmnError(error, 'aborted')),
    );
  }

  /** Copies what is pending, then reads on. */
  private flush(): void {
    try {
      while (!this.waiting && !this.over && this.pending.length > 0 && this.left !== 0) this.copyPending();
    } catch (error) {
      this.fail(asXpmnError(error, 'aborted'));
    }
    if (!this.waiting && !this.over) {
      this.finishIfComplete();
      if (!this.over) this.connection.resume();
    }
  }

  private copyPending(): void {
    const skipped = Math.min(this.skip, this.pending.length);
    this.skip -= skipped;
    this.pending = this.pending.subarray(skipped);
    if (this.pending.length === 0) return;
    const target = (this.lease as Lease).buffer();
    const count = Math.min(this.pending.length, target.length, this.left ?? Infinity);
    this.pending.copy(target, 0, 0, count);
    this.pending = this.pending.subarray(count);
    this.hand(count);
  }

  private finishIfComplete(): void {
    if (this.left === 0) this.finish();
    else if (this.body?.done && this.pending.length === 0 && this.lease) {
      // The body is over and the portion is not: the origin promised more than it gave.
      if (this.left === undefined && this.skip === 0) this.finish();
      else this.fail(new XpmnError('truncated', 'The media server ended the file too early.'));
    }
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.done.resolve();
  }

  private fail(error: Error): void {
    if (this.over) return;
    this.over = true;
    this.connection.destroy();
    this.head.reject(error);
    this.done.reject(error);
  }
}

/** Aborts `exchange` with the signal's reason; returns how to stop listening. */
export function abortWith(exchange: OriginExchange, signal: AbortSignal): () => void {
  const onAbort = (): void => exchange.destroy(abortReason(signal));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}
