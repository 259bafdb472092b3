import { NS } from '../model/namespaces.ts';
import { formatMediaUri, parseMediaUri } from '../model/media-uri.ts';
import type { MediaContainer, MediaItem, MediaObject, MediaType } from '../model/media.ts';
import { isPictureUri } from '../model/picture.ts';
import type { PlayingItem } from '../model/playback.ts';
import type { Jid } from '../model/jid.ts';
import { childText, elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { decimalIn, decimalText } from './decimal.ts';

const TYPES: readonly MediaType[] = ['audio', 'video', 'image', 'stream', 'other'];

/** Whatever has a scheme and fits on a line: it is shown, and compared, and handed on. */
const URI = /^[a-z][a-z0-9+.-]{0,31}:[^\s\p{C}]{1,4096}$/iu;

/** Item fields that are one child element each: field, element name, kind of value (WIRE: item children). */
const FIELDS = [
  ['artist', 'artist', 'text'],
  ['album', 'album', 'text'],
  ['albumArtist', 'album-artist', 'text'],
  ['genre', 'genre', 'text'],
  ['track', 'track', 'number'],
  ['cover', 'cover-album', 'picture'],
  ['date', 'date', 'text'],
  ['duration', 'duration', 'number'],
  ['size', 'size', 'number'],
  ['mimeType', 'mime-type', 'text'],
  ['name', 'name', 'text'],
  ['width', 'width', 'number'],
  ['height', 'height', 'number'],
  ['bitrate', 'bitrate', 'number'],
  ['channels', 'channels', 'number'],
  ['sampleRate', 'sample-rate', 'number'],
] as const satisfies readonly (readonly [keyof MediaItem, string, 'text' | 'number' | 'picture'])[];

/** An item or a container without its children, as `urn:xmpp:media:metadata:0`. `device` serves the item's bytes. */
export function metadataFromObject(object: MediaObject, device: Jid): XmlElement {
  const { id, parent } = object;
  if (object.kind === 'container') return xml('container', NS.metadata, { id, parent }, field('title', object.title), countOf(object));
  return itemElement(object, object.uid === undefined ? undefined : formatMediaUri({ device, uid: object.uid }));
}

/** An item that is played, under the URI that it was opened by, whichever device that names. */
export function metadataFromPlaying({ item, uri }: PlayingItem): XmlElement {
  return itemElement(item, uri);
}

function itemElement(item: MediaItem, uri: string | undefined): XmlElement {
  return xml(
    'item',
    NS.metadata,
    { id: item.id, parent: item.parent, type: item.type },
    field('title', item.title),
    FIELDS.map(([key, name]) => field(name, item[key])).filter((node) => node !== undefined),
    field('uri', uri),
  );
}

/** A container with its children. */
export function metadataFromPage(container: MediaContainer, children: readonly MediaObject[], device: Jid): XmlElement {
  const shell = metadataFromObject(container, device);
  return { ...shell, children: [...shell.children, ...children.map((object) => metadataFromObject(object, device))] };
}

/**
 * The object in a metadata element; undefined for what can't be one (no id, another element). An item's uid counts only
 * if its URI points to `device`, which the answer came from.
 */
export function objectFromMetadata(element: XmlElement, device: Jid): MediaObject | undefined {
  const { id, parent } = element.attrs;
  if (element.ns !== NS.metadata || !id) return undefined;
  if (element.name === 'container') return { kind: 'container', id, parent, title: titleIn(element), count: numberIn(element, 'count') };
  return element.name === 'item' ? itemIn(element, uidIn(element, device)) : undefined;
}

/**
 * An item that is played. Its URI may name any device, and none: it is what the player says, and proves nothing. A player
 * may have things of its own, without an id.
 */
export function playingFromMetadata(element: XmlElement): PlayingItem | undefined {
  if (element.ns !== NS.metadata || element.name !== 'item') return undefined;
  const uri = childText(element, 'uri', NS.metadata);
  return { item: itemIn(element, undefined), uri: uri !== undefined && URI.test(uri) ? uri : undefined };
}

function itemIn(element: XmlElement, uid: string | undefined): MediaItem {
  const { id = '', parent } = element.attrs;
  const read = { text: textIn, number: numberIn, picture: pictureIn } as const;
  const fields = FIELDS.map(([key, name, kind]) => [key, read[kind](element, name)]);
  const type = TYPES.find((known) => known === element.attrs['type']) ?? 'other';
  return { kind: 'item', id, parent, title: titleIn(element), type, ...(Object.fromEntries(fields) as Partial<MediaItem>), uid };
}

function titleIn(element: XmlElement): string {
  return childText(element, 'title', NS.metadata) ?? '';
}

/** Direct children of a container element that are objects. */
export function childObjects(container: XmlElement, device: Jid): MediaObject[] {
  return elements(container)
    .map((element) => objectFromMetadata(element, device))
    .filter((object) => object !== undefined);
}

function uidIn(element: XmlElement, device: Jid): string | undefined {
  const uri = childText(element, 'uri', NS.metadata);
  if (uri === undefined) return undefined;
  try {
    const reference = parseMediaUri(uri);
    return reference.device === device ? reference.uid : undefined;
  } catch {
    return undefined;
  }
}

function field(name: string, value: string | number | undefined): XmlElement | undefined {
  const text = typeof value === 'number' ? decimalText(value) : value;
  return text === undefined ? undefined : xml(name, NS.metadata, {}, text);
}

function countOf(container: MediaContainer): XmlElement | undefined {
  return field('count', container.count);
}

function textIn(element: XmlElement, name: string): string | undefined {
  return childText(element, name, NS.metadata);
}

/** Nothing but what can be asked for there: a URL would tell others that it is looked at. */
function pictureIn(element: XmlElement, name: string): string | undefined {
  const uri = textIn(element, name);
  return uri !== undefined && isPictureUri(uri) ? uri : undefined;
}

function numberIn(element: XmlElement, name: string): number | undefined {
  return decimalIn(childText(element, name, NS.metadata));
}
