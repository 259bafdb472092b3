import type { KeyName } from '../model/identity.ts';
import { compareLists } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';

/**
 * The lists that removed devices of my network, each kept for those whom it removed: a machine on a network without a server
 * would else only see that nobody answers any more. To whoever has proven a removed key, the one list that removed it may be
 * shown: up to there it was one of us, and had a right to all that is in it but its own removal. What came later is not for it.
 */

/** Whether `list` is the one that removed `key`. Lists that follow tell the removal with its own time, which is before theirs. */
export function hasRemoved({ issued, removed }: VerifiedList, key: KeyName): boolean {
  return removed.some((entry) => entry.key === key && entry.at === issued);
}

/** What is kept when `list` is the newest: the lists of `kept`, and this one if it removed anybody; of too many, the newest. The newest first. */
export function farewellsWith(list: VerifiedList, kept: readonly VerifiedList[], { farewellLists }: { readonly farewellLists: number }): readonly VerifiedList[] {
  if (!list.removed.some(({ key }) => hasRemoved(list, key)) || kept.some(({ hash }) => hash === list.hash)) return kept;
  return [list, ...kept].sort((a, b) => compareLists(b, a)).slice(0, farewellLists);
}

/** The list that removed `key`, of those that are kept: the first that says so. */
export function farewellTo(key: KeyName, kept: readonly VerifiedList[]): VerifiedList | undefined {
  return kept.findLast((list) => hasRemoved(list, key));
}
