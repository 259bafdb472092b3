import { XpmnError } from '../kernel/errors.ts';
import type { KeyName, PeerIdentity } from '../model/identity.ts';
import { isOwn } from '../model/identity.ts';
import { elements, serialise, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { tryKeyName } from './keys.ts';
import { isListType, NS_TRUST, parseSeq } from './list-document.ts';
import type { ListType } from './list-document.ts';
import type { TrustOptions } from './options.ts';
import { slotOf } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';
import type { TrustSnapshot } from './snapshot.ts';

/** Lists in one answer, and their bytes. */
export type AnswerLimits = Pick<TrustOptions, 'listsPerAnswer' | 'answerBytes'>;

/** Says which list somebody has, without the list. */
export interface Head {
  readonly signer: KeyName;
  readonly type: ListType;
  readonly network: KeyName;
  readonly seq: number;
  readonly hash: string;
}

export function headsElement(heads: readonly Head[]): XmlElement {
  return xml('heads', NS_TRUST, {}, heads.map(({ signer, type, network, seq, hash }) => xml('head', NS_TRUST, { signer, type, network, seq, hash })));
}

/** Heads that make no sense are left out: nothing is lost by sending a list too many. @throws XpmnError `malformed`, `too-large` */
export function readHeads(element: XmlElement, limits: { readonly heads: number }): Head[] {
  if (element.name !== 'heads' || element.ns !== NS_TRUST) throw new XpmnError('malformed', 'That is not <heads/>.');
  const children = elements(element).filter(({ name, ns }) => name === 'head' && ns === NS_TRUST);
  if (children.length > limits.heads) throw new XpmnError('too-large', `More than ${limits.heads} heads at once.`);
  return children.flatMap(({ attrs }) => {
    const [signer, network, hash] = [tryKeyName(attrs['signer']), tryKeyName(attrs['network']), tryKeyName(attrs['hash'])];
    const [type, seq] = [attrs['type'] ?? '', parseSeq(attrs['seq'] ?? '')];
    return signer && network && hash && isListType(type) && seq !== undefined ? [{ signer, type, network, seq, hash }] : [];
  });
}

export function headOf({ signer, type, network, seq, hash }: VerifiedList): Head {
  return { signer, type, network, seq, hash };
}

/** Whether that list, or a newer one, is not known here. */
export function isBehind(lists: TrustSnapshot, head: Head): boolean {
  const held = lists.lists.find((list) => slotOf(list) === slotOf(head));
  return !held || held.seq < head.seq || (held.seq === head.seq && held.hash !== head.hash);
}

/** "Own devices get everything; a friend's device my `devices` and `hosted` and its own network's lists; nobody else anything." */
export function mayRead(lists: TrustSnapshot, list: VerifiedList, peer: PeerIdentity): boolean {
  if (peer.verdict === 'pairing') return false;
  return isOwn(peer) || list.network === peer.network || (list.network === lists.network && list.type !== 'friends');
}

/** The order in which lists make sense to a reader who has none: each after what gives its signer the right. */
export function inReadingOrder<T extends VerifiedList>(lists: readonly T[], mine: KeyName): T[] {
  const rank = ({ type, network }: VerifiedList): number => (network === mine ? 0 : 2) + (type === 'hosted' ? 4 : type === 'friends' ? 1 : 0);
  return [...lists].sort((a, b) => rank(a) - rank(b));
}

/**
 * What `peer` may have and lacks, or has older, as it told by its heads; to an own device also what was
 * overtaken: whoever signed the list that overtook it may not know it. Bounded in number and in bytes.
 */
export function lackingLists(
  lists: TrustSnapshot, heads: readonly Head[], peer: PeerIdentity, limits: AnswerLimits,
  overtaken: readonly VerifiedList[] = [],
): VerifiedList[] {
  const theirs = new Map(heads.map((head) => [slotOf(head), head]));
  const lacking = lists.lists.filter((list) => {
    const head = theirs.get(slotOf(list));
    return mayRead(lists, list, peer) && (!head || head.seq < list.seq || (head.seq === list.seq && head.hash !== list.hash));
  });
  const unknown = overtaken.filter((list) => isOwn(peer) && theirs.get(slotOf(list))?.hash !== list.hash);
  return fitting([...inReadingOrder(lacking, lists.network), ...unknown], limits);
}

/** The first of the lists, as many as go into one answer. */
export function fitting(lists: readonly VerifiedList[], limits: AnswerLimits): VerifiedList[] {
  const chosen: VerifiedList[] = [];
  let bytes = 0;
  for (const list of lists) {
    bytes += Buffer.byteLength(serialise(list.element));
    if (chosen.length >= limits.listsPerAnswer || bytes > limits.answerBytes) break;
    chosen.push(list);
  }
  return chosen;
}
