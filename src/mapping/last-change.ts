import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import { child, childrenNamed, elements, textOf } from '../xpmn/model/xml.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';
import { parseLenientXml } from './lenient-xml.ts';

/**
 * What an AVTransport or a RenderingControl says has changed, all at once.
 * @spec UPnP-AVTransport v1 §2.3.1 (LastChange)
 */
export interface LastChange {
  /** State variables of instance 0 by name; of several channels `Master`, else the first. */
  readonly values: ReadonlyMap<string, string>;
  /** What was repaired or dropped, in words for a log. */
  readonly losses: readonly string[];
}

/** One variable as found, before it is decided which of its channels counts. */
interface Variable {
  readonly name: string;
  readonly value: string;
  readonly channel: string | undefined;
}

/** Strictly, else repaired, else variable by variable. Elements count by their local names: prefixes are unbound too often. Never throws. */
export function parseLastChange(text: string, limits: XmlLimits): LastChange {
  // COMPAT: escaped once too often; recognisable because a document without any tag says nothing.
  const source = !text.includes('<') && text.includes('&lt;') ? unescapeOnce(text) : text;
  if (source.trim() === '') return { values: new Map(), losses: [] };
  const { root, losses } = parseLenientXml(source, limits);
  if (root) return { values: chosen(variablesOf(root)), losses };
  if (losses[0] !== 'malformed') return { values: new Map(), losses };
  return { values: chosen(salvage(source)), losses: ['salvaged'] };
}

function variablesOf(root: XmlElement): Variable[] {
  const instances = root.name === 'InstanceID' ? [root] : childrenNamed(root, 'InstanceID');
  // COMPAT: variables without an instance around them belong to the only one there is.
  const holder = instances.length === 0 ? (child(root, 'Event') ?? root) : instances.find(({ attrs }) => isFirst(valueOf(attrs)));
  return holder ? elements(holder).flatMap((element) => readVariable(element) ?? []) : [];
}

function readVariable(element: XmlElement): Variable | undefined {
  const value = valueOf(element.attrs) ?? (element.children.length > 0 ? textOf(element) : undefined);
  return value === undefined ? undefined : { name: element.name, value, channel: attribute(element.attrs, 'channel') };
}

function isFirst(instance: string | undefined): boolean {
  return instance === undefined || Number(instance) === 0;
}

function valueOf(attrs: Readonly<Record<string, string>>): string | undefined {
  return attribute(attrs, 'val');
}

/** Also with a prefix, and in another case. */
function attribute(attrs: Readonly<Record<string, string>>, name: string): string | undefined {
  return attrs[name] ?? Object.entries(attrs).find(([key]) => key.replace(/^\{[^}]*\}/, '').toLowerCase() === name)?.[1];
}

function chosen(variables: readonly Variable[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, value, channel } of variables) {
    if (!values.has(name) || channel?.toLowerCase() === 'master') values.set(name, value);
  }
  return values;
}

const TAG = /<(?:[A-Za-z_][\w.-]{0,63}:)?([A-Za-z_][\w.-]{0,63})((?:\s+[\w:.-]{1,64}\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*\/?>/g;
const ATTRIBUTE = /([\w:.-]{1,64})\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** The document is broken beyond repair: its single tags may still be whole. */
function salvage(text: string): Variable[] {
  const found: Variable[] = [];
  let counts = true;
  for (const [, name = '', attributes = ''] of text.matchAll(TAG)) {
    const attrs: Record<string, string> = {};
    for (const [, key = '', double, single] of attributes.matchAll(ATTRIBUTE)) attrs[key.replace(/^.*:/, '')] = unescapeOnce(double ?? single ?? '');
    const value = valueOf(attrs);
    if (name === 'InstanceID') counts = isFirst(value);
    else if (counts && value !== undefined) found.push({ name, value, channel: attribute(attrs, 'channel') });
  }
  return found;
}

function unescapeOnce(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
