import { EventEmitter } from 'node:events';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { KeepAlive } from '../kernel/keep-alive.ts';
import type { KeepAliveOptions } from '../kernel/keep-alive.ts';
import type { Logger } from '../kernel/log.ts';
import { abortReason, abortable, deferred, sleep, throwIfAborted, withDeadline } from '../kernel/tasks.ts';
import { isFullJid, parseJid, splitJid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import type { ConnectionState, LoginCredentials, LoginToken, XmppAccount, XmppConnection, XmppConnectionEvents } from '../ports/xmpp-connection.ts';
import { BackOff } from './connection/back-off.ts';
import type { BackOffOptions } from './connection/back-off.ts';
import { createEstablish } from './connection/establish.ts';
import type { EstablishOptions } from './connection/establish.ts';
import type { ResolveSrv } from './connection/endpoints.ts';
import type { Establish, ServerAddress, ServerLink } from './connection/link.ts';
import { ServerChannel } from './connection/server-channel.ts';
import type { IqDispatcher } from './connection/server-channel.ts';
import { isFinal, otherHost } from './connection/stream-errors.ts';
import type { IqTrackerOptions } from './iq-tracker.ts';
import { ping } from './ping.ts';

export interface KeptConnectionOptions {
  readonly backOff: BackOffOptions;
  /** ms online after which a loss begins with short delays again. */
  readonly stableAfter: number;
  /** ms for one attempt, from DNS to bound. */
  readonly attemptTimeout: number;
  /** ms for the server to close its side. */
  readonly closeTimeout: number;
  readonly keepAlive: KeepAliveOptions;
  readonly iq: IqTrackerOptions;
}

export type XmppConnectionOptions = KeptConnectionOptions & EstablishOptions;

export interface XmppConnectionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly router: IqDispatcher;
  readonly resolveSrv?: ResolveSrv | undefined;
}

/** The connection of one device of the account to its server. */
export function createXmppConnection(deps: XmppConnectionDeps, account: XmppAccount, options: XmppConnectionOptions): XmppConnection {
  return new KeptConnection({ ...deps, establish: createEstablish(deps, options) }, account, options);
}

/**
 * Keeps one link to the server up, whoever makes the links.
 *
 *     idle ─start─▶ connecting ─bound─▶ online
 *                     ▲    │              │ lost
 *               delay │    │ failed       │
 *                     └── waiting ◀───────┘      any ─stop, or refused for good─▶ stopped
 *
 *     any but idle, a conflict, and what was stopped by us ─another way to log in─▶ connecting
 */
export class KeptConnection extends EventEmitter<XmppConnectionEvents> implements XmppConnection {
  readonly channel: ServerChannel;
  private readonly deps: XmppConnectionDeps & { readonly establish: Establish };
  private account: XmppAccount;
  private readonly options: KeptConnectionOptions;
  private readonly backOff: BackOff;
  private readonly stopping = new AbortController();
  /** Ends what goes on now: an attempt, a link, or the wait between two. */
  private now = new AbortController();
  private readonly firstOnline = deferred();
  private current: ConnectionState = 'idle';
  /** It begins again after a refusal, in a moment. */
  private isResuming = false;
  private link: ServerLink | undefined;
  private keepAlive: KeepAlive | undefined;
  private kept: Promise<void> = Promise.resolve();
  private manners: AbortSignal | undefined;

  constructor(deps: XmppConnectionDeps & { readonly establish: Establish }, account: XmppAccount, options: KeptConnectionOptions) {
    super();
    if (!isFullJid(account.jid)) throw new XpmnError('internal', 'An account on a server needs a full JID.');
    this.deps = deps;
    this.account = account;
    this.options = options;
    this.backOff = new BackOff(deps.random, options.backOff);
    this.channel = new ServerChannel({ ...deps, onStanza: (stanza) => this.emit('stanza', stanza), asked: () => this.keepAlive?.asked() }, account.jid, options.iq);
  }

  get state(): ConnectionState {
    return this.current;
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    throwIfAborted(signal);
    if (this.current !== 'idle') throw new XpmnError('already-running', 'The connection has been started before.');
    this.kept = this.keep();
    try {
      await abortable(this.firstOnline.promise, signal);
    } catch (error) {
      if (signal.aborted) await this.stop({ signal });
      throw error;
    }
  }

  async stop({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.manners ??= signal;
    const why = new XpmnError('aborted', 'The connection was stopped.');
    this.stopping.abort(why);
    this.now.abort(why);
    await this.kept;
    this.channel.close(why);
    this.firstOnline.reject(why);
    if (this.current !== 'stopped') this.become('stopped');
  }

  logInBy(credentials: LoginCredentials): void {
    if (this.stopping.signal.aborted) return;
    this.account = { ...this.account, credentials };
    this.now.abort(new XpmnError('aborted', 'Another way to log in was chosen.'));
    if (this.current !== 'stopped' || this.isResuming) return;
    this.isResuming = true;
    // Not at once: whoever is being told of the refusal is told all of it first.
    this.kept = this.kept.then(() => this.keep());
  }

  doubt(): void {
    this.keepAlive?.doubt();
  }

  private async keep(): Promise<void> {
    let server: ServerAddress | undefined;
    this.isResuming = false;
    while (!this.stopping.signal.aborted) {
      this.now = new AbortController();
      const { signal } = this.now;
      this.become('connecting');
      const lost = await this.attempt(server, signal);
      if (signal.aborted) continue;
      if (isFinal(lost)) return this.refused(lost);
      // RFC 6120 §4.9.3.19: followed once; a host that sends on again, or can't be reached, is no better than ours.
      server = server ? undefined : otherHost(lost);
      const delay = server ? 0 : this.backOff.next();
      this.deps.log.info('The server is not connected; trying again.', { code: lost.code, delay });
      this.become('waiting', lost);
      await pause(this.deps.clock, delay, signal);
    }
  }

  /** One link from its making to its end; resolves to why it ended, or was not made. */
  private async attempt(server: ServerAddress | undefined, signal: AbortSignal): Promise<XpmnError> {
    const { clock, establish } = this.deps;
    let link: ServerLink | undefined;
    const make = async (within: AbortSignal): Promise<ServerLink> => (link = await establish(this.account, { server, signal: within }));
    try {
      await withDeadline({ clock, signal, delay: this.options.attemptTimeout, what: 'Connecting to the server' }, make);
    } catch (error) {
      const reason = asXpmnError(error);
      link?.destroy(reason);
      return reason;
    }
    return this.online(link as ServerLink, signal);
  }

  private async online(link: ServerLink, signal: AbortSignal): Promise<XpmnError> {
    const { clock } = this.deps;
    if (signal.aborted) {
      // SECURITY: it was made the old way, and must not count as made the new way.
      const reason = asXpmnError(abortReason(signal));
      link.destroy(reason);
      return reason;
    }
    const lost = deferred<XpmnError>();
    this.link = link;
    this.channel.attach(link);
    const onDead = (): void => link.destroy(new XpmnError('connection-lost', 'The server has gone silent.'));
    const keepAlive = new KeepAlive({ clock, ask: () => this.askServer(), onDead, isAwaiting: () => this.channel.isAwaiting }, this.options.keepAlive);
    this.keepAlive = keepAlive;
    if (link.token) this.issued(link.token);
    const stable = clock.after(this.options.stableAfter, () => this.backOff.reset());
    this.become('online');
    this.firstOnline.resolve();
    link.run({
      received: (stanza: XmlElement) => {
        keepAlive.heard();
        this.channel.received(stanza);
      },
      lost: (reason) => lost.resolve(reason),
    });
    const reason = await abortable(lost.promise, signal).catch(() => undefined);
    keepAlive.stop();
    this.keepAlive = undefined;
    stable.cancel();
    if (!reason) await this.close(link);
    this.link = undefined;
    const ended = reason ?? asXpmnError(abortReason(signal));
    this.channel.detach(new XpmnError('connection-lost', 'The connection to the server was lost.', { cause: ended }));
    return ended;
  }

  /** The next login is by the newest token; who has one by password need not ask again. */
  private issued(token: LoginToken): void {
    const { credentials } = this.account;
    if (credentials.kind === 'token') this.account = { ...this.account, credentials: { ...credentials, token } };
    if (credentials.kind === 'password') this.account = { ...this.account, credentials: { ...credentials, tokenFor: undefined } };
    this.emit('tokenIssued', token);
  }

  private askServer(): void {
    const domain = parseJid(splitJid(this.account.jid).domain);
    // Whatever it answers, it was heard; the silence is KeepAlive's business.
    ping(this.channel, domain, { signal: this.stopping.signal }).catch(() => undefined);
  }

  private async close(link: ServerLink): Promise<void> {
    const { clock } = this.deps;
    const options = { clock, signal: this.manners, delay: this.options.closeTimeout, what: 'Closing the stream' };
    await withDeadline(options, (within) => link.close(within)).catch(() => undefined);
    link.destroy(new XpmnError('aborted', 'The connection was stopped.'));
  }

  private become(state: ConnectionState, reason?: XpmnError): void {
    this.current = state;
    this.emit('stateChanged', state, reason);
  }

  /** Another way to log in may help against any refusal but `conflict`: somebody else is this device now, and stays it. */
  private refused(reason: XpmnError): void {
    this.firstOnline.reject(reason);
    if (reason.code === 'conflict') {
      this.stopping.abort(reason);
      this.channel.close(reason);
    }
    this.become('stopped', reason);
  }
}

/** Sleeps, or less: the loop looks at the signal itself. */
async function pause(clock: Clock, delay: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, delay, signal);
  } catch {
    // Stopped.
  }
}
