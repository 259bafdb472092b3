import { NS } from '../model/namespaces.ts';
import { formatMediaUri, parseMediaUri } from '../model/media-uri.ts';
import type { MediaContainer, MediaItem, MediaObject, MediaType } from '../model/media.ts';
import type { Jid } from '../model/jid.ts';
import { childText, elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

const TYPES: readonly MediaType[] = ['audio', 'video', 'image', 'stream', 'other'];

/** Of a number on the wire: a duration may be 0.001 s, and never 1e-7. */
const DECIMALS = 3;

/** Item fields that are one child element each: field, element name, kind of value (WIRE: item children). */
const FIELDS = [
  ['artist', 'artist', 'text'],
  ['album', 'album', 'text'],
  ['albumArtist', 'album-artist', 'text'],
  ['genre', 'genre', 'text'],
  ['track', 'track', 'number'],
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
] as const satisfies readonly (readonly [keyof MediaItem, string, 'text' | 'number'])[];

/** An item or a container without its children, as `urn:xmpp:media:metadata:0`. `device` serves the item's bytes. */
export function metadataFromObject(object: MediaObject, device: Jid): XmlElement {
  const common = { id: object.id, parent: object.parent };
  if (object.kind === 'container') return xml('container', NS.metadata, common, field('title', object.title), countOf(object));
  return xml(
    'item',
    NS.metadata,
    { ...common, type: object.type },
    field('title', object.title),
    FIELDS.map(([key, name]) => field(name, object[key])).filter((node) => node !== undefined),
    object.uid !== undefined && field('uri', formatMediaUri({ device, uid: object.uid })),
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
  const base = { id, parent, title: childText(element, 'title', NS.metadata) ?? '' };
  if (element.name === 'container') return { kind: 'container', ...base, count: numberIn(element, 'count') };
  if (element.name !== 'item') return undefined;
  const fields = FIELDS.map(([key, name, kind]) => [key, kind === 'number' ? numberIn(element, name) : childText(element, name, NS.metadata)]);
  const type = TYPES.find((known) => known === element.attrs['type']) ?? 'other';
  return { kind: 'item', ...base, type, ...(Object.fromEntries(fields) as Partial<MediaItem>), uid: uidIn(element, device) };
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
  const text = typeof value === 'number' ? numberText(value) : value;
  return text === undefined ? undefined : xml(name, NS.metadata, {}, text);
}

function countOf(container: MediaContainer): XmlElement | undefined {
  return field('count', container.count);
}

/** Plain decimals; undefined for what no field can mean (the legacy side tells strange things). */
function numberText(value: number): string | undefined {
  const rounded = Number(value.toFixed(DECIMALS));
  return rounded >= 0 && rounded < 1e15 ? String(rounded) : undefined;
}

function numberIn(element: XmlElement, name: string): number | undefined {
  const text = childText(element, name, NS.metadata)?.trim();
  return text !== undefined && /^\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined;
}
