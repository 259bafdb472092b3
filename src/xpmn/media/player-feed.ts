import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { parseMediaUri } from '../model/media-uri.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaItem, MediaObject, MediaType } from '../model/media.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { MediaEntity } from '../ports/media-source.ts';
import type { FeedTarget, PlayerFeed, PlayerMedia } from '../ports/player-feed.ts';
import type { SharedMedia } from '../ports/shared-media.ts';
import { isPlain } from './feed-profile.ts';
import { gatherText } from './gather-text.ts';
import type { MediaPort } from './media-port.ts';
import { reachesDirectly } from './reach.ts';
import type { OwnNetworks } from './reach.ts';
import type { OpenItem } from './read-ahead.ts';

export interface PlayerFeedOptions {
  /** Whether a player gets the URL of the server itself where both are on one network of ours: no byte passes through here. */
  readonly shortCut: boolean;
  /** Whether players may be given what lies on public web servers. */
  readonly publicUrls: boolean;
  /** Milliseconds for what is only shown: playing does not wait longer for a title. */
  readonly itemTimeout: number;
  /** Characters of each text that a device says of its item; more is cut off. */
  readonly textLength: number;
}

export interface PlayerFeedDeps {
  readonly port: Pick<MediaPort, 'issue'>;
  readonly openItem: OpenItem;
  /** What a device says of an item, by uid. */
  object(reference: MediaReference, options: { readonly signal: AbortSignal }): Promise<MediaObject>;
  /** The library of a device that this gateway bridges itself. */
  libraryOf(device: Jid): MediaLibrary | undefined;
  readonly networks: OwnNetworks;
  /** Where public URLs become items, and the device that serves them; undefined: none can be had. */
  readonly shared?: { readonly media: Pick<SharedMedia, 'share'>; readonly device: Jid } | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Where the bytes are, and what the player will be told of them. */
type Place = Omit<PlayerMedia, 'item'> & { readonly entity: MediaEntity };

export function createPlayerFeed(deps: PlayerFeedDeps, options: PlayerFeedOptions): PlayerFeed {
  /** SECURITY: "never file: or any other scheme, in playlists too" (PROTOCOL §7). What the web has passes through our port: so a name can't lead the player elsewhere than us. */
  async function referenceOf(uri: string, signal: AbortSignal): Promise<MediaReference> {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
    if (scheme === 'xmpp') return transferReference(uri);
    if (scheme !== 'http' && scheme !== 'https') throw new XpmnError('unsupported-type', 'Players are given media of the network only.');
    if (!options.publicUrls || !deps.shared) throw new XpmnError('not-allowed', 'URLs that others name are not fetched here; feed.publicUrls in the settings would allow it.');
    const { media, device } = deps.shared;
    return { device, uid: await media.share(uri, { publicOnly: true, signal }) };
  }

  async function place(reference: MediaReference, target: FeedTarget, signal: AbortSignal): Promise<Place> {
    const direct = options.shortCut && isPlain(target.profile) ? await shortCut(reference, target, signal) : undefined;
    if (direct) return direct;
    const { url, mimeType, contentFeatures, entity, failure } = await deps.port.issue(reference, { target, signal });
    return { url, mimeType, contentFeatures, entity, failure, ...sizeOf(entity) };
  }

  /** The server's own URL, where the player reaches it as we do. A failure is none: the way through the port may still go. */
  async function shortCut({ device, uid }: MediaReference, { address }: FeedTarget, signal: AbortSignal): Promise<Place | undefined> {
    try {
      const located = await deps.libraryOf(device)?.locate?.(uid, { signal });
      if (!located || !reachesDirectly(address, new URL(located.url).hostname.replace(/^\[|\]$/g, ''), deps.networks())) return undefined;
      const { url, entity, contentFeatures = '*' } = located;
      return { url, mimeType: entity.type, contentFeatures, entity, ...sizeOf(entity) };
    } catch (error) {
      signal.throwIfAborted();
      deps.log.debug('a server does not say where it has an item', { device, error });
      return undefined;
    }
  }

  async function described(reference: MediaReference, signal: AbortSignal): Promise<MediaItem | undefined> {
    try {
      const object = await withDeadline({ clock: deps.clock, signal, delay: options.itemTimeout, what: 'Describing an item' }, (until) => deps.object(reference, { signal: until }));
      return object.kind === 'item' && object.uid === reference.uid ? shortened(object, options.textLength) : undefined;
    } catch (error) {
      signal.throwIfAborted();
      deps.log.debug('an item is played without knowing what it is', { device: reference.device, error });
      return undefined;
    }
  }

  return {
    async media(uri, target, { signal }) {
      const reference = await referenceOf(uri, signal);
      const [{ entity, ...found }, item] = await Promise.all([place(reference, target, signal), described(reference, signal)]);
      return { ...found, item: presentable(item, reference, entity) };
    },
    async text(uri, { limit, signal }) {
      const reference = await referenceOf(uri, signal);
      const transfer = await deps.openItem(reference, { range: undefined, ifMatch: undefined }, { signal });
      return { body: await gatherText(transfer, { limit, signal }), mimeType: transfer.entity.type };
    },
  };
}

function transferReference(uri: string): MediaReference {
  try {
    return parseMediaUri(uri);
  } catch (error) {
    throw new XpmnError('unsupported-type', 'That URI names no media item.', { cause: error });
  }
}

function sizeOf({ size }: MediaEntity): Pick<PlayerMedia, 'size' | 'isSeekable'> {
  return { size, isSeekable: size !== undefined };
}

/** The whole of it goes to the player, and to whoever is told what plays. */
function shortened(item: MediaItem, length: number): MediaItem {
  const texts = Object.entries(item).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[0] !== 'uid');
  return { ...item, ...(Object.fromEntries(texts.map(([name, text]) => [name, text.slice(0, length)])) as Partial<MediaItem>) };
}

/** Never shows people what only machines read: without a title there is the kind of thing that it is. */
function presentable(item: MediaItem | undefined, { uid }: MediaReference, { type, size }: MediaEntity): MediaItem {
  const kind = item?.type ?? kindOf(type);
  const known = item ?? { kind: 'item', id: uid, parent: undefined, type: kind, uid, mimeType: type, size };
  return { ...known, title: item && item.title.trim() !== '' && item.title !== uid && item.title !== item.id ? item.title : TITLES[kind] };
}

function kindOf(type: string): MediaType {
  const kind = type.slice(0, type.indexOf('/'));
  return kind === 'audio' || kind === 'video' || kind === 'image' ? kind : 'other';
}

const TITLES: Readonly<Record<MediaType, string>> = { audio: 'Audio', video: 'Video', image: 'Picture', stream: 'Stream', other: 'Media' };
