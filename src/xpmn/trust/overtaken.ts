import type { KeyName } from '../model/identity.ts';
import type { DeviceEntry, FriendEntry } from './list-document.ts';
import type { TrustOptions } from './options.ts';
import { removedRoom } from './reissue.ts';
import { compareLists } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';

/**
 * Overtaken lists. A list that is issued follows from the one before: each entry of that is in it, or removed; each
 * removal is in it, as far as there is room. Where the newest list does not follow from another valid one of my network,
 * somebody signed it who did not know that one: the user key was restored from a backup, or is on two machines. By order
 * alone, what was added in between would be lost, and what was removed would be listed again. So the other list is kept
 * as evidence, and handed to own devices, until a newest one follows from it.
 */
export type UserEntry = DeviceEntry | FriendEntry;

export function entriesOf({ devices, friends }: Pick<VerifiedList, 'devices' | 'friends'>): readonly UserEntry[] {
  return [...devices, ...friends];
}

/** Whether `newest` could have been issued by somebody who knew `other`. `removedEver`: by any list of that slot. */
export function followsFrom(newest: VerifiedList, other: VerifiedList, removedEver: ReadonlySet<KeyName>, options: Pick<TrustOptions, 'xml' | 'listEntries'>): boolean {
  const listed = keysOf(entriesOf(newest));
  const removed = keysOf(newest.removed);
  if (entriesOf(other).some(({ key }) => !listed.has(key) && !removedEver.has(key))) return false;
  const untold = other.removed.filter(({ key }) => !removed.has(key));
  if (untold.some(({ key }) => listed.has(key))) return false;
  return untold.length === 0 || newest.removed.length >= removedRoom(newest, options);
}

/** Those of the `candidates`, all of one slot, from which the newest list does not follow: each once, the newest first; of too many, the newest. */
export function overtakenBy(
  newest: VerifiedList, candidates: readonly VerifiedList[], removedEver: ReadonlySet<KeyName>, options: Pick<TrustOptions, 'xml' | 'listEntries' | 'overtakenLists'>,
): VerifiedList[] {
  return candidates
    .filter((list, at) => list.hash !== newest.hash && candidates.findIndex(({ hash }) => hash === list.hash) === at)
    .filter((list) => !followsFrom(newest, list, removedEver, options))
    .sort((a, b) => compareLists(b, a))
    .slice(0, options.overtakenLists);
}

/** The entries of overtaken lists that the newest one neither has nor was told to leave out; as the newest of those lists has them. */
export function unlistedEntries<E extends UserEntry>(newest: readonly E[], overtaken: readonly E[], removedEver: ReadonlySet<KeyName>): E[] {
  const listed = keysOf(newest);
  const unlisted = new Map<KeyName, E>();
  for (const entry of overtaken) if (!listed.has(entry.key) && !removedEver.has(entry.key) && !unlisted.has(entry.key)) unlisted.set(entry.key, entry);
  return [...unlisted.values()];
}

function keysOf(entries: readonly { readonly key: KeyName }[]): ReadonlySet<KeyName> {
  return new Set(entries.map(({ key }) => key));
}
