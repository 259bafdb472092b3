import { SaxesParser } from 'saxes';
import type { SaxesTagNS } from 'saxes';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { isXmlName } from './xml.ts';
import type { XmlElement, XmlNode } from './xml.ts';

export interface XmlLimits {
  /** Open elements, the root included. */
  readonly depth: number;
  /** Bytes of one top-level element (a stanza, or a whole document), counted in steps of 4 KiB. */
  readonly bytes: number;
  /** Elements, texts and attributes of one top-level element. */
  readonly nodes: number;
}

export interface XmlEvents {
  /** Stream mode: the root's start tag, without children. */
  onRoot?(root: XmlElement): void;
  /** A complete child of the root (stream mode), or the root itself (document mode). */
  onElement(element: XmlElement): void;
  /** The root's end tag. */
  onEnd?(): void;
}

interface Open {
  name: string;
  ns: string;
  attrs: Record<string, string>;
  children: XmlNode[];
}

const STEP = 4096;
const XML_NS = 'http://www.w3.org/XML/1998/namespace';

/**
 * Incremental, hardened XML: bytes in, elements out, split anywhere. Only UTF-8 and XML 1.0. DOCTYPE, comments and
 * processing instructions end in `xml-restricted` (RFC 6120 §11.1), sizes in `too-large`, ill-formed text in `malformed`.
 * After an error the parser is dead: further writes throw the same error. In stream mode white space directly under the
 * root (keep-alives) is skipped and never adds up; other text there is `malformed`.
 *
 * Attributes with a prefix are named `{namespace}local`, but for `xml:…`, which keeps its prefix.
 *
 * @spec RFC 6120 §11
 */
export class XmlParser {
  private readonly limits: XmlLimits;
  private readonly stream: boolean;
  private readonly events: XmlEvents;
  // SECURITY: fatal: bytes that are no UTF-8 are an error, not a replacement character that others read differently.
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private readonly sax = new SaxesParser({ xmlns: true, position: false });
  private readonly open: Open[] = [];
  private bytes = 0;
  private nodes = 0;
  private text = '';
  /** Characters given to the SAX parser. */
  private written = 0;
  /** Stream mode: at which of these the last stanza, or the root's start tag, ended; undefined when more has begun. */
  private restsAt: number | undefined;
  private failure: XpmnError | undefined;

  constructor(mode: 'stream' | 'document', limits: XmlLimits, events: XmlEvents) {
    this.stream = mode === 'stream';
    this.limits = limits;
    this.events = events;
    const refuse = (what: string) => (): never => this.fail('xml-restricted', `${what} is not allowed here.`);
    this.sax.on('error', (error) => this.fail('malformed', `The XML is not well-formed: ${error.message}`));
    this.sax.on('xmldecl', ({ version, encoding }) => this.declared(version, encoding));
    this.sax.on('doctype', refuse('A document type'));
    this.sax.on('comment', refuse('A comment'));
    this.sax.on('processinginstruction', refuse('A processing instruction'));
    this.sax.on('attribute', () => this.count());
    this.sax.on('opentag', (tag) => this.opened(tag));
    this.sax.on('closetag', () => this.closed());
    this.sax.on('text', (text) => this.addText(text));
    this.sax.on('cdata', (text) => this.addText(text));
  }

  /** @throws XpmnError `malformed`, `xml-restricted`, `too-large`, or whatever an event handler threw */
  write(chunk: Uint8Array | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.guarded(() => {
      // Nothing is reported before it is complete: small steps see a name, a text or an attribute grow too long.
      for (let at = 0; at < bytes.length; at += STEP) this.step(bytes.subarray(at, at + STEP));
    });
  }

  /** Ends a document: what is still open is an error. */
  end(): void {
    this.guarded(() => {
      this.decode();
      this.sax.close();
    });
  }

  private step(bytes: Uint8Array): void {
    let text = this.decode(bytes);
    if (this.restsAt !== undefined) {
      text = text.replace(/^[ \t\r\n]+/, '');
      if (text === '') return;
      this.restsAt = undefined;
    }
    this.bytes += bytes.length;
    this.written += text.length;
    this.sax.write(text);
    if (this.bytes > this.limits.bytes) this.fail('too-large', `The XML is larger than ${this.limits.bytes} bytes.`);
    if (this.restsAt !== undefined && /[^ \t\r\n]/.test(text.slice(text.length - (this.written - this.restsAt)))) this.restsAt = undefined;
  }

  /** The text of the bytes; without any, an error if a character is incomplete. */
  private decode(bytes?: Uint8Array): string {
    try {
      return bytes ? this.decoder.decode(bytes, { stream: true }) : this.decoder.decode();
    } catch {
      return this.fail('malformed', 'The XML is not UTF-8.');
    }
  }

  private guarded(work: () => void): void {
    if (this.failure) throw this.failure;
    try {
      work();
    } catch (error) {
      this.failure ??= asXpmnError(error);
      throw this.failure;
    }
  }

  private declared(version: string | undefined, encoding: string | undefined): void {
    if (version !== '1.0') this.fail('malformed', 'Only XML 1.0 is understood.');
    if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) this.fail('malformed', 'Only UTF-8 is understood.');
  }

  private opened(tag: SaxesTagNS): void {
    this.flushText();
    if (this.open.length >= this.limits.depth) this.fail('too-large', `The XML is nested deeper than ${this.limits.depth} levels.`);
    // A prefixed name may have a local part that is no name by itself: nobody could write it again.
    const names = [tag.local, ...Object.values(tag.attributes).map(({ local }) => local)];
    if (names.some((name) => name !== '' && !isXmlName(name))) this.fail('malformed', 'The XML has a name that is none.');
    if (tag.uri === XML_NS) this.fail('malformed', 'No element is in the namespace of XML itself.');
    this.count();
    const attrs: Record<string, string> = {};
    for (const attr of Object.values(tag.attributes)) {
      if (attr.prefix === 'xmlns' || attr.name === 'xmlns') continue;
      if (attr.prefix === '') attrs[attr.local] = attr.value;
      else attrs[attr.uri === XML_NS ? `xml:${attr.local}` : `{${attr.uri}}${attr.local}`] = attr.value;
    }
    const element: Open = { name: tag.local, ns: tag.uri, attrs, children: [] };
    this.open.push(element);
    if (this.stream && this.open.length === 1) {
      this.fresh();
      this.events.onRoot?.({ ...element, children: [] });
    }
  }

  private closed(): void {
    this.flushText();
    const element = this.open.pop() as Open;
    const parent = this.open.at(-1);
    if (!parent) {
      if (this.stream) this.events.onEnd?.();
      else this.events.onElement(element);
    } else if (this.stream && this.open.length === 1) {
      this.fresh();
      this.events.onElement(element);
    } else {
      parent.children.push(element);
    }
  }

  private addText(text: string): void {
    if (this.stream && this.open.length === 1) {
      if (/[^ \t\r\n]/.test(text)) this.fail('malformed', 'There is text between the stanzas.');
    } else if (this.open.length > 0) {
      this.text += text;
    }
  }

  private flushText(): void {
    if (this.text === '') return;
    this.count();
    this.open.at(-1)?.children.push(this.text);
    this.text = '';
  }

  /** A stanza is complete: the next one starts with fresh budgets. */
  private fresh(): void {
    this.bytes = 0;
    this.nodes = 0;
    this.restsAt = this.sax.position;
  }

  private count(): void {
    this.nodes += 1;
    if (this.nodes > this.limits.nodes) this.fail('too-large', `The XML has more than ${this.limits.nodes} nodes.`);
  }

  private fail(code: 'malformed' | 'xml-restricted' | 'too-large', message: string): never {
    this.failure ??= new XpmnError(code, message.slice(0, 200));
    throw this.failure;
  }
}

/** Parses one whole document. @throws XpmnError as XmlParser */
export function parseXml(text: string | Uint8Array, limits: XmlLimits): XmlElement {
  let root: XmlElement | undefined;
  const parser = new XmlParser('document', limits, { onElement: (element) => (root = element) });
  parser.write(text);
  parser.end();
  if (!root) throw new XpmnError('malformed', 'The XML has no root element.');
  return root;
}
