import type { Duplex } from 'node:stream';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import { XmlParser } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import { elements, escapeAttr, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { NS_CLIENT, NS_STREAM, isStanza, stanzaText } from './stanza.ts';
import { StreamWriter } from './stream-writer.ts';

export interface StreamHeader {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly id?: string | undefined;
}

export interface XmlStreamOptions {
  readonly limits: XmlLimits;
  /** Bytes that may wait for the stream below; more is refused with `resource-limit`. */
  readonly queueBytes: number;
}

export interface XmlStreamEvents {
  /** The peer's header, once, first. */
  onHeader(header: StreamHeader): void;
  onFeatures?(features: XmlElement): void;
  /** A stanza, in order. Nothing more is read until the promise resolves. A failure ends the stream. */
  onStanza(stanza: XmlElement): Promise<void> | void;
  /** The peer says no more. */
  onFooter(): void;
  /** Something arrived: the peer is alive. */
  onBytes?(): void;
}

const NS_STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';
export const STREAM_FOOTER = '</stream:stream>';

/** What a failure of ours is called in a stream error; anything else is `undefined-condition`. */
export const STREAM_ERRORS: ReadonlyMap<ErrorCode, string> = new Map([
  ['malformed', 'not-well-formed'], ['xml-restricted', 'restricted-xml'], ['too-large', 'policy-violation'],
  ['protocol-violation', 'unsupported-stanza-type'], ['timeout', 'connection-timeout'], ['internal', 'internal-server-error'],
]);

/**
 * An XML stream over bytes: headers, features, stanzas, footer. It takes no decision: who is at the other end, and what
 * a stanza does, is known above.
 *
 * @spec RFC 6120 §4
 */
export class XmlStream {
  private readonly stream: Duplex;
  private readonly events: XmlStreamEvents;
  private readonly options: XmlStreamOptions;
  private readonly writer: StreamWriter;
  private arrived: (() => Promise<void> | void)[] = [];
  private footerSeen = false;
  private footerSent = false;
  private stopped = false;

  constructor(stream: Duplex, events: XmlStreamEvents, options: XmlStreamOptions) {
    this.stream = stream;
    this.events = events;
    this.options = options;
    this.writer = new StreamWriter(stream, options);
  }

  /** The peer has ended its direction in order. */
  get peerEnded(): boolean {
    return this.footerSeen;
  }

  /** Our header; the initiator's goes first. */
  async open(header: StreamHeader): Promise<void> {
    await this.writer.write(streamHeader(header));
  }

  /** @throws XpmnError `connection-lost`, also after our footer; `resource-limit` */
  async send(element: XmlElement): Promise<void> {
    if (this.footerSent || this.stopped) throw new XpmnError('connection-lost', 'The stream has ended.');
    await this.writer.write(stanzaText(element));
  }

  /** Resolves when there is room for answers. */
  async room(): Promise<void> {
    await this.writer.room();
  }

  /** Our footer, after all that was sent. Once. */
  async close(): Promise<void> {
    if (this.footerSent || this.stopped) return;
    this.footerSent = true;
    await this.writer.write(STREAM_FOOTER);
  }

  /**
   * Reads until the peer's end. Resolves after an end in order: footer, then the end of the bytes.
   * @throws XpmnError `malformed`, `xml-restricted`, `too-large`, `protocol-violation`; `connection-lost` for every other end
   */
  async run(): Promise<void> {
    const parser = this.parser();
    try {
      for await (const chunk of this.stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) await this.take(parser, chunk);
    } catch (error) {
      if (this.footerSeen) return;
      throw error instanceof XpmnError && error.code !== 'truncated' ? error : new XpmnError('connection-lost', 'The stream broke.', { cause: error });
    }
    if (!this.footerSeen) throw new XpmnError('connection-lost', 'The stream ended without a footer.');
  }

  /** Says what is wrong, if there is a way to, and sends nothing after it. The bytes below are the caller's to end. */
  fail(error: XpmnError): void {
    if (!this.footerSent && !this.stopped && this.stream.writable) {
      const condition = STREAM_ERRORS.get(error.code) ?? 'undefined-condition';
      const said = error.code === 'connection-lost' ? '' : streamError(condition);
      this.stream.write(said + STREAM_FOOTER);
    }
    this.stop(error);
  }

  /** Nothing is delivered or sent from here on. Idempotent. */
  stop(error: XpmnError): void {
    this.stopped = true;
    this.arrived = [];
    this.writer.fail(error);
  }

  private parser(): XmlParser {
    return new XmlParser('stream', this.options.limits, {
      onRoot: (root) => void this.arrived.push(() => this.header(root)),
      onElement: (element) => void this.arrived.push(() => this.element(element)),
      onEnd: () => void this.arrived.push(() => this.footer()),
    });
  }

  /** What a chunk completes is bounded by the chunk; it is delivered before the next one is read, an error in it last. */
  private async take(parser: XmlParser, chunk: Buffer): Promise<void> {
    if (this.footerSeen || this.stopped) return;
    this.events.onBytes?.();
    let failure: XpmnError | undefined;
    try {
      parser.write(chunk);
    } catch (error) {
      failure = asXpmnError(error);
    }
    const { arrived } = this;
    this.arrived = [];
    for (const deliver of arrived) {
      if (this.stopped) return;
      await deliver();
    }
    if (failure && !this.footerSeen) throw failure;
  }

  private header(root: XmlElement): void {
    this.events.onHeader(readHeader(root));
  }

  private async element(element: XmlElement): Promise<void> {
    if (isStanza(element)) return this.events.onStanza(element);
    if (element.ns === NS_STREAM && element.name === 'features') return this.events.onFeatures?.(element);
    if (element.ns === NS_STREAM && element.name === 'error') throw peerError(element);
    throw new XpmnError('protocol-violation', 'That is no stanza.');
  }

  private footer(): void {
    this.footerSeen = true;
    this.events.onFooter();
  }
}

/** What a stream says of itself. @throws XpmnError `protocol-violation` for what is no stream, or of no version that we know */
export function readHeader({ name, ns, attrs }: XmlElement): StreamHeader {
  if (name !== 'stream' || ns !== NS_STREAM) throw new XpmnError('protocol-violation', 'That is no XML stream.');
  const { from, to, id, version } = attrs;
  if (version !== undefined && !/^[1-9]\d{0,3}\.\d{1,4}$/.test(version)) throw new XpmnError('protocol-violation', 'The version of the stream is not supported.');
  return { from, to, id };
}

/** The text that a stream begins with. */
export function streamHeader({ from, to, id }: StreamHeader): string {
  const attrs = { from, to, id, version: '1.0', 'xml:lang': 'en' };
  const written = Object.entries(attrs).map(([name, value]) => (value === undefined ? '' : ` ${name}='${escapeAttr(value)}'`)).join('');
  return `<?xml version='1.0'?><stream:stream xmlns='${NS_CLIENT}' xmlns:stream='${NS_STREAM}'${written}>`;
}

/** `<stream:features/>` with what is given. */
export function streamFeatures(...features: XmlElement[]): XmlElement {
  return xml('features', NS_STREAM, {}, features);
}

/** The text of a stream error. */
export function streamError(condition: string): string {
  return `<stream:error><${condition} xmlns='${NS_STREAM_ERRORS}'/></stream:error>`;
}

/** Which one a `<stream:error/>` of the peer's is; only letters and hyphens. */
export function streamErrorCondition(element: XmlElement): string {
  const condition = elements(element).find(({ ns, name }) => ns === NS_STREAM_ERRORS && name !== 'text')?.name ?? 'undefined-condition';
  return condition.replace(/[^a-z-]/g, '').slice(0, 40);
}

function peerError(element: XmlElement): XpmnError {
  return new XpmnError('connection-lost', `The peer ended the stream: ${streamErrorCondition(element)}.`);
}
