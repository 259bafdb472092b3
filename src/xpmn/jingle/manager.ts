import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import { abortReason, abortable, throwIfAborted } from '../kernel/tasks.ts';
import type { PeerIdentity } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { ApplicationMethod, OpenApplication } from '../ports/application.ts';
import type { AcceptPeer, SecurityMethod } from '../ports/security.ts';
import type { IncomingIq, IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import type { Role, TransportMethod } from '../ports/transport.ts';
import { CallGate } from './call-limits.ts';
import type { CallLimits } from './call-limits.ts';
import { JINGLE_NS, parseJingle } from './codec.ts';
import type { Jingle, JingleContent } from './codec.ts';
import type { State } from './machine.ts';
import { Session } from './session.ts';
import { SessionTable, winsTieBreak } from './session-table.ts';
import type { SessionOptions, SessionSpec } from './session-types.ts';

export interface JingleOptions extends SessionOptions, CallLimits {}

/** What a peer asks for, or would use next. */
export interface Call {
  readonly peer: Jid;
  /** Namespaces. */
  readonly application: string;
  readonly transport: string;
  readonly channel: StanzaChannel;
}

/** A session as others see it. */
export interface SessionView {
  readonly peer: Jid;
  /** Who was proven to be there; undefined until then. */
  readonly identity: PeerIdentity | undefined;
  readonly namespace: string;
  readonly sid: string;
  readonly role: Role;
  readonly state: State;
}

export interface OpenedSession extends SessionView {
  readonly identity: PeerIdentity;
  readonly application: OpenApplication;
  /** Where it was called for. */
  readonly channel: StanzaChannel;
}

export interface JingleDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Our full JID. */
  readonly local: Jid;
  readonly registry: IqRegistry;
  readonly transports: readonly TransportMethod[];
  /** In order of preference. */
  readonly securities: readonly SecurityMethod[];
  /** What one call of a peer may use beside these; calls of ours never do. */
  moreSecurities?(call: Call): readonly SecurityMethod[];
  readonly applications: readonly ApplicationMethod[];
  /** SHA-1 over our certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly accept: AcceptPeer;
  /** Why a peer may not call like this, or undefined if it may. Asked before anything is kept of the call. */
  mayCall?(call: Call): XpmnError | undefined;
  /** Another live channel to a peer, for sessions whose channel has died. */
  channelTo?(peer: Jid): StanzaChannel | undefined;
  /** A session that a peer called for is open. Also for one that took the place of a call of ours. */
  onOpened?(session: OpenedSession): void;
}

export interface OpenRequest<Opened extends OpenApplication> {
  readonly peer: Jid;
  readonly channel: StanzaChannel;
  /** One of the manager's own. */
  readonly application: ApplicationMethod<Opened>;
  /** Namespaces that may be used, in the order to try them; left out: all, by preference. */
  readonly transports?: readonly string[] | undefined;
  /** The peer took us for a stranger the last time: it is shown who we are. */
  readonly introduce?: boolean;
  readonly signal: AbortSignal;
}

export interface JingleManager {
  /**
   * Calls `peer` and resolves to the usable application. If the peer calls at the same time for the same, one of the two
   * sessions serves both.
   * @throws XpmnError as the peer says; `timeout`, `transport-failed`, `security-failed`, `not-trusted`, `connection-lost`,
   * `resource-limit`, `tie-break`; the signal's reason, which ends the session
   */
  open<Opened extends OpenApplication>(request: OpenRequest<Opened>): Promise<Opened>;
  sessions(): readonly SessionView[];
  /** Ends at once what `predicate` picks; for a changed trust list. `error` says why, `not-trusted` if left out. */
  endSessions(predicate: (session: SessionView) => boolean, error?: XpmnError): void;
  /** Ends all in order within `signal`, then at once; calls are refused from now on. */
  closeAll(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** All Jingle sessions of one device. Registers with `deps.registry`. */
export function createJingleManager(deps: JingleDeps, options: JingleOptions): JingleManager {
  return new Manager(deps, options);
}

class Manager implements JingleManager {
  private readonly deps: JingleDeps;
  private readonly options: JingleOptions;
  private readonly table = new SessionTable();
  private readonly gate: CallGate;
  private isClosed = false;

  constructor(deps: JingleDeps, options: JingleOptions) {
    this.deps = deps;
    this.options = options;
    this.gate = new CallGate(deps.clock, options);
    deps.registry.handle({ ns: JINGLE_NS, name: 'jingle', type: 'set' }, (iq) => this.handle(iq));
  }

  async open<Opened extends OpenApplication>({ peer, channel, application, transports, introduce, signal }: OpenRequest<Opened>): Promise<Opened> {
    throwIfAborted(signal);
    if (this.isClosed) throw new XpmnError('not-running', 'The device is closing.');
    if (!this.deps.applications.includes(application)) throw new XpmnError('internal', 'That application was not registered.');
    if (channel.peer && channel.peer.jid !== peer) throw new XpmnError('internal', 'That channel leads to somebody else.');
    const [first, ...more] = this.allowed(transports);
    if (!first) throw new XpmnError('transport-failed', 'There is no transport that may be used.');
    this.gate.admit(peer, this.table);
    const session = this.add({ role: 'initiator', sid: randomId(this.deps.random), peer, channel, application, introduce });
    const onAbort = (): void => session.end(new XpmnError('aborted', 'Not wanted any more.', { cause: abortReason(signal) }));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      session.call([first, ...more]);
      // The cast is sound: this session was made with that very method, and so is the one that may take its place.
      return (await abortable(session.opened.promise, signal)) as Opened;
    } catch (error) {
      session.end(asXpmnError(error), { tell: false });
      if (!session.gaveWay || signal.aborted) throw error;
      return (await this.winner(session, signal)) as Opened;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  sessions(): readonly SessionView[] {
    return [...this.table].map(viewOf);
  }

  endSessions(predicate: (session: SessionView) => boolean, error = new XpmnError('not-trusted', 'The peer is not trusted any more.')): void {
    for (const session of [...this.table]) if (predicate(viewOf(session))) session.end(error);
  }

  async closeAll({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.isClosed = true;
    const sessions = [...this.table];
    await Promise.all(sessions.map((session) => session.close({ signal })));
    await this.table.idle();
  }

  private handle({ from, payload, channel }: IncomingIq): undefined {
    const jingle = parseJingle(payload, this.options);
    if (jingle.action === 'session-initiate') return this.called(from, channel, jingle);
    // The session is looked up under its sender: nobody else can touch it, or learn that there is one.
    const session = this.table.find(from, jingle);
    if (!session) throw new XpmnError('not-found', 'There is no such session.', { details: { condition: 'unknown-session' } });
    // SECURITY: what began end to end is not steered from the server's stream, where candidates could be planted that
    // make us show our addresses. A server that wants to end sessions needs no stanza for it.
    const isSteering = jingle.action !== 'session-terminate' && jingle.action !== 'session-info';
    if (session.spec.channel.peer && !channel.peer && isSteering) throw new XpmnError('security-required', 'That session is end to end.');
    session.handle(jingle);
    return undefined;
  }

  private called(peer: Jid, channel: StanzaChannel, jingle: Jingle): undefined {
    this.gate.count(peer);
    const [content, ...more] = jingle.contents;
    if (!content || more.length > 0) throw new XpmnError('not-acceptable', 'A session has one content here.');
    if (content.creator !== 'initiator' || !content.description || !content.transport) {
      throw new XpmnError('malformed', 'The content is not complete.');
    }
    const { sid } = jingle;
    const [application, transport] = [content.description.ns, content.transport.ns];
    // Before anything else that could tell a stranger something.
    const refusal = this.isClosed ? new XpmnError('peer-unavailable', 'The device is closing.') : this.deps.mayCall?.({ peer, application, transport, channel });
    if (refusal) throw refusal;
    if (this.table.get({ peer, role: 'responder', sid })) throw new XpmnError('out-of-order', 'That session exists already.');
    this.breakTie(peer, sid, application);
    this.gate.admit(peer, this.table);
    this.take(content, { role: 'responder', sid, peer, channel });
    return undefined;
  }

  private take(content: JingleContent, call: Omit<SessionSpec, 'application'>): void {
    const application = this.deps.applications.find(({ namespace }) => namespace === content.description?.ns);
    const transport = this.deps.transports.find(({ namespace }) => namespace === content.transport?.ns);
    // A session needs an application to be one; for a call that will be declined any is as good.
    const { peer, channel } = call;
    const more = application && transport && this.deps.moreSecurities?.({ peer, channel, application: application.namespace, transport: transport.namespace });
    const session = this.add({ ...call, application: application ?? unknownApplication(content) }, more);
    if (!application) return session.decline(unsupported('unsupported-applications'));
    if (!transport) return session.decline(unsupported('unsupported-transports'));
    try {
      session.take(content, transport);
    } catch (error) {
      session.end(asXpmnError(error), { tell: false });
      throw error;
    }
    // A session that never opened has ended already; one that nobody could take is of no use.
    session.opened.promise.then((opened) => this.opened(session, opened)).catch((error: unknown) => session.end(asXpmnError(error)));
  }

  /**
   * Simultaneous = ours is not acknowledged yet. The lower sid wins; the loser's session is given up, or refused.
   * @spec XEP-0166 v1.1.2 §7.2.16
   */
  private breakTie(peer: Jid, sid: string, application: string): void {
    for (const ours of [...this.table]) {
      const { spec, state } = ours;
      if (spec.role !== 'initiator' || spec.peer !== peer || spec.application.namespace !== application || state !== 'initiating') continue;
      if (winsTieBreak({ sid: spec.sid, jid: this.deps.local }, { sid, jid: peer })) throw new XpmnError('tie-break', 'We called at the same time, and our call counts.');
      ours.giveWay(sid);
    }
  }

  /** The session that took the place of `loser`, opened. */
  private async winner(loser: Session, signal: AbortSignal): Promise<OpenApplication> {
    const { peer, application: { namespace } } = loser.spec;
    const { clock } = this.deps;
    const session = await this.table.arrival({ clock, signal, delay: this.options.answerTimeout }, ({ spec, state }) =>
      spec.role === 'responder' && spec.peer === peer && spec.application.namespace === namespace && state !== 'ended');
    return abortable(session.opened.promise, signal);
  }

  private add(spec: SessionSpec, more: readonly SecurityMethod[] = []): Session {
    const { clock, random, log, local, securities, fingerprint, accept } = this.deps;
    const session: Session = new Session({
      clock, random, log, local, fingerprint, accept,
      securities: [...securities, ...more],
      channelTo: (peer) => this.deps.channelTo?.(peer),
      replacement: (namespace) => this.replacement(spec, namespace),
      onEnded: (error) => {
        this.table.remove(session);
        log.debug('A session ended.', { sid: spec.sid, peer: spec.peer, code: error.code });
      },
    }, spec, this.options);
    this.table.add(session);
    return session;
  }

  private replacement({ peer, application, channel }: SessionSpec, namespace: string): TransportMethod | undefined {
    if (this.deps.mayCall?.({ peer, application: application.namespace, transport: namespace, channel })) return undefined;
    return this.deps.transports.find((method) => method.namespace === namespace);
  }

  private allowed(namespaces: readonly string[] | undefined): readonly TransportMethod[] {
    const { transports } = this.deps;
    if (!namespaces) return [...transports].sort((a, b) => b.preference - a.preference);
    return namespaces.flatMap((namespace) => transports.find((method) => method.namespace === namespace) ?? []);
  }

  private opened(session: Session, application: OpenApplication): void {
    const view = viewOf(session);
    if (view.identity) this.deps.onOpened?.({ ...view, identity: view.identity, application, channel: session.spec.channel });
  }
}

function viewOf({ spec: { peer, sid, role, application }, state, identity }: Session): SessionView {
  return { peer, identity, namespace: application.namespace, sid, role, state };
}

function unsupported(reason: 'unsupported-applications' | 'unsupported-transports'): XpmnError {
  return new XpmnError('not-supported', 'That is not supported here.', { details: { reason } });
}

/** Stands for what we don't have in a session that exists only to be declined. */
function unknownApplication({ name, description }: JingleContent): ApplicationMethod {
  const error = new XpmnError('internal', 'Nobody opens an unknown application.');
  return {
    namespace: description?.ns ?? '',
    contentName: name,
    describe: () => {
      throw error;
    },
    open: () => Promise.reject(error),
  };
}
