/**
 * @spec XEP-0261 v1.0 §2.2, §2.3
 * @spec XEP-0047 v2.0.1 §2.1
 */
import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Clock, Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { randomId } from '../../kernel/ids.ts';
import { abortReason, deferred, throwIfAborted, withDeadline } from '../../kernel/tasks.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { StanzaChannel } from '../../ports/stanza-channel.ts';
import type { TransportContext, TransportMethod, TransportNegotiation } from '../../ports/transport.ts';
import { formatIbbTransport, ibbNamespace, parseIbbTransport } from './ibb-codec.ts';
import type { IbbTransport, IbbVersion } from './ibb-codec.ts';
import type { IbbRouter } from './ibb-router.ts';
import { IbbStream } from './ibb-stream.ts';
import type { IbbStreamOptions } from './ibb-stream.ts';

export interface IbbDeps {
  /**
   * Carries the blocks: the stream to the server, also for sessions whose Jingle runs on another channel (inside an
   * end-to-end stream the bytes would be encrypted and encoded twice).
   */
  readonly channel: StanzaChannel;
  /** The device's, registered once. */
  readonly router: IbbRouter;
  readonly clock: Clock;
  readonly random: Random;
}

export interface IbbOptions extends IbbStreamOptions {
  readonly preference: number;
  /** The smallest block size that is accepted: a byte a stanza would only burn both ends' processors. */
  readonly minBlockSize: number;
  /** ms in which the stream must be opened. */
  readonly openTimeout: number;
}

/** In-band bytestreams: work wherever stanzas do, slowly. `version` 1 opens with a stanza, 0 with the session. */
export function createIbbTransport(deps: IbbDeps, version: IbbVersion, options: IbbOptions): TransportMethod {
  // Every stream listens for the end of its channel, and there may be many.
  setMaxListeners(0, deps.channel.closed);
  return {
    namespace: ibbNamespace(version),
    preference: options.preference + version,
    offer: (context) => new IbbNegotiation(deps, version, options, context, undefined),
    accept: (context, offered) => new IbbNegotiation(deps, version, options, context, parseIbbTransport(version, offered)),
  };
}

class IbbNegotiation implements TransportNegotiation {
  private readonly deps: IbbDeps;
  private readonly version: IbbVersion;
  private readonly options: IbbOptions;
  private readonly context: TransportContext;
  private readonly sid: string;
  private readonly stream: IbbStream;
  private readonly life = new AbortController();
  private readonly open = deferred();
  private readonly removeRoute: () => void;
  private blockSize: number;
  private openExpected: boolean;
  private handedOver = false;

  constructor(deps: IbbDeps, version: IbbVersion, options: IbbOptions, context: TransportContext, offered: IbbTransport | undefined) {
    const { random, channel, router } = deps;
    if (offered && offered.blockSize < options.minBlockSize) throw new XpmnError('malformed', 'The block size makes no sense.');
    this.deps = deps;
    this.version = version;
    this.options = options;
    this.context = context;
    this.sid = offered?.sid ?? randomId(random);
    this.blockSize = Math.min(offered?.blockSize ?? options.blockSize, options.blockSize);
    this.removeRoute = router.add(context.peer, this.sid, {
      openReceived: (open) => this.openReceived(open),
      blockReceived: (data) => this.stream.blockReceived(data),
      closeReceived: () => this.stream.closeReceived(),
    });
    this.stream = new IbbStream({ channel, random, peer: context.peer, sid: this.sid, onGone: (error) => this.gone(error) }, options);
    this.stream.agree(this.blockSize);
    this.openExpected = version === 1 && context.role === 'responder';
    if (context.signal.aborted) this.onAbort();
    else context.signal.addEventListener('abort', this.onAbort, { once: true });
  }

  describe(): Promise<XmlElement> {
    if (this.life.signal.aborted) return Promise.reject(abortReason(this.life.signal));
    // The thesis' form has no open: the peer may send as soon as it has the answer.
    if (this.version === 0 && this.context.role === 'responder') this.stream.markOpen();
    return Promise.resolve(formatIbbTransport(this.version, { sid: this.sid, blockSize: this.blockSize }));
  }

  answered(transport: XmlElement): void {
    const { sid, blockSize } = parseIbbTransport(this.version, transport);
    if (sid !== this.sid) throw new XpmnError('malformed', 'The answer is about another in-band stream.');
    if (blockSize < this.options.minBlockSize) throw new XpmnError('malformed', 'The block size makes no sense.');
    // XEP-0261 §2.2: the responder may lower the block size; a higher one counts as the offered one.
    this.blockSize = Math.min(blockSize, this.blockSize);
    this.stream.agree(this.blockSize);
    if (this.version === 0) this.stream.markOpen();
  }

  received(info: XmlElement): void {
    const { sid } = parseIbbTransport(this.version, info);
    // More than one stream in a content: nobody here asks for it.
    throw new XpmnError('not-found', `There is no in-band stream ${sid === this.sid ? 'to be changed' : 'of that name'}.`);
  }

  async connect(): Promise<Duplex> {
    try {
      throwIfAborted(this.life.signal);
      if (this.version === 1 && this.context.role === 'responder') await this.awaitOpen();
      throwIfAborted(this.life.signal);
      if (this.stream.destroyed) throw new XpmnError('transport-failed', 'The in-band stream was lost.');
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.handedOver = true;
    this.context.signal.removeEventListener('abort', this.onAbort);
    if (this.version === 1 && this.context.role === 'initiator') this.stream.sayOpen(this.options.openTimeout);
    return this.stream;
  }

  destroy(): void {
    this.end(new XpmnError('aborted', 'The in-band stream was given up.'));
  }

  private readonly onAbort = (): void => this.end(abortReason(this.context.signal));

  private end(reason: Error): void {
    if (this.handedOver) return;
    this.context.signal.removeEventListener('abort', this.onAbort);
    this.life.abort(reason);
    this.open.reject(reason);
    this.stream.destroy();
  }

  private gone(error: Error | null): void {
    this.removeRoute();
    this.open.reject(new XpmnError('transport-failed', 'The in-band stream was lost.', error ? { cause: error } : {}));
  }

  private async awaitOpen(): Promise<void> {
    const deadline = { clock: this.deps.clock, signal: this.life.signal, delay: this.options.openTimeout, what: 'Opening the in-band stream' };
    await withDeadline(deadline, () => this.open.promise);
  }

  private openReceived({ blockSize }: IbbTransport): void {
    if (!this.openExpected) throw new XpmnError('not-acceptable', 'The in-band stream is not to be opened.');
    // XEP-0261 §2.2: the open repeats what was negotiated.
    if (blockSize !== this.blockSize) throw new XpmnError('resource-limit', 'Another block size was agreed on.');
    this.openExpected = false;
    this.stream.markOpen();
    this.open.resolve();
  }
}
