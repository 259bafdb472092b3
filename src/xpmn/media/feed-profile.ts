import type { FeedProfile } from '../ports/player-feed.ts';

/** What a player with that profile is told the type is. */
export function servedType(type: string, { mimeTypes }: FeedProfile): string {
  return Object.hasOwn(mimeTypes, type) ? (mimeTypes[type] as string) : type;
}

/** Equal for profiles that give the same answers. */
export function profileKey({ length, mimeTypes, dlnaAlways, keepAlive }: FeedProfile): string {
  return JSON.stringify([length, dlnaAlways, keepAlive, Object.entries(mimeTypes).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** Whether a player can do with the answers of any server: what it insists on, only ours gives. */
export function isPlain({ length, mimeTypes }: FeedProfile): boolean {
  return length === 'exact' && Object.keys(mimeTypes).length === 0;
}
