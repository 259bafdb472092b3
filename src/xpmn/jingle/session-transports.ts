import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { deferred, throwIfAborted } from '../kernel/tasks.ts';
import type { XmlElement } from '../model/xml.ts';
import type { TransportMethod } from '../ports/transport.ts';
import { transportOf } from './session-core.ts';
import type { SessionCore } from './session-core.ts';
import type { JingleContent } from './codec.ts';
import { TransportAttempt } from './transport-attempt.ts';

/**
 * The transports of one session, one after the other. "Only the initiator acts" when one fails: it replaces it with the
 * next that it may use; the responder obeys, and waits.
 *
 * @spec XEP-0166 v1.1.2 §7.2.14
 * @spec XEP-0260 v1.0.3 §3
 */
export class SessionTransports {
  private readonly core: SessionCore;
  private rest: readonly TransportMethod[] = [];
  private attempt: TransportAttempt | undefined;
  private replaced = deferred();
  private replacements = 0;

  constructor(core: SessionCore) {
    this.core = core;
  }

  /** The one in use. */
  get current(): TransportAttempt {
    if (!this.attempt) throw new XpmnError('internal', 'The session has no transport.');
    return this.attempt;
  }

  offer([first, ...rest]: readonly [TransportMethod, ...TransportMethod[]]): void {
    this.rest = rest;
    this.attempt = this.make(first);
  }

  /** @throws XpmnError `malformed` */
  take(method: TransportMethod, offered: XmlElement): void {
    this.attempt = this.make(method, offered);
  }

  /** Ours, for the wire. */
  describe(): Promise<XmlElement> {
    const { current } = this;
    return this.core.within({ delay: this.core.options.transportTimeout, what: 'Preparing the transport', signal: current.signal }, () => current.describe());
  }

  /** Responder: sends the answer that carries our description; the transport is agreed when it was acknowledged. */
  async answer(send: (transport: XmlElement) => Promise<void>): Promise<void> {
    const { current } = this;
    const transport = await this.describe();
    const sent = send(transport);
    current.announce();
    await sent;
    // The peer may have gone on to another transport before its acknowledgement came through.
    if (this.attempt !== current || current.signal.aborted) return;
    this.core.step('acknowledged');
    current.acknowledged();
  }

  /** A transport-info. @throws XpmnError `malformed`, `not-found`, `resource-limit` */
  received(info: XmlElement): void {
    this.attempt?.received(info);
  }

  /** After `failed` has failed with `error`: returns when there is another to try. @throws `error`, or how the last one failed */
  async next(failed: TransportAttempt, error: XpmnError): Promise<void> {
    failed.release();
    if (this.core.spec.role === 'initiator') return this.replace(error);
    const wait = { delay: this.core.options.replaceTimeout, what: 'Waiting for another transport' };
    await this.core.within(wait, () => this.replaced.promise).catch(() => Promise.reject(error));
  }

  /** Initiator: the responder takes the replacement. @throws XpmnError `malformed`, `out-of-order` */
  accepted(content: JingleContent | undefined): void {
    const transport = transportOf(content);
    if (transport.ns !== this.current.namespace) throw new XpmnError('out-of-order', 'That transport was not offered.');
    this.current.answered(transport);
  }

  /** Initiator: the responder does not take the replacement. */
  rejected(): void {
    this.current.refuse(new XpmnError('transport-failed', 'The peer does not take this transport.'));
  }

  /**
   * Responder: obeys a transport-replace at once. Whatever the transport before was doing, it is gone.
   * @throws XpmnError `malformed`, `resource-limit`
   */
  replaceTheirs(transport: XmlElement): void {
    const { core } = this;
    if (this.replacements >= core.options.replacements) throw new XpmnError('resource-limit', 'The transport was replaced too often.');
    const method = core.deps.replacement(transport.ns);
    const attempt = method && this.make(method, transport);
    this.replacements += 1;
    this.attempt?.destroy(new XpmnError('transport-failed', 'The peer has given this transport up.'));
    if (!attempt) return core.afterAnswer(() => this.reject(transport));
    this.attempt = attempt;
    this.replaced.resolve();
    this.replaced = deferred();
    core.afterAnswer(() => this.answerReplacement(attempt));
  }

  destroy(reason: Error): void {
    this.attempt?.destroy(reason);
  }

  private make(method: TransportMethod, offered?: XmlElement): TransportAttempt {
    const { core } = this;
    const sendInfo = async (transport: XmlElement): Promise<void> => {
      core.step('our:transport-info');
      await core.request('transport-info', { transport });
    };
    const { deps, spec, options } = core;
    return new TransportAttempt({
      method, offered, earlyInfos: options.earlyInfos, context: { role: spec.role, local: deps.local, peer: spec.peer, sendInfo },
    });
  }

  private async replace(error: XpmnError): Promise<void> {
    const { core } = this;
    for (let failure = error; ; ) {
      const [method, ...rest] = this.rest;
      if (!method) throw failure;
      this.rest = rest;
      core.step('our:transport-replace');
      this.attempt?.destroy(failure);
      const attempt = (this.attempt = this.make(method));
      try {
        await core.request('transport-replace', { transport: await this.describe() });
        attempt.announce();
        const wait = { delay: core.options.replaceTimeout, what: 'Waiting for the answer to another transport', signal: attempt.signal };
        return await core.within(wait, () => attempt.agreement());
      } catch (reason) {
        throwIfAborted(core.signal);
        failure = asXpmnError(reason, 'transport-failed');
      }
    }
  }

  private async answerReplacement(attempt: TransportAttempt): Promise<void> {
    if (this.attempt !== attempt) return;
    try {
      await this.answer((transport) => this.core.request('transport-accept', { transport }));
    } catch (error) {
      if (this.attempt === attempt) throw error;
    }
  }

  private async reject(transport: XmlElement): Promise<void> {
    if (this.core.state !== 'replacing') return;
    this.core.step('our:transport-reject');
    await this.core.request('transport-reject', { transport });
  }
}
