import { NS } from '../model/namespaces.ts';
import { inReadingOrder } from './heads.ts';
import type { VerifiedList } from './signed-list.ts';
import { currentHosts } from './snapshot.ts';
import type { TrustSnapshot } from './snapshot.ts';

/**
 * Where the lists of a network lie: on its account, and as the same nodes on its management device (PROTOCOL §1, "Where
 * lists live"). What lies under an id is told by the list, never by the id.
 */
export const LIST_NODES: readonly string[] = [NS.trust, NS.trustFriends];

/** The node that a list belongs on. */
export function nodeOf({ type }: Pick<VerifiedList, 'type'>): string {
  return type === 'friends' ? NS.trustFriends : NS.trust;
}

/** The id of its item there. */
export function itemIdOf({ type, signer }: Pick<VerifiedList, 'type' | 'signer'>): string {
  return type === 'hosted' ? `hosted-${signer}` : type;
}

/** What belongs on a node of my network, each list after what gives its signer the right; what a host left behind counts for nobody. */
export function listsOn(lists: TrustSnapshot, node: string): VerifiedList[] {
  const hosts = new Set(currentHosts(lists, lists.network).map(({ key }) => key));
  const counts = (list: VerifiedList): boolean => list.network === lists.network && nodeOf(list) === node && (list.type !== 'hosted' || hosts.has(list.signer));
  return inReadingOrder(lists.lists.filter(counts), lists.network);
}
