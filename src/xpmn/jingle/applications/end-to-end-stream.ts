import { once, setMaxListeners } from 'node:events';
import type { Clock, Random, Timer } from '../../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../../kernel/errors.ts';
import { base32 } from '../../kernel/ids.ts';
import { KeepAlive } from '../../kernel/keep-alive.ts';
import type { KeepAliveOptions } from '../../kernel/keep-alive.ts';
import type { Logger } from '../../kernel/log.ts';
import { abortable, deferred } from '../../kernel/tasks.ts';
import type { XmlLimits } from '../../model/xml-parser.ts';
import { withAttrs } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { OpenApplication } from '../../ports/application.ts';
import type { SecuredStream } from '../../ports/security.ts';
import type { StanzaChannel } from '../../ports/stanza-channel.ts';
import type { AnswerCache } from '../../xmpp/answer-cache.ts';
import type { IqRouter } from '../../xmpp/iq-router.ts';
import { IqTracker, anyAnswer } from '../../xmpp/iq-tracker.ts';
import type { IqTrackerOptions } from '../../xmpp/iq-tracker.ts';
import { ping } from '../../xmpp/ping.ts';
import { XmlStream, streamFeatures } from '../../xmpp/xml-stream.ts';

export interface EndToEndOptions extends KeepAliveOptions {
  readonly limits: XmlLimits;
  readonly iq: IqTrackerOptions;
  /** Bytes of stanzas that may wait for the stream below. */
  readonly queueBytes: number;
  /** ms for the peer's header. */
  readonly headerTimeout: number;
  /** ms after the peer's header in which its features may come. */
  readonly openWithoutFeatures: number;
  /** ms for the peer's footer and end, once we want to end. */
  readonly closeTimeout: number;
}

export interface EndToEndDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Handles the peer's requests. */
  readonly router: IqRouter;
  /** Shared by all streams: a set that comes over two of them is done once. */
  readonly answers?: AnswerCache | undefined;
  /** Takes the peer's messages, in order; nothing more is read until it resolves. `from` is the negotiated peer. */
  readonly onMessage?: ((message: XmlElement, channel: StanzaChannel) => Promise<void> | void) | undefined;
}

/** An XML stream between two devices, of which each knows who the other is. */
export interface EndToEndStream extends OpenApplication {
  readonly channel: StanzaChannel;
  /** The peer's stream features; undefined if none came within a second after its header, or it ended before. */
  readonly features: Promise<XmlElement | undefined>;
  /** The peer has opened its stream, too: it has accepted us. */
  readonly isMutual: boolean;
  /** There is a reason to think that the peer is gone, unsaid: it is asked now. */
  doubt(): void;
}

/**
 * Runs one XML stream on a secured stream.
 *
 * SECURITY: what stanzas and headers say in `from` and `to` is overwritten: the peer is who the secured stream says.
 *
 * @spec XEP-0247 v0.2 §2
 */
export class RunningStream implements EndToEndStream {
  readonly channel: StanzaChannel;
  private readonly secured: SecuredStream;
  private readonly deps: EndToEndDeps;
  private readonly options: EndToEndOptions;
  private readonly xml: XmlStream;
  private readonly tracker: IqTracker;
  private readonly alive: KeepAlive;
  private readonly controller = new AbortController();
  private readonly header = deferred();
  private isHeaderSeen = false;
  private readonly peerFeatures = deferred<XmlElement | undefined>();
  private timer: Timer;
  private closing: Promise<void> | undefined;
  private isHandling = false;

  constructor(secured: SecuredStream, deps: EndToEndDeps, options: EndToEndOptions) {
    const { clock, random } = deps;
    this.secured = secured;
    this.deps = deps;
    this.options = options;
    // Each request of the peer's may listen, and there may be many.
    setMaxListeners(0, this.closed);
    this.xml = new XmlStream(secured.stream, {
      onHeader: () => this.onHeader(),
      onFeatures: (features) => this.peerFeatures.resolve(features),
      onStanza: (stanza) => this.onStanza(withAttrs(stanza, { from: secured.peer.jid, to: secured.local })),
      onFooter: () => void this.finishBoth().catch(() => undefined),
      onBytes: () => this.alive.heard(),
    }, options);
    this.channel = {
      local: secured.local,
      peer: secured.peer,
      closed: this.closed,
      send: (stanza) => this.xml.send(stanza),
      request: (iq, requested) => this.tracker.request(iq, requested),
    };
    this.tracker = new IqTracker({ clock, random, send: (stanza) => this.xml.send(stanza), answers: anyAnswer, asked: () => this.alive.asked() }, options.iq);
    const onDead = (): void => this.destroy(new XpmnError('connection-lost', 'The peer has gone silent.'));
    this.alive = new KeepAlive({ clock, ask: () => this.ask(), onDead, isAwaiting: () => this.tracker.size > 0, isBusy: () => this.isHandling }, options);
    this.timer = clock.after(options.headerTimeout, () => this.destroy(new XpmnError('timeout', 'The peer did not open its XML stream.')));
    if (secured.peer.key) deps.answers?.retain(secured.peer.key);
  }

  get closed(): AbortSignal {
    return this.controller.signal;
  }

  get isMutual(): boolean {
    return this.isHeaderSeen;
  }

  get features(): Promise<XmlElement | undefined> {
    return this.peerFeatures.promise;
  }

  /**
   * Resolves when stanzas can be sent: for the initiator at once, so that its first requests need no round trip; for the
   * responder when the initiator's header has come.
   */
  async start(signal: AbortSignal): Promise<void> {
    void this.run();
    const { local, peer, role } = this.secured;
    try {
      await abortable(role === 'initiator' ? this.xml.open({ from: local, to: peer.jid }) : this.header.promise, signal);
    } catch (error) {
      this.destroy(asXpmnError(error));
      throw error;
    }
  }

  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.closing ??= this.closeInOrder();
    try {
      await abortable(this.closing, signal);
    } catch {
      this.destroy(orderly());
    }
  }

  doubt(): void {
    this.alive.doubt();
  }

  destroy(error: Error): void {
    this.finish(asXpmnError(error));
    this.secured.stream.destroy();
  }

  private async run(): Promise<void> {
    try {
      await this.xml.run();
      this.finish(orderly());
    } catch (error) {
      const failure = asXpmnError(error);
      this.xml.fail(failure);
      this.finish(failure);
    }
    await this.endBytes().catch(() => undefined);
  }

  private onHeader(): void {
    this.timer.cancel();
    this.timer = this.deps.clock.after(this.options.openWithoutFeatures, () => this.peerFeatures.resolve(undefined));
    this.isHeaderSeen = true;
    this.header.resolve();
    if (this.secured.role === 'initiator') return;
    const { local, peer } = this.secured;
    const answer = [this.xml.open({ from: local, to: peer.jid, id: base32(this.deps.random.bytes(16)) }), this.xml.send(streamFeatures())];
    // A header that can't be sent is the end of the stream, which `run` sees.
    Promise.all(answer).catch(() => undefined);
  }

  private async onStanza(stanza: XmlElement): Promise<void> {
    const { type } = stanza.attrs;
    if (stanza.name === 'message') await this.onMessage(stanza);
    else if (stanza.name !== 'iq') return;
    else if (type === 'result' || type === 'error') this.tracker.answered(stanza);
    else await this.onRequest(stanza);
  }

  private async onMessage(message: XmlElement): Promise<void> {
    this.isHandling = true;
    try {
      await this.deps.onMessage?.(message, this.channel);
    } catch (error) {
      this.deps.log.warn('A message could not be handled.', { error });
    } finally {
      this.isHandling = false;
    }
  }

  /** Who does not read our answers is not read either; who asks too much at a time waits until he has been told so. */
  private async onRequest(stanza: XmlElement): Promise<void> {
    await this.xml.room();
    const { router, answers } = this.deps;
    const isTooMuch = !router.hasRoom(this.channel);
    const answered = router.dispatch(stanza, this.channel, (answer) => this.xml.send(answer), answers);
    if (isTooMuch) await answered;
  }

  private ask(): void {
    ping(this.channel, undefined, { signal: this.closed, timeout: this.options.deadAfter }).catch(() => undefined);
  }

  private async closeInOrder(): Promise<void> {
    if (!this.closed.aborted) await this.finishBoth();
    if (!this.secured.stream.closed) await once(this.secured.stream, 'close').catch(() => undefined);
  }

  /** Footers both ways, then the initiator ends the bytes; the responder's end follows by itself. */
  private async finishBoth(): Promise<void> {
    this.timer.cancel();
    this.timer = this.deps.clock.after(this.options.closeTimeout, () => this.destroy(orderly()));
    await this.xml.close();
    if (this.xml.peerEnded && this.secured.role === 'initiator') this.secured.stream.end();
  }

  /** Over: everything that waits ends. Idempotent; the first reason counts. */
  private finish(reason: XpmnError): void {
    if (this.closed.aborted) return;
    const lost = reason.code === 'aborted' ? new XpmnError('connection-lost', 'The stream has ended.', { cause: reason }) : reason;
    this.timer.cancel();
    this.alive.stop();
    this.xml.stop(lost);
    this.tracker.failAll(lost);
    this.header.reject(lost);
    this.peerFeatures.resolve(undefined);
    if (this.secured.peer.key) this.deps.answers?.release(this.secured.peer.key);
    this.controller.abort(reason);
  }

  /** Lets what was written go out, the end with it, and frees the bytes below at the latest after `closeTimeout`. */
  private async endBytes(): Promise<void> {
    const { stream } = this.secured;
    if (stream.destroyed) return;
    const timer = this.deps.clock.after(this.options.closeTimeout, () => stream.destroy());
    stream.end();
    stream.resume();
    await once(stream, 'close').finally(() => timer.cancel());
  }
}

function orderly(): XpmnError {
  return new XpmnError('aborted', 'The stream has ended in order.');
}
