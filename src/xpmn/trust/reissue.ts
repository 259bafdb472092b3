import type { KeyName } from '../model/identity.ts';
import { serialise } from '../model/xml.ts';
import { formatList } from './list-document.ts';
import type { ListContent, RemovedEntry } from './list-document.ts';
import type { TrustOptions } from './options.ts';
import type { VerifiedList } from './signed-list.ts';

/** No `<removed/>` is longer. */
const REMOVED_BYTES = 128;

/** `seq` = max(last + 1, Unix seconds): a restored backup goes on beyond what was issued after it was made. */
export function nextSeq(last: number | undefined, now: number): number {
  return Math.max((last ?? 0) + 1, Math.floor(now / 1000));
}

/** Weekly; and when friends refuse it: it expired, or was issued by a clock that was ahead. */
export function needsReissue(list: VerifiedList, now: number, options: Pick<TrustOptions, 'reissueAfter' | 'friendClockAhead'>): boolean {
  return now >= list.issued + options.reissueAfter || now >= list.expiresAt || list.issued > now + options.friendClockAhead;
}

export type ListChange = Partial<Pick<ListContent, 'devices' | 'friends'>> & { readonly remove?: readonly KeyName[] };

/**
 * The list that follows `previous`: with `change`, without any key that was ever removed, and with as many of the
 * removals as fit, newest first, so that new readers learn of them.
 */
export function followingList(
  kind: Pick<ListContent, 'type' | 'network'>, previous: VerifiedList | undefined, removedEver: ReadonlySet<KeyName>, change: ListChange, now: number,
  options: Pick<TrustOptions, 'xml' | 'listEntries' | 'listLifetime'>,
): ListContent {
  const removed = new Map<KeyName, RemovedEntry>(previous?.removed.map((entry) => [entry.key, entry]));
  for (const key of [...removedEver, ...(change.remove ?? [])]) if (!removed.has(key)) removed.set(key, { key, at: now });
  const stays = ({ key }: { readonly key: KeyName }): boolean => !removed.has(key);
  const list: ListContent = {
    type: kind.type, network: kind.network, seq: nextSeq(previous?.seq, now), issued: now, expires: now + options.listLifetime,
    devices: (change.devices ?? previous?.devices ?? []).filter(stays),
    friends: (change.friends ?? previous?.friends ?? []).filter(stays),
    removed: [],
  };
  // What is removed now has to be told, whatever a clock said when others were.
  const isNew = ({ key }: RemovedEntry): number => (change.remove?.includes(key) ? 1 : 0);
  const newestFirst = [...removed.values()].sort((a, b) => isNew(b) - isNew(a) || b.at - a.at);
  return { ...list, removed: newestFirst.slice(0, removedRoom(list, options)) };
}

/** How many removals a list with these entries can tell. */
export function removedRoom(list: ListContent, options: Pick<TrustOptions, 'xml' | 'listEntries'>): number {
  const bytesLeft = options.xml.bytes - Buffer.byteLength(serialise(formatList({ ...list, removed: [] })));
  const room = Math.min(options.listEntries - list.devices.length - list.friends.length, Math.floor(bytesLeft / REMOVED_BYTES));
  return Math.max(0, room);
}
