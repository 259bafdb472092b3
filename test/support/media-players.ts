import type { MediaItem } from '../../src/xpmn/model/media.ts';
import type { PlayerMedia } from '../../src/xpmn/ports/player-feed.ts';

/** Media as a player is given it; of no length if it is live. */
export function playerMedia(url: string, seconds: number | undefined, more: Partial<MediaItem> = {}): PlayerMedia {
  const item: MediaItem = { id: url, parent: undefined, kind: 'item', type: 'audio', uid: undefined, title: url, duration: seconds, ...more };
  return { url, mimeType: 'audio/mpeg', contentFeatures: '*', size: seconds === undefined ? undefined : 16_000 * seconds, item, isSeekable: seconds !== undefined };
}
