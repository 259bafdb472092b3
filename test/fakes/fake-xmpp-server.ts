import { X509Certificate } from 'node:crypto';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Clock, Random } from '../../src/xpmn/kernel/clock.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { bareJid, isFullJid, parseJid, splitJid, tryJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { child, elements, serialise, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { LoginCredentials, LoginToken, XmppAccount, XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import { parseCaps } from '../../src/xpmn/xmpp/caps.ts';
import { KeptConnection } from '../../src/xpmn/xmpp/connection.ts';
import type { LinkHandlers, ServerLink } from '../../src/xpmn/xmpp/connection/link.ts';
import type { IqDispatcher } from '../../src/xpmn/xmpp/connection/server-channel.ts';
import { fromStreamError } from '../../src/xpmn/xmpp/connection/stream-errors.ts';
import { NS_DISCO_INFO, formatInfo, parseInfo } from '../../src/xpmn/xmpp/disco.ts';
import type { DiscoInfo } from '../../src/xpmn/xmpp/disco.ts';
import { iqError, iqResult, NS_STREAM } from '../../src/xpmn/xmpp/stanza.ts';
import { unhandledElement } from '../../src/xpmn/xmpp/stanza-error.ts';
import { settings } from '../support/settings.ts';
import { FakeAccount } from './fake-xmpp-account.ts';
import type { FakeSession } from './fake-xmpp-account.ts';
import type { FakePepOptions } from './fake-pep.ts';
import type { FakeSaslCertOptions } from './fake-saslcert.ts';

const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';

export interface FakeServerOptions extends FakePepOptions, FakeSaslCertOptions {
  /** Whether it tells that it keeps certificates (XEP-0257 §4). */
  readonly announcesCertificates: boolean;
}

/**
 * An XMPP server in memory for plays of several devices: accounts on any number of domains, routing, presence, roster,
 * PEP, disco. Its connections are real ones over a link in memory, so they reconnect, back off and refuse as the real
 * ones do. Everything it handles is kept, as text, for tests of secrecy.
 */
export class FakeXmppServer {
  readonly handled: string[] = [];
  /** Times that a client has tried to connect. */
  attempts = 0;
  /** Who has logged in, and how, one after the other. */
  readonly logins: { readonly jid: Jid; readonly by: LoginCredentials['kind'] }[] = [];
  /** Away, it refuses every connection; set it and `drop` what is there. */
  reachable = true;
  /** Takes connections, and says nothing. Called when one is there. */
  onStalled: (() => void) | undefined;
  /** Whether it lets certificates log in that the account has. */
  offersExternal = true;
  /** Whether it gives tokens to who asks for one with the password, and lets them log in. */
  givesTokens = true;
  /** Whether it gives a newer one, `next`, to who logs in by a token. */
  rotatesTokens = false;
  /** Sees each stanza that a client sent; `true` swallows it. */
  onStanza: ((stanza: XmlElement) => boolean) | undefined;
  private readonly accounts = new Map<Jid, FakeAccount>();
  private readonly links = new Map<Jid, MemoryLink>();
  private readonly capsQueries = new Map<string, FakeSession>();
  private readonly options: FakeServerOptions;

  constructor(options: Partial<FakeServerOptions> = {}) {
    this.options = { keeps: 10_000, knowsPublishOptions: true, dialect: undefined, announcesCertificates: true, ...options };
  }

  addAccount(bare: Jid, password: string): FakeAccount {
    const account = new FakeAccount(bare, password, { account: (jid) => this.accounts.get(jid), route: (from, stanza) => this.route(from, stanza) }, this.options);
    this.accounts.set(bare, account);
    return account;
  }

  /** Both see each other from now on. */
  befriend(one: Jid, other: Jid): void {
    for (const [mine, theirs] of [[one, other], [other, one]] as const) Object.assign(this.account(mine).entry(theirs), { to: true, from: true });
  }

  account(bare: Jid): FakeAccount {
    const account = this.accounts.get(bare);
    if (!account) throw new Error(`there is no account ${bare}`);
    return account;
  }

  /** A connection that is not started yet. */
  connection(jid: Jid, login: string | LoginCredentials, { clock, random, router }: { readonly clock: Clock; readonly random: Random; readonly router: IqDispatcher }): XmppConnection {
    const establish = (account: XmppAccount, { signal }: { readonly signal: AbortSignal }): Promise<ServerLink> => this.connect(account, signal);
    const account: XmppAccount = { jid, credentials: typeof login === 'string' ? { kind: 'password', password: login } : login };
    return new KeptConnection({ clock, random, log: silentLogger, router, establish }, account, settings.xmpp.server);
  }

  /** Cuts the connection of a resource. */
  drop(jid: Jid): void {
    this.links.get(jid)?.destroy(new XpmnError('connection-lost', 'The connection was cut.'));
  }

  streamError(jid: Jid, condition: string): void {
    const error = xml('error', NS_STREAM, {}, xml(condition, 'urn:ietf:params:xml:ns:xmpp-streams'));
    this.links.get(jid)?.destroy(fromStreamError(error));
  }

  /** Delivers a stanza to a resource as it is, whoever it says it is from. */
  push(jid: Jid, stanza: XmlElement): void {
    this.links.get(jid)?.deliver(stanza);
  }

  private async connect({ jid, credentials }: XmppAccount, signal: AbortSignal): Promise<ServerLink> {
    this.attempts += 1;
    await Promise.resolve();
    if (!this.reachable) throw new XpmnError('server-unreachable', 'The server can\'t be reached.');
    if (this.onStalled) {
      this.onStalled();
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      throw signal.reason;
    }
    const certificate = credentials.kind === 'certificate' ? new X509Certificate(credentials.certificate).raw : undefined;
    const account = this.logIn(this.accounts.get(bareJid(jid)), credentials, certificate);
    this.streamError(jid, 'conflict');
    const link: MemoryLink = new MemoryLink(jid, certificate, (stanza) => this.received(account, link, stanza), () => this.gone(account, link));
    link.token = this.newToken(account, credentials);
    account.sessions.set(jid, link);
    this.logins.push({ jid, by: credentials.kind });
    this.links.set(jid, link);
    return link;
  }

  private logIn(account: FakeAccount | undefined, credentials: LoginCredentials, certificate: Buffer | undefined): FakeAccount {
    if (certificate && !this.offersExternal) throw new XpmnError('not-supported', 'The server offers no login by certificate: log in by the password once.');
    if (credentials.kind === 'token' && !this.givesTokens) throw new XpmnError('not-supported', 'The server has no login by token: log in by the password.');
    if (account && knows(account, credentials, certificate)) return account;
    throw new XpmnError('login-failed', `The server refused the login: not-authorized.${credentials.kind === 'password' ? '' : ' Log in by the password once.'}`);
  }

  private newToken(account: FakeAccount, credentials: LoginCredentials): LoginToken | undefined {
    const isAsked = credentials.kind === 'password' ? credentials.tokenFor !== undefined && this.givesTokens : credentials.kind === 'token' && this.rotatesTokens;
    if (!isAsked) return undefined;
    account.tokens.add('next');
    return { token: 'next', mechanism: 'HT-SHA-256-NONE', expires: Date.UTC(2026, 1, 1) };
  }

  private gone(account: FakeAccount, link: MemoryLink): void {
    if (this.links.get(link.jid) === link) this.links.delete(link.jid);
    account.gone(link);
  }

  private received(account: FakeAccount, link: MemoryLink, stanza: XmlElement): void {
    this.handled.push(serialise(stanza));
    if (this.onStanza?.(stanza)) return;
    if (stanza.name === 'presence') {
      account.sent(link, stanza);
      this.learnInterests(link, stanza);
    } else this.route(link.jid, stanza);
  }

  /** As the sender's server and the receiver's do it, in one. */
  private route(from: Jid, stanza: XmlElement): void {
    const to = tryJid(stanza.attrs['to']) ?? bareJid(from);
    const stamped = { ...stanza, attrs: { ...stanza.attrs, from, to } };
    if (isFullJid(to)) {
      const link = this.links.get(to);
      if (link) link.deliver(stamped);
      else if (isRequest(stanza)) this.deliver(from, unavailable(stamped));
    } else if (stanza.name === 'iq') this.answer(from, to, stamped);
    else for (const session of this.accounts.get(to)?.available() ?? []) if (stanza.name === 'presence') session.deliver(stamped);
  }

  private deliver(to: Jid, stanza: XmlElement): void {
    this.links.get(to)?.deliver(stanza);
  }

  /** IQs to the server and to accounts. */
  private answer(from: Jid, to: Jid, stanza: XmlElement): void {
    if (!isRequest(stanza)) return this.capsAnswered(stanza);
    const reply = (): XmlElement => {
      try {
        const [payload] = elements(stanza);
        const result = payload && this.serve(from, to, stanza.attrs['type'] ?? '', payload);
        return result === 'unknown' ? unavailable(stanza) : iqResult(stanza, result);
      } catch (error) {
        return iqError(stanza, error);
      }
    };
    const answer = reply();
    this.deliver(from, { ...answer, attrs: { ...answer.attrs, from: to } });
  }

  private serve(from: Jid, to: Jid, type: string, payload: XmlElement): XmlElement | undefined | 'unknown' {
    const account = this.accounts.get(to);
    if (payload.ns === 'urn:xmpp:ping') return undefined;
    if (payload.ns === NS_DISCO_INFO) return formatInfo(account ? accountInfo : this.serverInfo(), payload.attrs['node']);
    if (!account) return 'unknown';
    if (payload.ns === 'jabber:iq:roster' && bareJid(from) === to) return account.handleRoster(type, payload);
    if (payload.ns.startsWith('urn:xmpp:saslcert:') && bareJid(from) === to) return account.certificates.handle(type, payload, account.sessions.get(from)?.certificate);
    if (payload.ns === NS_PUBSUB || payload.ns === `${NS_PUBSUB}#owner`) return account.pep.handle(from, type, payload);
    return 'unknown';
  }

  private serverInfo(): DiscoInfo {
    const { dialect, announcesCertificates } = this.options;
    const features = [NS_DISCO_INFO, 'urn:xmpp:ping', ...(dialect !== undefined && announcesCertificates ? [dialect] : [])];
    return { identities: [{ category: 'server', type: 'im' }], features, forms: [] };
  }

  /** Like real servers: asks who announces caps which `NODE+notify` features he has. */
  private learnInterests(session: FakeSession, presence: XmlElement): void {
    const caps = parseCaps(presence);
    if (!caps || presence.attrs['type'] !== undefined || presence.attrs['to'] !== undefined) return;
    const id = `caps-${this.handled.length}-${session.jid}`;
    this.capsQueries.set(id, session);
    const query = xml('query', NS_DISCO_INFO, { node: `${caps.node}#${caps.ver}` });
    session.deliver(xml('iq', 'jabber:client', { type: 'get', id, from: splitJid(session.jid).domain, to: session.jid }, query));
  }

  private capsAnswered(stanza: XmlElement): void {
    const session = this.capsQueries.get(stanza.attrs['id'] ?? '');
    const query = child(stanza, 'query', NS_DISCO_INFO);
    if (!session || !query) return;
    this.capsQueries.delete(stanza.attrs['id'] ?? '');
    const nodes = parseInfo(query).features.filter((feature) => feature.endsWith('+notify')).map((feature) => feature.slice(0, -'+notify'.length));
    session.interests = new Set(nodes);
  }
}

const accountInfo = {
  identities: [{ category: 'account', type: 'registered' }, { category: 'pubsub', type: 'pep' }],
  features: ['publish-options', 'persistent-items', 'multi-items', 'retrieve-items', 'access-presence', 'access-whitelist', 'access-open'].map((name) => `${NS_PUBSUB}#${name}`),
  forms: [],
};

function knows(account: FakeAccount, credentials: LoginCredentials, certificate: Buffer | undefined): boolean {
  if (credentials.kind === 'password') return account.password === credentials.password;
  return credentials.kind === 'token' ? account.tokens.has(credentials.token.token) : certificate !== undefined && account.certificates.takes(certificate);
}

function isRequest(stanza: XmlElement): boolean {
  return stanza.name === 'iq' && (stanza.attrs['type'] === 'get' || stanza.attrs['type'] === 'set');
}

function unavailable(request: XmlElement): XmlElement {
  return { ...iqResult(request), attrs: { ...iqResult(request).attrs, type: 'error', from: request.attrs['to'] ?? '' }, children: [unhandledElement()] };
}

/** One login. Stanzas are delivered in order, never from inside a call of the receiver. */
class MemoryLink implements ServerLink, FakeSession {
  readonly jid: Jid;
  presence: XmlElement | undefined;
  interests: ReadonlySet<string> = new Set();
  readonly certificate: Buffer | undefined;
  token: LoginToken | undefined;
  private handlers: LinkHandlers | undefined;
  private readonly early: XmlElement[] = [];
  private ended: XpmnError | undefined;
  private readonly onSent: (stanza: XmlElement) => void;
  private readonly onGone: () => void;

  constructor(jid: Jid, certificate: Buffer | undefined, onSent: (stanza: XmlElement) => void, onGone: () => void) {
    this.jid = jid;
    this.certificate = certificate;
    this.onSent = onSent;
    this.onGone = onGone;
  }

  run(handlers: LinkHandlers): void {
    this.handlers = handlers;
    for (const stanza of this.early.splice(0)) handlers.received(stanza);
    if (this.ended) handlers.lost(this.ended);
  }

  readonly deliver = (stanza: XmlElement): void => {
    queueMicrotask(() => {
      if (this.ended) return;
      if (this.handlers) this.handlers.received(stanza);
      else this.early.push(stanza);
    });
  };

  async send(stanza: XmlElement): Promise<void> {
    if (this.ended) throw this.ended;
    const { bytes } = settings.xml.serverStream;
    if (Buffer.byteLength(serialise(stanza)) > bytes) throw new XpmnError('too-large', 'A stanza is more than servers take.');
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    if (!this.ended) this.onSent(stanza);
  }

  close(): Promise<void> {
    this.destroy(new XpmnError('aborted', 'Closed.'));
    return Promise.resolve();
  }

  destroy(reason: XpmnError): void {
    if (this.ended) return;
    this.ended = reason;
    this.onGone();
    this.handlers?.lost(reason);
  }
}

/** The bare JID of a name on `home.test`. */
export function homeJid(local: string): Jid {
  return parseJid(`${local}@home.test`);
}
