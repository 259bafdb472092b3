import { parseXml } from '../xpmn/model/xml-parser.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';

/** Either a root, or the reason why there is none; `losses` says what had to be repaired on the way. */
export interface LenientXml {
  readonly root: XmlElement | undefined;
  readonly losses: readonly string[];
}

/** Prefixes that devices use without declaring them. */
const WELL_KNOWN: Readonly<Record<string, string>> = {
  dc: 'http://purl.org/dc/elements/1.1/',
  upnp: 'urn:schemas-upnp-org:metadata-1-0/upnp/',
  dlna: 'urn:schemas-dlna-org:metadata-1-0/',
  s: 'http://schemas.xmlsoap.org/soap/envelope/',
};

/**
 * XML as devices write it: strictly first, then with what is usually wrong put right (bare `&` and `<`, characters that
 * XML forbids, prefixes nobody declared). Comments and processing instructions are dropped; a DOCTYPE and what exceeds
 * `limits` are refused. Never throws.
 */
export function parseLenientXml(text: string, limits: XmlLimits): LenientXml {
  if (text.length > limits.bytes) return { root: undefined, losses: ['too-large'] };
  const plain = withoutAsides(text.slice(Math.max(0, text.indexOf('<')), text.lastIndexOf('>') + 1));
  const strict = attempt(plain, limits);
  if (strict.root || strict.code !== 'malformed') return { root: strict.root, losses: strict.root ? [] : [strict.code] };
  const repaired = attempt(repair(plain), limits);
  return { root: repaired.root, losses: repaired.root ? ['repaired'] : [repaired.code] };
}

function attempt(text: string, limits: XmlLimits): { root: XmlElement | undefined; code: string } {
  try {
    return { root: parseXml(text, limits), code: '' };
  } catch (error) {
    return { root: undefined, code: (error as { code?: string }).code ?? 'malformed' };
  }
}

/** Without comments and processing instructions (the XML declaration too: the text is decoded already). */
function withoutAsides(text: string): string {
  return without(without(text, '<!--', '-->'), '<?', '?>');
}

function without(text: string, open: string, close: string): string {
  let out = '';
  let at = 0;
  for (;;) {
    const start = text.indexOf(open, at);
    const end = start < 0 ? -1 : text.indexOf(close, start + open.length);
    if (end < 0) return at === 0 ? text : out + text.slice(at);
    out += text.slice(at, start);
    at = end + close.length;
  }
}

const NOT_A_REFERENCE = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[\da-fA-F]{1,6});)/g;
const NUMERIC_REFERENCE = /&#(?:x([\da-fA-F]{1,6})|(\d{1,7}));/g;
const NOT_A_TAG = /<(?![A-Za-z_/!?])/g;
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Puts right what is usually wrong; what is inside CDATA stays as it is. */
function repair(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const start = text.indexOf('<![CDATA[', at);
    const end = start < 0 ? -1 : text.indexOf(']]>', start);
    const stop = end < 0 ? text.length : start;
    out += repairMarkup(text.slice(at, stop)) + (end < 0 ? '' : text.slice(start, end + 3).replace(FORBIDDEN, ''));
    at = end < 0 ? text.length : end + 3;
  }
  return declarePrefixes(out);
}

function repairMarkup(text: string): string {
  return text
    .replace(FORBIDDEN, '')
    .replace(NOT_A_REFERENCE, '&amp;')
    .replace(NOT_A_TAG, '&lt;')
    .replace(NUMERIC_REFERENCE, (reference, hex: string | undefined, decimal: string | undefined) =>
      isXmlCharacter(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)) ? reference : '');
}

function isXmlCharacter(code: number): boolean {
  if (code < 0x20) return code === 9 || code === 10 || code === 13;
  return code < 0xd800 || (code > 0xdfff && code <= 0x10ffff && code !== 0xfffe && code !== 0xffff);
}

const MAX_PREFIXES = 32;

/** Declares, on the root, the prefixes that are used but declared nowhere. */
function declarePrefixes(text: string): string {
  const used = new Set<string>();
  for (const [, prefix] of text.matchAll(/[<\s/]([A-Za-z_][\w.-]{0,63}):[A-Za-z_]/g)) used.add(prefix as string);
  // No device needs more; a search of the text for each of thousands would be long.
  if (used.size > MAX_PREFIXES) return text;
  let declarations = '';
  for (const prefix of used) {
    if (prefix === 'xmlns' || prefix === 'xml' || text.includes(`xmlns:${prefix}=`)) continue;
    declarations += ` xmlns:${prefix}="${WELL_KNOWN[prefix] ?? `urn:undeclared:${prefix}`}"`;
  }
  return declarations === '' ? text : text.replace(/<[A-Za-z_][^\s/>]*/, (tag) => tag + declarations);
}
