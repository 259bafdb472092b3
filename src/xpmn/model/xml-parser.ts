import { StringDecoder } from 'node:string_decoder';
import { SaxesParser } from 'saxes';
import type { SaxesTagNS } from 'saxes';
import { XpmnError } from '../kernel/errors.ts';
import type { XmlElement, XmlNode } from './xml.ts';

export interface XmlLimits {
  /** Open elements, the root included. */
  readonly depth: number;
  /** Bytes of one top-level element (a stanza, or a whole document). */
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

/**
 * Incremental, hardened XML: bytes in, elements out, split anywhere. DOCTYPE, comments, processing instructions and
 * CDATA-free entity tricks end in `xml-restricted` (RFC 6120 §11.1), sizes in `too-large`, ill-formed text in
 * `malformed`. After an error the parser is dead: further writes throw the same error. In stream mode text
 * directly under the root is ignored (white-space keep-alives), but not unbounded in size.
 */
export class XmlParser {
  private readonly limits: XmlLimits;
  private readonly stream: boolean;
  private readonly events: XmlEvents;
  private readonly decoder = new StringDecoder('utf8');
  private readonly sax = new SaxesParser({ xmlns: true, position: false });
  private readonly open: Open[] = [];
  private bytes = 0;
  private nodes = 0;
  private text = '';
  private failure: XpmnError | undefined;

  constructor(mode: 'stream' | 'document', limits: XmlLimits, events: XmlEvents) {
    this.stream = mode === 'stream';
    this.limits = limits;
    this.events = events;
    const refuse = (what: string) => (): never => this.fail('xml-restricted', `${what} is not allowed here.`);
    this.sax.on('error', (error) => this.fail('malformed', `The XML is not well-formed: ${error.message}`));
    this.sax.on('doctype', refuse('A document type'));
    this.sax.on('comment', refuse('A comment'));
    this.sax.on('processinginstruction', refuse('A processing instruction'));
    this.sax.on('opentag', (tag) => this.opened(tag));
    this.sax.on('closetag', () => this.closed());
    this.sax.on('text', (text) => this.addText(text));
    this.sax.on('cdata', (text) => this.addText(text));
  }

  /** @throws XpmnError `malformed`, `xml-restricted`, `too-large`, or whatever an event handler threw */
  write(chunk: Uint8Array | string): void {
    if (this.failure) throw this.failure;
    const text = typeof chunk === 'string' ? chunk : this.decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    // One stanza's size is known only at its end: what arrives is counted before it is parsed, so nothing grows unseen.
    this.bytes += chunk.length;
    try {
      if (this.bytes > this.limits.bytes && !this.stream) this.tooLarge();
      // A doctype or an entity can be long before saxes reports it: small steps keep the count honest.
      for (let at = 0; at < text.length; at += 65536) {
        this.sax.write(text.slice(at, at + 65536));
        if (this.pending() > this.limits.bytes) this.tooLarge();
      }
    } catch (error) {
      this.failure ??= error instanceof XpmnError ? error : new XpmnError('malformed', 'The XML is not well-formed.', { cause: error });
      throw this.failure;
    }
  }

  /** Ends a document: what is still open is an error. */
  end(): void {
    if (this.failure) throw this.failure;
    try {
      this.sax.close();
    } catch (error) {
      this.failure ??= error instanceof XpmnError ? error : new XpmnError('malformed', 'The XML ends too early.', { cause: error });
      throw this.failure;
    }
  }

  /** Bytes received since the last complete top-level element. */
  private pending(): number {
    return this.bytes;
  }

  private opened(tag: SaxesTagNS): void {
    this.flushText();
    if (this.open.length >= this.limits.depth) this.fail('too-large', `The XML is nested deeper than ${this.limits.depth} levels.`);
    const attrs: Record<string, string> = {};
    for (const attr of Object.values(tag.attributes)) {
      this.count();
      if (attr.prefix === 'xmlns' || attr.name === 'xmlns') continue;
      if (attr.prefix === 'xml') attrs[attr.name] = attr.value;
      else if (attr.prefix === '') attrs[attr.local] = attr.value;
      else attrs[`{${attr.uri}}${attr.local}`] = attr.value;
    }
    this.count();
    const element: Open = { name: tag.local, ns: tag.uri, attrs, children: [] };
    const isRoot = this.open.length === 0;
    this.open.push(element);
    if (isRoot && this.stream) {
      this.events.onRoot?.({ ...element, children: [] });
      this.fresh();
    }
  }

  private closed(): void {
    this.flushText();
    const element = this.open.pop() as Open;
    const parent = this.open.at(-1);
    if (!parent) {
      if (this.stream) this.events.onEnd?.();
      else this.events.onElement(element);
      return;
    }
    if (this.stream && this.open.length === 1) {
      this.fresh();
      this.events.onElement(element);
      return;
    }
    parent.children.push(element);
  }

  private addText(text: string): void {
    if (this.open.length === 0) return;
    if (this.stream && this.open.length === 1) {
      this.fresh();
      return;
    }
    this.text += text;
  }

  private flushText(): void {
    if (this.text === '') return;
    this.count();
    this.open.at(-1)?.children.push(this.text);
    this.text = '';
  }

  /** A top-level element is complete: the next one starts with fresh budgets. */
  private fresh(): void {
    this.bytes = 0;
    this.nodes = 0;
  }

  private count(): void {
    this.nodes += 1;
    if (this.nodes > this.limits.nodes) this.fail('too-large', `The XML has more than ${this.limits.nodes} nodes.`);
  }

  private tooLarge(): never {
    return this.fail('too-large', `The XML is larger than ${this.limits.bytes} bytes.`);
  }

  private fail(code: 'malformed' | 'xml-restricted' | 'too-large', message: string): never {
    this.failure ??= new XpmnError(code, message);
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
