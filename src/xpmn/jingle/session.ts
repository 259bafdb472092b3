import type { Duplex } from 'node:stream';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { abortReason, deferred, throwIfAborted, withDeadline } from '../kernel/tasks.ts';
import type { Deferred } from '../kernel/tasks.ts';
import type { PeerIdentity } from '../model/identity.ts';
import type { XmlElement } from '../model/xml.ts';
import type { OpenApplication } from '../ports/application.ts';
import type { SecuredStream } from '../ports/security.ts';
import type { TransportMethod } from '../ports/transport.ts';
import type { Jingle, JingleContent } from './codec.ts';
import type { State } from './machine.ts';
import { errorOf, reasonOf } from './reasons.ts';
import { SessionCore, transportOf } from './session-core.ts';
import { SecurityAgreement } from './session-security.ts';
import { SessionTransports } from './session-transports.ts';
import type { SessionDeps, SessionOptions, SessionSpec } from './session-types.ts';
import type { TransportAttempt } from './transport-attempt.ts';

/**
 * One session with one content: joins transport, security and application. What the peer says changes the state and is
 * answered at once, synchronously; what follows from it happens after the answer is out. One flow of control sets the
 * session up; whatever goes wrong anywhere ends in `end`, which frees everything in the same turn.
 *
 * @spec XEP-0166 v1.1.2 §4, §6
 */
export class Session {
  readonly spec: SessionSpec;
  /** Settles once: the usable application, or why there is none. */
  readonly opened: Deferred<OpenApplication> = deferred<OpenApplication>();
  /** Whether our session-initiate gave way to one of the peer's. */
  gaveWay = false;

  private readonly core: SessionCore;
  private readonly transports: SessionTransports;
  private readonly security: SecurityAgreement;
  private readonly accepted = deferred();
  private readonly finished = deferred();
  private theirDescription: XmlElement | undefined;
  private secured: PeerIdentity | undefined;
  private below: Duplex | undefined;
  private application: OpenApplication | undefined;

  constructor(deps: SessionDeps, spec: SessionSpec, options: SessionOptions) {
    this.spec = spec;
    this.core = new SessionCore(deps, spec, options, (error) => this.end(asXpmnError(error)));
    this.transports = new SessionTransports(this.core);
    this.security = new SecurityAgreement(deps.securities, deps.fingerprint);
  }

  get state(): State {
    return this.core.state;
  }

  /** Who was proven to be at the other end; undefined before. */
  get identity(): PeerIdentity | undefined {
    return this.secured;
  }

  /** Resolves when the session has ended and nothing of it runs any more. */
  get done(): Promise<void> {
    return this.finished.promise;
  }

  /** Initiator: calls the peer. The transports are tried in this order. */
  call(transports: readonly [TransportMethod, ...TransportMethod[]]): void {
    this.transports.offer(transports);
    this.setUp(() => this.initiate());
  }

  /**
   * Responder: takes the content of a session-initiate, and answers it after it was acknowledged.
   * @throws XpmnError `malformed` for a transport that makes no sense: then there is no session
   */
  take(content: JingleContent, method: TransportMethod): void {
    this.theirDescription = content.description;
    try {
      this.security.answer(content.security);
    } catch (error) {
      return this.decline(asXpmnError(error));
    }
    this.transports.take(method, transportOf(content));
    this.core.afterAnswer(() => this.setUp(() => this.accept()));
  }

  /** Responder: a call that can't be taken is acknowledged, and then ended. */
  decline(error: XpmnError): void {
    this.core.afterAnswer(() => this.end(error));
  }

  /** Takes an action of the peer; returns when it is to be acknowledged. @throws XpmnError for an error answer */
  handle({ action, contents: [content], info, reason }: Jingle): void {
    this.core.hear(action, () => {
      switch (action) {
        case 'session-info': return refuseInfo(info);
        case 'session-accept': return this.takeAccept(content);
        case 'security-info': return this.takeSecurityInfo(content);
        case 'transport-info': return this.transports.received(transportOf(content));
        case 'transport-replace': return this.transports.replaceTheirs(transportOf(content));
        case 'transport-accept': return this.transports.accepted(content);
        case 'transport-reject': return this.transports.rejected();
        case 'session-terminate': return this.endedByPeer(reason?.condition ?? 'success');
        default: throw new XpmnError('out-of-order', `No ${action} here.`);
      }
    });
  }

  /** Ends at once: the peer is told, best effort; nothing is waited for. Idempotent. */
  end(error: XpmnError, { tell = true }: { readonly tell?: boolean } = {}): void {
    if (this.state === 'ended') return;
    const orderly = this.state === 'open' && error.code === 'aborted';
    if (tell) this.core.terminate(orderly ? 'success' : reasonOf(error));
    this.free(error);
    this.application?.destroy(error);
    this.finished.resolve();
  }

  /** Our session-initiate loses against the peer's with `sid`, which takes its place. */
  giveWay(sid: string): void {
    this.gaveWay = true;
    // A peer that saw no tie has acknowledged ours. With equal sids the stanza could be taken to mean its own.
    this.end(new XpmnError('tie-break', 'The peer called at the same time.'), { tell: sid !== this.spec.sid });
  }

  /** Ends in order within `signal`, both ways; at once if it is not open yet. */
  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    try {
      if (this.state === 'open') await this.application?.close({ signal });
    } catch (error) {
      this.core.deps.log.debug('A session did not close in order.', { error });
    }
    this.end(new XpmnError('aborted', 'Closing.'));
  }

  private setUp(agree: () => Promise<void>): void {
    const { core } = this;
    core.within(
      { delay: core.options.setupTimeout, what: 'Opening the session' },
      () => agree().then(() => this.establish()),
      (late) => late.destroy(abortReason(core.signal)),
    ).then((application) => this.run(application), (error: unknown) => this.end(asXpmnError(error)));
  }

  private async initiate(): Promise<void> {
    const { core, transports: { current } } = this;
    const transport = await this.transports.describe();
    try {
      await core.request('session-initiate', { description: this.spec.application.describe(), transport, security: this.security.offer() });
    } catch (error) {
      this.notAcknowledged(error);
      throw error;
    }
    current.announce();
    // The session-accept may have overtaken the acknowledgement on the way through our own queues.
    if (core.state === 'initiating') core.step('acknowledged');
    await core.within({ delay: core.options.acceptTimeout, what: 'Waiting for the peer to accept' }, () => this.accepted.promise);
  }

  /** An error answer means that the peer has no session of ours: it is not told of its end. */
  private notAcknowledged(error: unknown): void {
    if (!(error instanceof XpmnError) || error.code === 'timeout' || this.core.signal.aborted) return;
    this.gaveWay = error.code === 'tie-break';
    this.end(error, { tell: false });
  }

  private accept(): Promise<void> {
    const { core } = this;
    return this.transports.answer((transport) => {
      core.step('our:session-accept');
      return core.request('session-accept', { description: this.spec.application.describe(), transport, security: this.security.offer() });
    });
  }

  /** From the agreement to the usable application, over as many transports as it takes. */
  private async establish(): Promise<OpenApplication> {
    for (;;) {
      const attempt = this.transports.current;
      try {
        return await this.open(await this.secure(attempt));
      } catch (error) {
        throwIfAborted(this.core.signal);
        if (this.transports.current !== attempt) continue;
        if (!attempt.mayBeReplaced) throw this.rootOf(error);
        await this.transports.next(attempt, asXpmnError(error, 'transport-failed'));
      }
    }
  }

  private async secure(attempt: TransportAttempt): Promise<SecuredStream> {
    const { core, security } = this;
    const { transportTimeout, securityTimeout } = core.options;
    const { signal } = attempt;
    await attempt.agreement();
    let raw: Duplex | undefined = await core.within({ delay: transportTimeout, what: 'Connecting', signal }, () => attempt.connect(), destroy);
    this.below = raw;
    try {
      core.step('connected');
      // With several methods offered, bytes wait in `raw` for the security-info.
      const method = await core.within({ delay: securityTimeout, what: 'Waiting for the choice of security', signal }, () => security.method);
      const secured = await core.within({ delay: securityTimeout, what: 'Securing the stream', signal }, (deadline) => {
        const given = raw as Duplex;
        raw = undefined;
        const { role, peer, application: { namespace: application }, introduce = false } = this.spec;
        const { local } = core.deps;
        return method.secure(given, {
          role, local, peer, announcedFingerprint: security.theirFingerprint, methods: security.methodsOf(role), signal: deadline,
          accept: (leaf, claimed, signal, stream) => core.deps.accept(leaf, claimed, signal, { stream, role, local, application, introduce, isVouchedFor: true }),
        });
      }, ({ stream }) => stream.destroy());
      return secured;
    } finally {
      raw?.destroy();
    }
  }

  private async open(secured: SecuredStream): Promise<OpenApplication> {
    const { core } = this;
    let given = false;
    try {
      core.step('secured');
      this.secured = secured.peer;
      return await core.within({ delay: core.options.openTimeout, what: 'Opening the application' }, (signal) => {
        given = true;
        return this.spec.application.open(secured, this.theirDescription as XmlElement, { signal });
      }, (late) => late.destroy(abortReason(core.signal)));
    } finally {
      if (!given) secured.stream.destroy();
    }
  }

  private run(application: OpenApplication): void {
    if (this.state === 'ended') return application.destroy(abortReason(this.core.signal));
    this.core.step('opened');
    this.application = application;
    this.opened.resolve(application);
    const onClosed = (): void => this.end(this.rootOf(abortReason(application.closed)));
    if (application.closed.aborted) onClosed();
    else application.closed.addEventListener('abort', onClosed, { once: true });
  }

  /** When the transport broke, what lies above reports only that it was cut; this is why. */
  private rootOf(error: unknown): XpmnError {
    const cause = this.below?.errored;
    const isRoot = cause instanceof XpmnError && (cause.code === 'transport-failed' || cause.code === 'connection-lost');
    return isRoot ? cause : asXpmnError(error);
  }

  private takeAccept(content: JingleContent | undefined): void {
    let method: string;
    try {
      const transport = transportOf(content);
      if (content?.description?.ns !== this.spec.application.namespace) throw new XpmnError('malformed', 'The accept is for another application.');
      if (transport.ns !== this.transports.current.namespace) throw new XpmnError('malformed', 'The accept is for another transport.');
      this.theirDescription = content.description;
      this.transports.current.answered(transport);
    } catch (error) {
      // There is no second accept: the session can't go on without this one.
      this.core.afterAnswer(() => Promise.reject(asXpmnError(error)));
      throw error;
    }
    try {
      method = this.security.choose(content.security);
    } catch (error) {
      return this.core.afterAnswer(() => Promise.reject(asXpmnError(error)));
    }
    this.core.afterAnswer(async () => {
      this.core.step('our:security-info');
      this.accepted.resolve();
      await this.tellMethod(method);
    });
  }

  /** A peer that has proven itself by then has understood, whether its acknowledgement finds its way or not. */
  private async tellMethod(method: string): Promise<void> {
    try {
      await this.core.request('security-info', { security: { methods: [method] } });
    } catch (error) {
      if (this.core.needsChannel) throw error;
    }
  }

  private takeSecurityInfo(content: JingleContent | undefined): void {
    try {
      this.security.named(content?.security);
    } catch (error) {
      this.core.afterAnswer(() => Promise.reject(asXpmnError(error)));
    }
  }

  private endedByPeer(reason: Parameters<typeof errorOf>[0]): void {
    const { application } = this;
    const orderly = this.state === 'open' && reason === 'success';
    const error = errorOf(reason);
    this.free(error);
    if (application && orderly) return this.closeLate(application, error);
    application?.destroy(error);
    this.finished.resolve();
  }

  /** The peer has closed in order, but its last bytes may still be under way on another path than its stanza came. */
  private closeLate(application: OpenApplication, error: XpmnError): void {
    const { deps: { clock }, options: { closeTimeout } } = this.core;
    withDeadline({ clock, delay: closeTimeout, what: 'Closing the application' }, (signal) => application.close({ signal }))
      .catch(() => undefined)
      .finally(() => {
        application.destroy(error);
        this.finished.resolve();
      });
  }

  private free(error: XpmnError): void {
    this.core.finish(error);
    this.transports.destroy(error);
    this.opened.reject(error);
    this.core.deps.onEnded(error);
  }
}

function destroy(stream: Duplex): void {
  stream.destroy();
}

/** An empty session-info is a ping. */
function refuseInfo(info: readonly XmlElement[]): void {
  if (info.length > 0) throw new XpmnError('not-supported', 'That means nothing here.', { details: { condition: 'unsupported-info' } });
}
