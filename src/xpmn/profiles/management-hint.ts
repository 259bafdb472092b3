import { isFullJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { KeyName } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import { child, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { nodeOf } from '../trust/list-nodes.ts';
import { currentManagers, devicesList, friendNetworks } from '../trust/snapshot.ts';
import type { TrustSnapshot } from '../trust/snapshot.ts';
import { message } from '../xmpp/stanza.ts';

/**
 * "Something has changed, come and read it", said over the server, which may forge it, repeat it, or keep it back: whoever
 * hears it goes and reads over a secured stream, and learns there what is so. The heads say what has changed, so that nobody
 * comes for what he has already: who lies with them keeps others from coming, which he can do by keeping the hint back.
 *
 *   <message><changed xmlns='urn:xmpp:xpmn:management:0' node='urn:xmpp:xpmn:trust:0'>
 *     <heads xmlns='urn:xmpp:xpmn:trust:0'/>?
 *   </changed></message>
 */
export interface Hint {
  /** Who it says it is from, a full JID. */
  readonly from: Jid;
  readonly node: string;
  /** `<heads/>` of what has changed. */
  readonly heads: XmlElement | undefined;
}

export function formatHint(to: Jid, { node, heads }: Omit<Hint, 'from'>): XmlElement {
  return message({ type: 'headline', to }, xml('changed', NS.management, { node }, heads));
}

/** Undefined for whatever is no hint. */
export function parseHint(stanza: XmlElement): Hint | undefined {
  const { type, from: said } = stanza.attrs;
  const changed = child(stanza, 'changed', NS.management);
  const [from, node] = [tryJid(said), changed?.attrs['node']];
  if (stanza.name !== 'message' || type === 'error' || !changed || node === undefined || !from || !isFullJid(from)) return undefined;
  return { from, node, heads: child(changed, 'heads', NS.trust) };
}

/** The network of which the signed lists say that its management device is under that JID. */
export function networkManagedAt(lists: TrustSnapshot, jid: Jid): KeyName | undefined {
  const isOwn = currentManagers(lists, lists.network).some((device) => device.jid === jid || device.aliases.includes(jid));
  return isOwn ? lists.network : friendNetworks(lists).find((network) => currentManagers(lists, network).some((device) => device.jid === jid));
}

export interface HintAudience {
  /** The full JID of the device that tells. */
  readonly local: Jid;
  /** Who has heard of it otherwise. */
  readonly told: ReadonlySet<Jid>;
  /** Whether it is there, as far as the server says. */
  isAvailable(jid: Jid): boolean;
}

/** Who is told that the lists on a node have changed: own devices first, then those of friends, if they may read it. */
export function hintAudience(lists: TrustSnapshot, node: string, { local, told, isAvailable }: HintAudience): Jid[] {
  const networks = [lists.network, ...(node === nodeOf({ type: 'friends' }) ? [] : friendNetworks(lists))];
  const devices = networks.flatMap((network) => devicesList(lists, network)?.devices ?? []);
  return devices.map(({ jid }) => jid).filter((jid) => jid !== local && !told.has(jid) && isAvailable(jid));
}
