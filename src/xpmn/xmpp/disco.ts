import { XpmnError } from '../kernel/errors.ts';
import { tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { childrenNamed, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { resultPayload } from './stanza.ts';

/** @spec XEP-0030 v2.5rc3 §3, §4 */
export const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info';
const NS_DISCO_ITEMS = 'http://jabber.org/protocol/disco#items';

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name?: string | undefined;
  readonly lang?: string | undefined;
}

export interface DiscoInfo {
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
  /** Extension forms (XEP-0128): `<x xmlns='jabber:x:data' type='result'/>`. */
  readonly forms: readonly XmlElement[];
}

export interface DiscoItem {
  readonly jid: Jid;
  readonly node?: string | undefined;
  readonly name?: string | undefined;
}

type Request = { readonly signal: AbortSignal; readonly timeout?: number };

/** What a device says beside its capabilities, by who asks. */
export interface DiscoMore {
  at?(node: string, asker: Jid): DiscoInfo | undefined;
  items?(asker: Jid): readonly DiscoItem[];
}

/**
 * What this device says about itself, gathered from its parts. Every part adds what it provides, once, at wiring time or
 * later; `changed` is called after each, so that caps are announced anew.
 */
export class DiscoRegistry {
  private readonly identities: Identity[] = [];
  private readonly features = new Set<string>([NS_DISCO_INFO]);
  private readonly changed: () => void;

  constructor({ changed = () => undefined }: { readonly changed?: () => void } = {}) {
    this.changed = changed;
  }

  addIdentity(identity: Identity): void {
    this.identities.push(identity);
    this.changed();
  }

  addFeatures(...features: readonly string[]): void {
    for (const feature of features) this.features.add(feature);
    this.changed();
  }

  removeFeatures(...features: readonly string[]): void {
    for (const feature of features) this.features.delete(feature);
    this.changed();
  }

  info(): DiscoInfo {
    return { identities: [...this.identities], features: [...this.features].sort(), forms: [] };
  }

  /** The answer to a query without node, or for a node that `isOurs` (our caps). @throws XpmnError `not-found` */
  answer(node: string | undefined, isOurs: (node: string) => boolean): XmlElement {
    if (node !== undefined && !isOurs(node)) throw new XpmnError('not-found', 'There is no such node here.');
    return formatInfo(this.info(), node);
  }

  /** Answers queries; what lies at nodes of another kind, and which items there are, `more` says to whom it likes. */
  serve(registry: IqRegistry, isOurs: (node: string) => boolean, { at, items }: DiscoMore = {}): void {
    registry.handle({ ns: NS_DISCO_INFO, name: 'query', type: 'get' }, ({ payload: { attrs: { node } }, from }) => {
      const special = node === undefined ? undefined : at?.(node, from);
      return special ? formatInfo(special, node) : this.answer(node, isOurs);
    });
    registry.handle({ ns: NS_DISCO_ITEMS, name: 'query', type: 'get' }, ({ payload: { attrs: { node } }, from }) =>
      xml('query', NS_DISCO_ITEMS, { node }, (node === undefined && items?.(from) || []).map((item) => xml('item', NS_DISCO_ITEMS, { jid: item.jid, node: item.node, name: item.name }))));
  }
}

export function formatInfo({ identities, features, forms }: DiscoInfo, node?: string): XmlElement {
  const identity = ({ category, type, name, lang }: Identity): XmlElement => xml('identity', NS_DISCO_INFO, { category, type, name, 'xml:lang': lang });
  return xml('query', NS_DISCO_INFO, { node }, identities.map(identity), features.map((feature) => xml('feature', NS_DISCO_INFO, { var: feature })), forms);
}

/** Lenient: what lacks its attributes is left out, as are forms without a FORM_TYPE's place. */
export function parseInfo(query: XmlElement): DiscoInfo {
  const identities = childrenNamed(query, 'identity', NS_DISCO_INFO).flatMap(({ attrs }) => {
    const { category, type, name } = attrs;
    return category === undefined || type === undefined ? [] : [{ category, type, name, lang: attrs['xml:lang'] }];
  });
  const features = childrenNamed(query, 'feature', NS_DISCO_INFO).flatMap(({ attrs }) => (attrs['var'] === undefined ? [] : [attrs['var']]));
  return { identities, features, forms: childrenNamed(query, 'x', NS.dataForm) };
}

/** Asks what somebody is. @throws XpmnError as StanzaChannel.request; `malformed` */
export async function queryInfo(channel: StanzaChannel, to: Jid | undefined, { node, ...options }: Request & { readonly node?: string }): Promise<DiscoInfo> {
  const result = await channel.request({ type: 'get', to, payload: xml('query', NS_DISCO_INFO, { node }) }, options);
  return parseInfo(queryOf(result, NS_DISCO_INFO));
}

/** Asks what somebody has; entries without a valid JID are left out. */
export async function queryItems(channel: StanzaChannel, to: Jid | undefined, { node, ...options }: Request & { readonly node?: string }): Promise<DiscoItem[]> {
  const result = await channel.request({ type: 'get', to, payload: xml('query', NS_DISCO_ITEMS, { node }) }, options);
  return childrenNamed(queryOf(result, NS_DISCO_ITEMS), 'item', NS_DISCO_ITEMS).flatMap(({ attrs }) => {
    const jid = tryJid(attrs['jid']);
    return jid === undefined ? [] : [{ jid, node: attrs['node'], name: attrs['name'] }];
  });
}

function queryOf(result: XmlElement, ns: string): XmlElement {
  const query = resultPayload(result, 'query', ns);
  if (!query) throw new XpmnError('malformed', 'The answer to a discovery query has no query.');
  return query;
}
