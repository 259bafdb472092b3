import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import { childText, childrenNamed, elements, textOf } from '../xpmn/model/xml.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';
import { parseLenientXml } from './lenient-xml.ts';
import { parseDuration } from './media-time.ts';
import { parseProtocolInfo } from './protocol-info.ts';
import type { ProtocolInfo } from './protocol-info.ts';

/** @spec UPnP-ContentDirectory v4 §B (DIDL-Lite) */

/** One `<res>`. Numbers that make no sense are undefined. */
export interface DidlResource {
  /** As written; may be relative, or empty. */
  readonly uri: string;
  readonly protocolInfo: ProtocolInfo;
  /** Bytes. */
  readonly size: number | undefined;
  /** Seconds. */
  readonly duration: number | undefined;
  /** Bytes per second, as UPnP counts. */
  readonly byterate: number | undefined;
  /** Hz. */
  readonly sampleRate: number | undefined;
  readonly channels: number | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
}

/** A DIDL-Lite object as plain data: lenient, nothing decided yet. Texts are trimmed, empty ones undefined. */
export interface DidlObject {
  readonly kind: 'item' | 'container';
  readonly id: string;
  readonly parentId: string | undefined;
  readonly title: string | undefined;
  /** `upnp:class`, without the leading `object.`; undefined if missing. */
  readonly class: string | undefined;
  readonly childCount: number | undefined;
  readonly artists: readonly { readonly name: string; readonly role: string | undefined }[];
  readonly creator: string | undefined;
  readonly album: string | undefined;
  readonly genre: string | undefined;
  readonly date: string | undefined;
  readonly track: number | undefined;
  /** Address of a picture, as written; the first of several. */
  readonly art?: string | undefined;
  readonly resources: readonly DidlResource[];
}

export interface DidlResult {
  /** In document order; undefined where an object stands that can't be understood, so that positions stay right. */
  readonly entries: readonly (DidlObject | undefined)[];
  /** What was repaired or dropped, in words for a log. */
  readonly losses: readonly string[];
}

export interface DidlLimits extends XmlLimits {
  /** Objects of one document; further ones are dropped. */
  readonly objects: number;
}

const NAMESPACES =
  'xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/" ' +
  'xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/"';

/** Objects of a DIDL-Lite document: strictly, else repaired, else object by object. Never throws. */
export function parseDidl(text: string, limits: DidlLimits): DidlResult {
  // COMPAT: escaped once too often; recognisable because a document without any tag says nothing.
  const source = !text.includes('<') && text.includes('&lt;') ? unescapeOnce(text) : text;
  if (source.trim() === '') return { entries: [], losses: [] };
  const { root, losses } = parseLenientXml(source, limits);
  if (root) return collect(objectElements(root).slice(0, limits.objects), losses);
  if (losses[0] !== 'malformed') return { entries: [], losses };
  return salvage(source, limits);
}

/** Also one object alone as the root, without the DIDL-Lite around it. */
function objectElements(root: XmlElement): XmlElement[] {
  return isObject(root) ? [root] : elements(root).filter(isObject);
}

function isObject({ name }: XmlElement): boolean {
  return name === 'item' || name === 'container';
}

function collect(found: readonly (XmlElement | undefined)[], before: readonly string[]): DidlResult {
  const losses = [...before];
  const entries = found.map((element, index) => {
    const object = element && readObject(element);
    if (!object) losses.push(`object ${index} dropped`);
    return object;
  });
  return { entries, losses };
}

const OBJECT_TAG = /<(\/?)(?:[A-Za-z_][\w.-]{0,63}:)?(item|container)(?=[\s/>])/g;

/** The document is broken beyond repair: what lies between an object's tags may still be whole. */
function salvage(text: string, limits: DidlLimits): DidlResult {
  const tags = firstTags(text, 2 * limits.objects);
  const fragments: string[] = [];
  for (const [index, tag] of tags.entries()) {
    if (tag[1] === '/') continue;
    const next = tags[index + 1];
    const closed = next?.[1] === '/' ? text.indexOf('>', next.index) + 1 : 0;
    fragments.push(text.slice(tag.index, closed > 0 ? closed : (next?.index ?? text.length)));
  }
  const found = fragments.slice(0, limits.objects).map((fragment) => {
    const { root } = parseLenientXml(`<DIDL-Lite ${NAMESPACES}>${fragment}</DIDL-Lite>`, limits);
    return root && objectElements(root)[0];
  });
  return collect(found, ['salvaged']);
}

function firstTags(text: string, count: number): RegExpExecArray[] {
  const tags: RegExpExecArray[] = [];
  for (const tag of text.matchAll(OBJECT_TAG)) {
    if (tags.length === count) break;
    tags.push(tag);
  }
  return tags;
}

function unescapeOnce(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}

function readObject(element: XmlElement): DidlObject | undefined {
  const id = element.attrs.id;
  if (id === undefined || id === '') return undefined;
  const upnpClass = textAt(element, 'class')?.replace(/^object\.?/i, '') || undefined;
  return {
    kind: kindOf(element.name, upnpClass),
    id,
    parentId: element.attrs.parentID ?? element.attrs.parentId,
    title: textAt(element, 'title'),
    class: upnpClass,
    childCount: wholeNumber(element.attrs.childCount),
    artists: childrenNamed(element, 'artist').flatMap((artist) => {
      const name = textOf(artist).trim();
      return name === '' ? [] : [{ name, role: artist.attrs.role ?? artist.attrs[`{${artist.ns}}role`] }];
    }),
    creator: textAt(element, 'creator'),
    album: textAt(element, 'album'),
    genre: textAt(element, 'genre'),
    date: textAt(element, 'date'),
    track: wholeNumber(textAt(element, 'originalTrackNumber')) || undefined,
    art: textAt(element, 'albumArtURI'),
    resources: childrenNamed(element, 'res').map(readResource),
  };
}

/** The class knows better than the tag: servers do write `<item>` around a container. */
function kindOf(tag: string, upnpClass: string | undefined): 'item' | 'container' {
  if (upnpClass && /^container\b/i.test(upnpClass)) return 'container';
  if (upnpClass && /^item\b/i.test(upnpClass)) return 'item';
  return tag === 'container' ? 'container' : 'item';
}

function readResource(element: XmlElement): DidlResource {
  const { attrs } = element;
  const resolution = /^\s*(\d{1,5})\s*[xX]\s*(\d{1,5})\s*$/.exec(attrs.resolution ?? '');
  return {
    uri: textOf(element).trim(),
    protocolInfo: parseProtocolInfo(attrs.protocolInfo),
    size: wholeNumber(attrs.size),
    duration: parseDuration(attrs.duration),
    byterate: wholeNumber(attrs.bitrate) || undefined,
    sampleRate: wholeNumber(attrs.sampleFrequency) || undefined,
    channels: wholeNumber(attrs.nrAudioChannels) || undefined,
    width: Number(resolution?.[1] ?? 0) || undefined,
    height: Number(resolution?.[2] ?? 0) || undefined,
  };
}

function textAt(element: XmlElement, name: string): string | undefined {
  return childText(element, name)?.trim() || undefined;
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d{1,16}\s*$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
