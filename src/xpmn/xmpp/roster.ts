import { EventEmitter } from 'node:events';
import { XpmnError } from '../kernel/errors.ts';
import { bareJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { childrenNamed, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { resultPayload } from './stanza.ts';

/** @spec RFC 6121 §2 */
const NS_ROSTER = 'jabber:iq:roster';

export type Subscription = 'none' | 'to' | 'from' | 'both';

export interface Contact {
  readonly jid: Jid;
  readonly name: string | undefined;
  readonly subscription: Subscription;
  /** We have asked to see them, and they have not answered. */
  readonly asked: boolean;
  readonly groups: readonly string[];
}

export interface RosterEvents {
  contactChanged: [contact: Contact];
  contactRemoved: [jid: Jid];
}

export interface RosterOptions {
  /** Contacts known at one time; more are not taken up. */
  readonly contacts: number;
}

type Request = { readonly signal: AbortSignal };

/** The account's contacts, kept up to date by the server's pushes. Only what the own server says counts. */
export class Roster extends EventEmitter<RosterEvents> {
  private readonly options: RosterOptions;
  private readonly known = new Map<Jid, Contact>();

  constructor(registry: IqRegistry, options: RosterOptions) {
    super();
    this.options = options;
    registry.handle({ ns: NS_ROSTER, name: 'query', type: 'set' }, (iq) => this.pushed(iq));
  }

  contacts(): Contact[] {
    return [...this.known.values()];
  }

  get(jid: Jid): Contact | undefined {
    return this.known.get(bareJid(jid));
  }

  /** Fetches all of it; what has gone meanwhile is removed. To be called after each login, before presence. */
  async fetch(channel: StanzaChannel, options: Request): Promise<void> {
    const result = await channel.request({ type: 'get', payload: xml('query', NS_ROSTER) }, options);
    const query = resultPayload(result, 'query', NS_ROSTER);
    const items = query ? parseItems(query) : [];
    const jids = new Set(items.map(({ jid }) => jid));
    for (const jid of [...this.known.keys()]) if (!jids.has(jid)) this.remove(jid);
    for (const item of items) this.take(item);
  }

  /** Adds a contact, or changes its name and groups. */
  async set(channel: StanzaChannel, { jid, name, groups = [] }: { readonly jid: Jid; readonly name?: string; readonly groups?: readonly string[] }, options: Request): Promise<void> {
    const item = xml('item', NS_ROSTER, { jid: bareJid(jid), name }, groups.map((group) => xml('group', NS_ROSTER, {}, group)));
    await channel.request({ type: 'set', payload: xml('query', NS_ROSTER, {}, item) }, options);
  }

  /** Removes a contact; the server ends both subscriptions. */
  async delete(channel: StanzaChannel, jid: Jid, options: Request): Promise<void> {
    const item = xml('item', NS_ROSTER, { jid: bareJid(jid), subscription: 'remove' });
    await channel.request({ type: 'set', payload: xml('query', NS_ROSTER, {}, item) }, options);
  }

  private pushed({ from, payload, channel }: IncomingIq): undefined {
    // RFC 6121 §2.1.6: a push "MUST" be ignored unless it comes from the own bare JID or without `from`. Over an
    // end-to-end stream there is no roster at all.
    if (channel.peer !== undefined || from !== bareJid(channel.local)) throw new XpmnError('not-allowed', 'That is not your roster.');
    const items = parseItems(payload);
    if (items.length !== 1) throw new XpmnError('bad-request', 'A roster push has one item.');
    for (const item of items) this.take(item);
    return undefined;
  }

  private take(item: ParsedItem): void {
    if (item.contact === undefined) return this.remove(item.jid);
    if (!this.known.has(item.jid) && this.known.size >= this.options.contacts) return;
    this.known.set(item.jid, item.contact);
    this.emit('contactChanged', item.contact);
  }

  private remove(jid: Jid): void {
    if (this.known.delete(jid)) this.emit('contactRemoved', jid);
  }
}

interface ParsedItem {
  readonly jid: Jid;
  /** Undefined: removed. */
  readonly contact: Contact | undefined;
}

const SUBSCRIPTIONS: readonly string[] = ['none', 'to', 'from', 'both'];

function parseItems(query: XmlElement): ParsedItem[] {
  return childrenNamed(query, 'item', NS_ROSTER).flatMap((item): ParsedItem[] => {
    const said = tryJid(item.attrs['jid']);
    if (said === undefined) return [];
    const jid = bareJid(said);
    const { name, subscription = 'none', ask } = item.attrs;
    if (subscription === 'remove') return [{ jid, contact: undefined }];
    const groups = childrenNamed(item, 'group', NS_ROSTER).map(textOf);
    const state = (SUBSCRIPTIONS.includes(subscription) ? subscription : 'none') as Subscription;
    return [{ jid, contact: { jid, name, subscription: state, asked: ask === 'subscribe', groups } }];
  });
}
