import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { bareJid, resourceOf, tryJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { childrenNamed, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { FakePep } from './fake-pep.ts';
import type { FakePepOptions } from './fake-pep.ts';
import { FakeSaslCert } from './fake-saslcert.ts';
import type { FakeSaslCertOptions } from './fake-saslcert.ts';

const NS_ROSTER = 'jabber:iq:roster';

interface RosterEntry {
  name: string | undefined;
  /** We see them. */
  to: boolean;
  /** They see us. */
  from: boolean;
  asked: boolean;
}

/** A resource that is logged in, as an account sees it. */
export interface FakeSession {
  readonly jid: Jid;
  /** Its last broadcast presence, undefined while it is not available. */
  presence: XmlElement | undefined;
  /** PEP nodes it wants to hear of, from its caps. */
  interests: ReadonlySet<string>;
  /** DER of the certificate that it has logged in by. */
  readonly certificate: Buffer | undefined;
  deliver(stanza: XmlElement): void;
  destroy(reason: XpmnError): void;
}

export interface FakeWorld {
  account(bare: Jid): FakeAccount | undefined;
  /** Delivers to the JID, as the server would from `from`. */
  route(from: Jid, stanza: XmlElement): void;
}

/** One account on the fake server: sessions, roster, presence, PEP. */
export class FakeAccount {
  readonly jid: Jid;
  readonly password: string;
  readonly sessions = new Map<Jid, FakeSession>();
  readonly roster = new Map<Jid, RosterEntry>();
  readonly pep: FakePep;
  readonly certificates: FakeSaslCert;
  /** Tokens that may log in. */
  readonly tokens = new Set<string>();
  private readonly world: FakeWorld;

  constructor(jid: Jid, password: string, world: FakeWorld, options: FakePepOptions & FakeSaslCertOptions) {
    this.jid = jid;
    this.password = password;
    this.world = world;
    this.pep = new FakePep(jid, { sees: (reader) => this.isSeenBy(bareJid(reader)), notify: (node, event, allowed) => this.notify(node, event, allowed) }, options);
    this.certificates = new FakeSaslCert(jid, {
      resourcesOf: (certificate) => this.loggedInBy(certificate).map((session) => resourceOf(session.jid)),
      end: (certificate) => this.loggedInBy(certificate).forEach((session) => session.destroy(new XpmnError('login-failed', 'The server ended the stream: not-authorized.'))),
    }, options);
  }

  private loggedInBy(certificate: Buffer): FakeSession[] {
    return [...this.sessions.values()].filter((session) => session.certificate?.equals(certificate));
  }

  isSeenBy(bare: Jid): boolean {
    return bare === this.jid || (this.roster.get(bare)?.from ?? false);
  }

  entry(bare: Jid): RosterEntry {
    const entry = this.roster.get(bare) ?? { name: undefined, to: false, from: false, asked: false };
    this.roster.set(bare, entry);
    return entry;
  }

  handleRoster(type: string, query: XmlElement): XmlElement | undefined {
    if (type === 'get') return xml('query', NS_ROSTER, {}, [...this.roster.keys()].map((jid) => this.item(jid)));
    const [item] = childrenNamed(query, 'item', NS_ROSTER);
    const jid = tryJid(item?.attrs['jid']);
    if (!item || jid === undefined) throw new XpmnError('bad-request', 'Whom?');
    if (item.attrs['subscription'] === 'remove') this.remove(jid);
    else {
      this.entry(jid).name = item.attrs['name'];
      this.push(jid);
    }
    return undefined;
  }

  /** Presence that one of our sessions sent. */
  sent(session: FakeSession, stanza: XmlElement): void {
    const to = tryJid(stanza.attrs['to']);
    const { type } = stanza.attrs;
    if (to !== undefined && (type === 'subscribe' || type === 'subscribed')) this.subscription(type, bareJid(to));
    else if (to !== undefined) this.world.route(session.jid, stanza);
    else this.broadcast(session, stanza);
  }

  /** Ends without saying goodbye, too. */
  gone(session: FakeSession): void {
    this.sessions.delete(session.jid);
    if (session.presence) this.broadcast(session, xml('presence', 'jabber:client', { type: 'unavailable' }));
  }

  /** Whether a subscription request is to be granted is for the devices: it goes to all that are available. */
  private subscription(type: 'subscribe' | 'subscribed', to: Jid): void {
    const other = this.world.account(to);
    if (type === 'subscribe') {
      this.entry(to).asked = true;
      this.push(to);
      for (const { deliver } of other?.available() ?? []) deliver(xml('presence', 'jabber:client', { type, from: this.jid, to }));
      return;
    }
    if (!other) return;
    this.entry(to).from = true;
    Object.assign(other.entry(this.jid), { to: true, asked: false });
    this.push(to);
    other.push(this.jid);
    for (const session of other.available()) {
      session.deliver(xml('presence', 'jabber:client', { type, from: this.jid, to }));
      for (const mine of this.available()) session.deliver(mine.presence as XmlElement);
    }
  }

  available(): FakeSession[] {
    return [...this.sessions.values()].filter((session) => session.presence !== undefined);
  }

  private broadcast(session: FakeSession, stanza: XmlElement): void {
    const initial = session.presence === undefined && stanza.attrs['type'] === undefined;
    const stamped = { ...stanza, attrs: { ...stanza.attrs, from: session.jid } };
    session.presence = stanza.attrs['type'] === undefined ? stamped : undefined;
    for (const watcher of this.watchers()) watcher.deliver(stamped);
    if (initial) for (const other of this.watched()) if (other !== session) session.deliver(other.presence as XmlElement);
  }

  /** Available sessions that may see ours: our own, and our contacts'. */
  private watchers(): FakeSession[] {
    const contacts = [...this.roster.entries()].filter(([, entry]) => entry.from).map(([jid]) => jid);
    return [this.jid, ...contacts].flatMap((jid) => this.world.account(jid)?.available() ?? []);
  }

  private watched(): FakeSession[] {
    const contacts = [...this.roster.entries()].filter(([, entry]) => entry.to).map(([jid]) => jid);
    return [this.jid, ...contacts].flatMap((jid) => this.world.account(jid)?.available() ?? []);
  }

  private notify(node: string, event: XmlElement, allowed: (reader: Jid) => boolean): void {
    for (const session of this.watchers()) {
      if (session.interests.has(node) && allowed(session.jid)) {
        session.deliver(xml('message', 'jabber:client', { type: 'headline', from: this.jid, to: session.jid }, event));
      }
    }
  }

  private remove(jid: Jid): void {
    this.roster.delete(jid);
    const other = this.world.account(jid)?.roster.get(this.jid);
    if (other) Object.assign(other, { to: false, from: false });
    for (const session of this.sessions.values()) this.pushItem(session, xml('item', NS_ROSTER, { jid, subscription: 'remove' }));
  }

  private push(jid: Jid): void {
    for (const session of this.sessions.values()) this.pushItem(session, this.item(jid));
  }

  private pushItem(session: FakeSession, item: XmlElement): void {
    const id = `push-${Math.random().toString(36).slice(2)}`;
    session.deliver(xml('iq', 'jabber:client', { type: 'set', id, from: this.jid, to: session.jid }, xml('query', NS_ROSTER, {}, item)));
  }

  private item(jid: Jid): XmlElement {
    const { name, to, from, asked } = this.entry(jid);
    const subscription = to && from ? 'both' : to ? 'to' : from ? 'from' : 'none';
    return xml('item', NS_ROSTER, { jid, name, subscription, ask: asked && !to ? 'subscribe' : undefined });
  }
}

