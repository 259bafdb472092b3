/**
 * An in-band stream as a Duplex.
 *
 * - Written bytes are cut anew into blocks; several may be on their way, so the round trip does not set the speed.
 * - A block is acknowledged when the reader has room again: a reader that stops stops the sender.
 * - There is no half-close in band. `end()` sends everything, waits until it is acknowledged, and closes; the peer reads all
 *   of it and then sees the end, and so do we. Bytes that the peer still wanted to send fail on its side, `connection-lost`.
 *
 * @spec XEP-0047 v2.0.1 §2.2, §2.3
 */
import { setMaxListeners } from 'node:events';
import { Duplex } from 'node:stream';
import type { Random } from '../../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../../kernel/errors.ts';
import { randomId } from '../../kernel/ids.ts';
import type { Jid } from '../../model/jid.ts';
import type { StanzaChannel } from '../../ports/stanza-channel.ts';
import { iqRequest } from '../../xmpp/stanza.ts';
import { BlockSender } from './block-sender.ts';
import { SEQUENCE_SPACE, decodeBlock, formatClose, formatData, formatOpen } from './ibb-codec.ts';
import type { IbbData } from './ibb-codec.ts';
import { keepQuiet } from './keep-quiet.ts';

export interface IbbStreamDeps {
  readonly channel: StanzaChannel;
  readonly random: Random;
  readonly peer: Jid;
  readonly sid: string;
  /** The stream is gone; the error if it failed. Called once. */
  onGone(error: Error | null): void;
}

export interface IbbStreamOptions {
  /** Bytes of a block at most, both ways. */
  readonly blockSize: number;
  /** Blocks on their way at a time. */
  readonly window: number;
  /** Bytes that a writer may be ahead of what was sent. */
  readonly sendBuffer: number;
  /** Bytes received and unread from which on acknowledgements are held back. */
  readonly receiveBuffer: number;
  /** Bytes received and unread at most: a sender that does not wait for acknowledgements fails. */
  readonly receiveLimit: number;
  /** ms in which a block must be acknowledged. */
  readonly ackTimeout: number;
}

export class IbbStream extends Duplex {
  private readonly deps: IbbStreamDeps;
  private readonly options: IbbStreamOptions;
  private readonly sender: BlockSender;
  private readonly life = new AbortController();
  private readonly heldBack = new Set<{ resolve(): void; reject(error: Error): void }>();
  private blockSize: number;
  private expected = 0;
  /** `open`: blocks may pass. `closed`: a close was sent and answered, or received. */
  private phase: 'unopened' | 'open' | 'closed' = 'unopened';
  private outputLost = false;

  constructor(deps: IbbStreamDeps, options: IbbStreamOptions) {
    super({ allowHalfOpen: false, readableHighWaterMark: options.receiveBuffer, writableHighWaterMark: options.sendBuffer });
    this.deps = deps;
    this.options = options;
    this.blockSize = options.blockSize;
    const { sid } = deps;
    this.sender = new BlockSender({
      transmit: async (seq, block) => void (await this.request(formatData(sid, seq, block))),
      onFailure: (error) => this.blockFailed(error),
    }, options);
    keepQuiet(this);
    // One listener for every block on its way, and for the close.
    setMaxListeners(options.window + 2, this.life.signal);
    if (deps.channel.closed.aborted) this.onChannelClosed();
    else deps.channel.closed.addEventListener('abort', this.onChannelClosed, { once: true });
  }

  /** The block size is agreed on. */
  agree(blockSize: number): void {
    this.blockSize = blockSize;
    this.sender.blockSize = blockSize;
  }

  /** Initiator: opens. Blocks follow without waiting for the answer; one that is an error is the end of the stream. */
  sayOpen(timeout: number): void {
    // The peer may send before its answer to the open has been looked at here.
    this.markOpen();
    this.request(formatOpen({ sid: this.deps.sid, blockSize: this.blockSize }), timeout).catch((cause: unknown) =>
      this.destroy(new XpmnError('transport-failed', 'The peer did not open the in-band stream.', { cause })));
  }

  /** From now on the peer knows the stream. */
  markOpen(): void {
    if (this.phase === 'unopened') this.phase = 'open';
  }

  /** @throws XpmnError what the peer is to be told; the stream has failed then, but for `not-found` */
  blockReceived({ seq, base64 }: IbbData): Promise<void> | undefined {
    if (this.phase !== 'open' || this.destroyed) throw new XpmnError('not-found', 'There is no such in-band stream.');
    try {
      // XEP-0047 §2.2: a sequence number that was used, or is out of order, is an unexpected request.
      if (seq !== this.expected) throw new XpmnError('unexpected-request', 'A block is missing or came twice.');
      const block = decodeBlock(base64);
      if (block.length > this.blockSize) throw new XpmnError('bad-request', 'A block is larger than agreed.');
      if (this.readableLength + block.length > this.options.receiveLimit) throw new XpmnError('resource-limit', 'The sender does not wait.');
      this.expected = (seq + 1) % SEQUENCE_SPACE;
      return this.push(block) ? undefined : this.holdBack();
    } catch (error) {
      this.destroy(new XpmnError('transport-failed', 'The peer broke the in-band stream.', { cause: error }));
      throw error;
    }
  }

  /** The peer closed. What it sent before is still read, then the end. @throws XpmnError `not-found` */
  closeReceived(): void {
    if (this.phase !== 'open') throw new XpmnError('not-found', 'There is no such in-band stream.');
    this.finishReading();
    if (this.sender.hasUnsent) this.loseOutput();
  }

  override _read(): void {
    this.acknowledge();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.phase === 'closed') this.loseOutput();
    else this.sender.send(chunk, done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary' as BufferEncoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.sender.whenIdle(() => {
      if (this.phase === 'closed' || this.outputLost) return done();
      // Any answer will do: a peer that does not know the stream any more has closed it, too.
      this.request(formatClose(this.deps.sid)).catch(() => undefined).finally(() => {
        this.finishReading();
        done();
      });
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.deps.channel.closed.removeEventListener('abort', this.onChannelClosed);
    for (const { reject } of this.heldBack) reject(new XpmnError('not-found', 'The in-band stream is gone.'));
    this.heldBack.clear();
    this.sender.stop();
    this.life.abort(error ?? new XpmnError('aborted', 'The in-band stream was destroyed.'));
    if (this.phase === 'open') this.sayClosed();
    this.phase = 'closed';
    this.deps.onGone(error);
    done(error);
  }

  private readonly onChannelClosed = (): void => {
    this.phase = 'closed';
    this.destroy(new XpmnError('connection-lost', 'The stream that carried this one is gone.'));
  };

  private async request(payload: ReturnType<typeof formatData>, timeout = this.options.ackTimeout): Promise<void> {
    const { channel, peer } = this.deps;
    await channel.request({ type: 'set', to: peer, payload }, { signal: this.life.signal, timeout });
  }

  /** Tells the peer without waiting for an answer: nobody would be here to hear it. */
  private sayClosed(): void {
    const { channel, random, peer, sid } = this.deps;
    channel.send(iqRequest({ type: 'set', id: randomId(random), to: peer, payload: formatClose(sid) })).catch(() => undefined);
  }

  private holdBack(): Promise<void> {
    return new Promise<void>((resolve, reject) => this.heldBack.add({ resolve, reject }));
  }

  private acknowledge(): void {
    for (const { resolve } of this.heldBack) resolve();
    this.heldBack.clear();
  }

  private finishReading(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.acknowledge();
    this.push(null);
  }

  private blockFailed(error: unknown): void {
    if (this.destroyed) return;
    // After the peer's close a refused block only means that it had stopped listening.
    if (this.phase === 'closed') return this.loseOutput();
    const cause = asXpmnError(error);
    this.phase = cause.code === 'connection-lost' ? 'closed' : this.phase;
    this.destroy(cause.code === 'connection-lost' ? cause : new XpmnError('transport-failed', 'The peer did not take a block.', { cause }));
  }

  /** The peer closed before it had everything. That shows as an error, but not before what it sent has been read. */
  private loseOutput(): void {
    if (this.outputLost) return;
    this.outputLost = true;
    this.sender.stop();
    const fail = (): unknown => this.destroy(new XpmnError('connection-lost', 'The peer closed the in-band stream too early.'));
    if (this.readableLength === 0) fail();
    else this.once('end', fail);
  }
}
