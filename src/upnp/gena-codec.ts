import { parseLenientXml } from '../mapping/lenient-xml.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import { childrenNamed, elements, textOf } from '../xpmn/model/xml.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';
import type { HttpResponse } from './requester.ts';
import { valueOf, xmlOf, xmlTextOf } from './xml-body.ts';

/**
 * GENA messages ⇄ data.
 * @spec UPnP-DeviceArchitecture v2.0 §4.1, §4.3
 */

type Headers = Readonly<Record<string, string>>;

/** Headers of the first SUBSCRIBE; `timeout` in whole seconds. */
export function subscribeHeaders(callback: string, timeout: number): Headers {
  return { CALLBACK: `<${callback}>`, NT: 'upnp:event', TIMEOUT: formatTimeout(timeout) };
}

export function renewHeaders(sid: string, timeout: number): Headers {
  return { SID: sid, TIMEOUT: formatTimeout(timeout) };
}

/** COMPAT: anything but plain digits, also a fraction, is refused by some devices. */
function formatTimeout(seconds: number): string {
  return `Second-${Math.floor(seconds)}`;
}

/** What a device answered to SUBSCRIBE. */
export interface Grant {
  /** Undefined where it gives none, as some do at renewal. */
  readonly sid: string | undefined;
  /** Seconds; undefined where nothing sensible is said. */
  readonly timeout: number | undefined;
}

export function readGrant(headers: Headers): Grant {
  return { sid: readSid(headers), timeout: parseTimeout(headers.timeout) };
}

/** Longer ones are nobody's: each is kept, and sent back. */
const SID_LENGTH = 256;

function readSid(headers: Headers): string | undefined {
  const sid = headers.sid?.trim() ?? '';
  return sid === '' || sid.length > SID_LENGTH ? undefined : sid;
}

function parseTimeout(text: string | undefined): number | undefined {
  if (/^\s*(?:second\s*-\s*)?infinite\s*$/i.test(text ?? '')) return Infinity;
  const match = /^\s*(?:second\s*-\s*)?(\d{1,12})(?:\.\d{0,12})?\s*$/i.exec(text ?? '');
  return match ? Number(match[1]) : undefined;
}

export interface NotifyHead {
  readonly sid: string | undefined;
  /** Undefined where the device does not count. */
  readonly seq: number | undefined;
}

export const MAX_SEQ = 2 ** 32 - 1;

export function readNotifyHead(headers: Headers): NotifyHead {
  const match = /^\s*(\d{1,10})\s*$/.exec(headers.seq ?? '');
  return { sid: readSid(headers), seq: match && Number(match[1]) <= MAX_SEQ ? Number(match[1]) : undefined };
}

export interface PropertySet {
  readonly properties: ReadonlyMap<string, string>;
  /** Nothing of what was sent is missing. */
  readonly complete: boolean;
}

/** Elements count by their local names. Of what no parser reads, the properties that are whole; undefined if there is none. Never throws. */
export function readPropertySet(message: Pick<HttpResponse, 'body' | 'headers'>, limits: XmlLimits): PropertySet | undefined {
  const { root, losses } = xmlOf(message, limits);
  if (!root) return losses.includes('malformed') ? salvage(xmlTextOf(message), limits) : undefined;
  const sections = root.name === 'propertyset' ? childrenNamed(root, 'property') : root.name === 'property' ? [root] : undefined;
  return sections && { properties: propertiesOf(sections), complete: true };
}

function propertiesOf(sections: readonly XmlElement[]): ReadonlyMap<string, string> {
  return new Map(sections.flatMap((section) => elements(section).map((property) => [property.name, valueOf(property)] as const)));
}

const WHOLE_PROPERTY = /<(?:[\w.-]+:)?property\s*>\s*<((?:[\w.-]+:)?([\w.-]+))(?:\s[^<>]*)?>([^<]*)<\/\1\s*>/g;

function salvage(text: string, limits: XmlLimits): PropertySet | undefined {
  const properties = new Map<string, string>();
  for (const [, , name, value] of text.matchAll(WHOLE_PROPERTY)) {
    const { root } = parseLenientXml(`<value>${value as string}</value>`, limits);
    if (root) properties.set(name as string, textOf(root));
  }
  return properties.size === 0 ? undefined : { properties, complete: false };
}
