/**
 * One out-of-band session: byte streams of both directions over one secured stream. With flow control every stream has
 * its own credit, so that one stalled stream stops nobody else.
 *
 * @spec XEP-0265 v0.1 §2
 */
import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../kernel/clock.ts';
import { asXpmnError, XpmnError } from '../../kernel/errors.ts';
import { KeepAlive } from '../../kernel/keep-alive.ts';
import { abortable, abortReason, deferred, throwIfAborted, withDeadline } from '../../kernel/tasks.ts';
import type { PeerIdentity } from '../../model/identity.ts';
import type { Jid } from '../../model/jid.ts';
import type { OpenApplication } from '../../ports/application.ts';
import type { OpenMedia } from '../../ports/media-source.ts';
import type { ByteStreams, IncomingStream, MediaSink } from '../../ports/peer-link.ts';
import type { SecuredStream } from '../../ports/security.ts';
import { mediaOf, type Content } from './oob-bytes.ts';
import { CREDIT_ID, CreditLines, READY_ID } from './oob-credit.ts';
import type { FlowTerms } from './oob-description.ts';
import { FrameParser, lastChunk, type FrameHandler } from './oob-frames.ts';
import type { SendPool } from './oob-pool.ts';
import { Receiver, type ReceiverOptions } from './oob-receiver.ts';
import type { RateOptions } from './oob-rate.ts';
import { Sender } from './oob-sender.ts';
import type { WindowBudget } from './oob-window.ts';

export interface OobDeps {
  readonly clock: Clock;
  readonly pool: SendPool;
  readonly budget: WindowBudget;
  /**
   * The session discards a stream that nobody cancelled (not claimed in time, too many unclaimed, more than announced, a
   * broken sink): an `<abort/>` for `id` should go to the peer.
   */
  readonly givenUp: (session: OobSession, id: string) => void;
  /** Streams are under way, and the peer is silent: nobody reads, or the path is dead, which others may find out. */
  readonly doubted?: ((session: OobSession) => void) | undefined;
}

export interface OobOptions extends RateOptions, Omit<ReceiverOptions, 'flow'> {
  /** Largest chunk we accept. */
  readonly maxChunk: number;
  /** Largest chunk we accept without flow control. */
  readonly plainChunk: number;
  /** Bytes that may wait in the socket below before frames wait for their turn. */
  readonly writeAhead: number;
  /** Milliseconds the TLS client waits for `ready`. */
  readonly readyTime: number;
  /** Milliseconds for the last bytes to leave after the peer has ended. */
  readonly lingerTime: number;
  /** Milliseconds of silence, with streams under way, until the path is doubted. */
  readonly awaitInterval: number;
  /**
   * Milliseconds after that until the session is taken for lost, if bytes are awaited. More than a sender waits for its source: then a session
   * that brings nothing has no sender any more, and nothing else would ever say so.
   */
  readonly awaitTime: number;
}

/** A session as its owner sees it. What its users see is `ByteStreams`. */
export interface OobSession extends OpenApplication, ByteStreams {
  readonly peer: PeerIdentity;
  readonly local: Jid;
  /** Both sides have flow control. */
  readonly hasFlow: boolean;
  /** One more stream can be sent now; otherwise `send` rejects with `resource-limit`, or the session is closing. */
  readonly canSend: boolean;
  /** No stream is under way. */
  readonly isIdle: boolean;
  /**
   * `media` is the session's from here on; it is closed in every case. Rejects with the source's failure or the signal's
   * reason (the receiver sees an early end), `connection-lost`, `conflict` (id in use), `resource-limit`, `bad-request`.
   */
  send(id: string, media: OpenMedia, options: { readonly signal: AbortSignal }): Promise<void>;
  sendBytes(id: string, content: Content, options: { readonly signal: AbortSignal }): Promise<void>;
  /** As `PeerLink.abortedByPeer`. */
  abortedByPeer(id: string): boolean;
  /**
   * Claims a stream. @throws XpmnError `conflict` (claimed already), `not-found` (given up before), or why the session
   * has ended
   */
  receive(id: string, sink: MediaSink, options?: { readonly size?: number | undefined }): IncomingStream;
  /** The path is known to be dead: ends, unless the peer has been heard since it was doubted. */
  suspect(): void;
  /** What still comes of that stream is discarded, without credit; the caller sends the `<abort/>`. */
  cancel(id: string): void;
}

/** Opens a session on `secured`. `terms`: what the peer accepts; undefined without flow control. */
export async function openOobSession(
  secured: SecuredStream, terms: FlowTerms | undefined, deps: OobDeps, options: OobOptions, signal: AbortSignal,
): Promise<OobSession> {
  const session = new Session(secured, terms, deps, options);
  try {
    await session.start(signal);
    return session;
  } catch (error) {
    session.destroy(error as Error);
    throw error;
  }
}

class Session implements OobSession, FrameHandler {
  readonly peer: PeerIdentity;
  readonly local: Jid;
  readonly hasFlow: boolean;
  private readonly stream: Duplex;
  private readonly deps: OobDeps;
  private readonly options: OobOptions;
  private readonly sender: Sender;
  private readonly receiver: Receiver;
  private readonly parser: FrameParser;
  private readonly creditLines = new CreditLines();
  private readonly controller = new AbortController();
  private readonly ready = deferred();
  private readonly quiet = deferred();
  /** The TLS client hears `ready` first, and nothing before. */
  private awaitsReady: boolean;
  private inCredit = false;
  private reading = false;
  /** Read while reading: between devices of one process, what a sink does can come back at once. Within the credit. */
  private readonly backlog: Buffer[] = [];
  private closing = false;
  /** A stream has gone over it, or the peer has granted credit. */
  private used = false;
  private linger: Timer | undefined;
  /** While streams are under way. */
  private vigil: KeepAlive | undefined;

  constructor(secured: SecuredStream, terms: FlowTerms | undefined, deps: OobDeps, options: OobOptions) {
    // As many listeners as there are users of the streams.
    setMaxListeners(0, this.controller.signal);
    this.peer = secured.peer;
    this.local = secured.local;
    this.stream = secured.stream;
    this.hasFlow = terms !== undefined;
    this.deps = deps;
    this.options = options;
    this.awaitsReady = this.hasFlow && secured.role === 'initiator';
    const { clock, pool, budget } = deps;
    const idle = (): void => {
      if (this.isIdle) this.relax();
      this.checkQuiet();
    };
    // Only TLS is known to keep nothing of what it was given to write.
    const reuse = secured.stream instanceof TLSSocket;
    this.sender = new Sender(this.stream, { clock, pool, idle }, { ...options, terms, reuse });
    this.receiver = new Receiver(
      {
        clock, budget, idle,
        grant: (id, bytes) => this.grant(id, bytes),
        ended: (id) => this.sender.scheduler.credit.drop(id),
        givenUp: (id) => this.deps.givenUp(this, id),
        pause: (paused) => (paused ? this.stream.pause() : this.stream.resume()),
      },
      { ...options, flow: this.hasFlow },
    );
    this.parser = new FrameParser(this, { maxChunk: this.hasFlow ? options.maxChunk : options.plainChunk });
  }

  get closed(): AbortSignal {
    return this.controller.signal;
  }

  get canSend(): boolean {
    return !this.closing && this.sender.hasRoom;
  }

  get isIdle(): boolean {
    return this.sender.count === 0 && this.receiver.count === 0;
  }

  /** Resolves when both sides have accepted each other. */
  async start(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { stream, deps, options } = this;
    if (this.hasFlow && !this.awaitsReady) stream.write(lastChunk(READY_ID), this.sender.scheduler.pump);
    stream.on('error', (error) => this.lost(error));
    stream.on('close', () => this.lost());
    stream.on('end', () => this.ended());
    stream.on('data', (chunk: Buffer) => this.read(chunk));
    if (!this.awaitsReady) return;
    await withDeadline({ clock: deps.clock, signal, delay: options.readyTime, what: 'Opening out-of-band streams' }, () => this.ready.promise);
  }

  async send(id: string, media: OpenMedia, options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.closing) {
      media.close();
      throw new XpmnError('aborted', 'The session is closing.');
    }
    this.used = true;
    this.watch();
    await this.sender.send(id, media, options.signal);
  }

  sendBytes(id: string, content: Content, options: { readonly signal: AbortSignal }): Promise<void> {
    return this.send(id, mediaOf(content), options);
  }

  abortedByPeer(id: string): boolean {
    return this.sender.abort(id, new XpmnError('aborted', 'The receiver does not want it any more.'))
      || this.receiver.abort(id, new XpmnError('truncated', 'The sender could not send the rest.'));
  }

  receive(id: string, sink: MediaSink, options: { readonly size?: number | undefined } = {}): IncomingStream {
    const stream = this.receiver.claim(id, sink, options.size);
    if (this.receiver.count > 0) this.watch();
    return stream;
  }

  cancel(id: string): void {
    this.receiver.cancel(id);
  }

  suspect(): void {
    if (this.isIdle || this.vigil?.isDoubted) this.lost();
  }

  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.closing = true;
    this.checkQuiet();
    const gone = new Promise<void>((resolve) => {
      if (this.closed.aborted) resolve();
      else this.closed.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await abortable(Promise.race([this.quiet.promise, gone]), signal);
      if (!this.closed.aborted) this.stream.end();
      await abortable(gone, signal);
    } catch {
      this.destroy(abortReason(signal));
    }
  }

  destroy(error: Error): void {
    if (!this.finish(error)) return;
    this.linger?.cancel();
    this.stream.destroy();
  }

  // What the parser finds.

  chunk(id: string, size: number): void {
    if (this.awaitsReady) throw new XpmnError('protocol-violation', 'The peer sent something before it was ready.');
    this.used = true;
    this.inCredit = this.hasFlow && id === CREDIT_ID;
    if (this.inCredit) return;
    if (this.hasFlow && id === READY_ID) throw new XpmnError('protocol-violation', 'A reserved id was used for a stream.');
    this.receiver.chunk(id, size);
  }

  data(slice: Buffer): void {
    if (this.inCredit) this.creditLines.push(slice, (id, bytes) => this.sender.granted(id, bytes));
    else this.receiver.data(slice);
  }

  chunkEnd(): void {
    if (this.inCredit) this.creditLines.end();
  }

  last(id: string): void {
    if (this.awaitsReady && id === READY_ID) {
      this.awaitsReady = false;
      this.ready.resolve();
      return;
    }
    const reserved = this.hasFlow && (id === READY_ID || id === CREDIT_ID);
    if (this.awaitsReady || reserved) throw new XpmnError('protocol-violation', 'The peer sent a frame out of its place.');
    this.used = true;
    this.receiver.last(id);
  }

  private read(chunk: Buffer): void {
    if (this.closed.aborted) return;
    this.vigil?.heard();
    if (this.reading) {
      this.backlog.push(chunk);
      return;
    }
    this.reading = true;
    // What one read brings about, such as credit, travels together.
    this.sender.scheduler.hold();
    try {
      for (let next: Buffer | undefined = chunk; next; next = this.backlog.shift()) this.parser.push(next);
    } catch (error) {
      this.destroy(asXpmnError(error));
    } finally {
      this.reading = false;
    }
    this.sender.scheduler.release();
  }

  /** A path can die without a word, and then nothing but silence tells: of the peer only if it is its turn to speak. */
  private watch(): void {
    const { awaitInterval, awaitTime } = this.options;
    const isOurTurn = (): boolean => this.sender.count === 0 && !this.receiver.isAwaiting;
    this.vigil ??= new KeepAlive(
      { clock: this.deps.clock, ask: () => this.deps.doubted?.(this), onDead: () => this.silent(), isBusy: isOurTurn },
      { pingAfter: awaitInterval, deadAfter: awaitTime },
    );
  }

  /** Who reads nothing grants no credit, as a player that pauses: that is no proof. */
  private silent(): void {
    if (this.receiver.isAwaiting) return this.lost();
    this.relax();
    this.watch();
  }

  private relax(): void {
    this.vigil?.stop();
    this.vigil = undefined;
  }

  private grant(id: string, bytes: number): void {
    this.sender.scheduler.credit.add(id, bytes);
    this.sender.scheduler.pump();
  }

  /** The peer has ended, in order; but not if it left something open, or never took part. */
  private ended(): void {
    const open = this.sender.count > 0 || this.receiver.hasOpen || !this.parser.isBetweenFrames;
    if (open || !(this.used || this.closing)) {
      this.lost();
      return;
    }
    if (!this.finish(new XpmnError('aborted', 'The session has ended.'))) return;
    const { stream } = this;
    this.linger = this.deps.clock.after(this.options.lingerTime, () => stream.destroy());
    stream.once('close', () => this.linger?.cancel());
    stream.end(() => stream.destroy());
  }

  private lost(cause?: Error): void {
    const because = cause ? { cause } : {};
    this.destroy(new XpmnError('connection-lost', 'The connection to the peer was lost.', because));
  }

  /** False if it had ended before. */
  private finish(error: Error): boolean {
    if (this.closed.aborted) return false;
    this.parser.stop();
    this.relax();
    this.closing = true;
    this.ready.reject(error);
    this.sender.destroy(error);
    this.receiver.destroy(asXpmnError(error));
    this.controller.abort(error);
    return true;
  }

  private checkQuiet(): void {
    if (this.closing && this.isIdle) this.quiet.resolve();
  }
}
