import { fitting, inReadingOrder } from './heads.ts';
import type { AnswerLimits } from './heads.ts';
import { currentHosts } from './snapshot.ts';
import type { TrustSnapshot } from './snapshot.ts';
import type { VerifiedList } from './signed-list.ts';

/**
 * What a new device of my network is given to begin with, the most needed first: my devices, my friends, theirs, and what is
 * hosted, the newest first. As much as one answer may have: a reader refuses more, and the rest comes with the first stream.
 */
export function joiningLists(lists: TrustSnapshot, limits: AnswerLimits): VerifiedList[] {
  // What somebody hosted who is no host any more counts for nobody.
  const counts = ({ type, network, signer }: VerifiedList): boolean => type !== 'hosted' || currentHosts(lists, network).some(({ key }) => key === signer);
  const newestFirst = lists.lists.filter(counts).sort((a, b) => b.issued - a.issued);
  return fitting(inReadingOrder(newestFirst, lists.network), limits);
}
