import type { MediaItem } from '../xpmn/model/media.ts';
import { escapeAttr, escapeText } from '../xpmn/model/xml.ts';
import { formatDuration } from './media-time.ts';

/** What a renderer is to play, and what is known of it. */
export interface DidlMedia {
  readonly url: string;
  readonly mimeType: string;
  /** Fourth field of protocolInfo. */
  readonly contentFeatures: string;
  /** Bytes. */
  readonly size: number | undefined;
  readonly item: MediaItem;
}

const DIDL = 'urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/';
const CLASSES: Readonly<Record<MediaItem['type'], string>> = {
  audio: 'object.item.audioItem.musicTrack', video: 'object.item.videoItem', image: 'object.item.imageItem.photo',
  stream: 'object.item.audioItem.audioBroadcast', other: 'object.item',
};

/**
 * One item as DIDL-Lite, for SetAVTransportURI. `minimal`: title, class and resource alone. The item's own ids mean nothing
 * to the device, and name nothing here.
 * @spec UPnP-ContentDirectory v4 §B (DIDL-Lite)
 */
export function didlFromMedia(media: DidlMedia, detail: 'full' | 'minimal'): string {
  const { item } = media;
  const head = `${element('dc:title', item.title)}${element('upnp:class', classOf(media))}`;
  const more = detail === 'minimal' ? '' : [
    element('dc:creator', item.artist), element('upnp:artist', item.artist), element('upnp:album', item.album), element('upnp:genre', item.genre),
    element('upnp:originalTrackNumber', item.track), element('dc:date', item.date),
  ].join('');
  return (
    `<DIDL-Lite xmlns="${DIDL}" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/">` +
    `<item id="0" parentID="-1" restricted="1">${head}${more}${resource(media, detail)}</item></DIDL-Lite>`
  );
}

/** COMPAT: renderers compare it as text, so nothing is spaced or ordered otherwise. */
function protocolInfoOf({ mimeType, contentFeatures }: Pick<DidlMedia, 'mimeType' | 'contentFeatures'>): string {
  return `http-get:*:${mimeType}:${contentFeatures}`;
}

function resource(media: DidlMedia, detail: 'full' | 'minimal'): string {
  const { item, size } = media;
  const resolution = item.width === undefined || item.height === undefined ? undefined : `${item.width}x${item.height}`;
  const facts = detail === 'minimal' ? {} : {
    resolution, bitrate: item.bitrate === undefined ? undefined : Math.round(item.bitrate / 8), nrAudioChannels: item.channels, sampleFrequency: item.sampleRate,
  };
  const duration = item.duration === undefined ? undefined : formatDuration(item.duration);
  const attributes = Object.entries({ protocolInfo: protocolInfoOf(media), size, duration, ...facts })
    .map(([name, value]) => (value === undefined ? '' : ` ${name}="${escapeAttr(String(value))}"`)).join('');
  return `<res${attributes}>${escapeText(media.url)}</res>`;
}

/** The MIME type knows better than a library that says nothing of it. */
function classOf({ item: { type }, mimeType }: DidlMedia): string {
  const major = mimeType.slice(0, mimeType.indexOf('/'));
  if (type === 'stream' && major === 'video') return 'object.item.videoItem.videoBroadcast';
  if (type === 'other' && (major === 'audio' || major === 'video' || major === 'image')) return CLASSES[major];
  return CLASSES[type];
}

function element(name: string, value: string | number | undefined): string {
  return value === undefined || value === '' ? '' : `<${name}>${escapeText(String(value))}</${name}>`;
}
