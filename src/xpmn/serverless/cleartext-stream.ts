import type { Duplex } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import { lostWithin, readSome } from '../kernel/read-some.ts';
import { XmlParser } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { NS_CLIENT } from '../xmpp/stanza.ts';
import { STREAM_ERRORS, STREAM_FOOTER, streamError, streamHeader } from '../xmpp/xml-stream.ts';
import type { StreamHeader } from '../xmpp/xml-stream.ts';

export interface CleartextOptions {
  /** Of one element of the peer's; its header is one. */
  readonly xml: XmlLimits;
  /** Bytes of the peer's before TLS, in all. */
  readonly bytes: number;
  /** ms for our last words to go out. */
  readonly closeTimeout: number;
}

/** What our failures are called in a stream error, beside those of every XML stream; `details.condition` of one goes first. */
const CONDITIONS: ReadonlyMap<ErrorCode, string> = new Map([
  ...STREAM_ERRORS, ['security-required', 'not-authorized'], ['peer-unavailable', 'host-unknown'],
  ['security-failed', 'policy-violation'], ['out-of-order', 'policy-violation'], ['resource-limit', 'policy-violation'],
]);
/** Of these the peer is told nothing but the end. */
const UNTOLD: ReadonlySet<ErrorCode> = new Set(['connection-lost', 'aborted']);

const GREATER = 0x3e;

/**
 * The XML in the clear that a stream begins with, element by element and not a byte further: what follows the last one
 * belongs to TLS, or to an attacker. It owns the stream until it is left.
 *
 * @spec RFC 6120 §4.2, §4.9
 */
export class CleartextStream {
  private readonly stream: Duplex;
  private readonly clock: Clock;
  private readonly options: CleartextOptions;
  private readonly parser: XmlParser;
  /** What is complete and was not asked for yet; undefined stands for the footer. */
  private readonly ready: (XmlElement | undefined)[] = [];
  private rest: Buffer = Buffer.alloc(0);
  private taken = 0;
  private isOpen = false;
  private isOver = false;

  constructor(stream: Duplex, { clock }: { readonly clock: Clock }, options: CleartextOptions) {
    this.stream = stream;
    this.clock = clock;
    this.options = options;
    this.parser = new XmlParser('stream', options.xml, {
      onRoot: (root) => void this.ready.push(root),
      onElement: (element) => void this.ready.push(element),
      onEnd: () => void this.ready.push(undefined),
    });
  }

  open(header: StreamHeader): void {
    this.isOpen = true;
    this.stream.write(streamHeader(header));
  }

  send(element: XmlElement): void {
    this.stream.write(serialise(element, NS_CLIENT));
  }

  /**
   * What the peer says next: first the root of its stream, then elements; undefined for the footer.
   * @throws XpmnError `malformed`, `xml-restricted`, `too-large`, `connection-lost`; the signal's reason
   */
  async next(signal: AbortSignal): Promise<XmlElement | undefined> {
    while (this.ready.length === 0) {
      if (this.rest.length === 0) this.rest = await readSome(this.stream, () => lostWithin('the negotiation'), signal);
      this.parse();
    }
    return this.ready.shift();
  }

  /** What has come beyond all that `next` has returned; it is not looked at. */
  takeRest(): Buffer {
    const more = this.stream.read() as Buffer | null;
    const rest = more ? Buffer.concat([this.rest, more]) : this.rest;
    this.rest = Buffer.alloc(0);
    return rest;
  }

  /** Says goodbye, and what is wrong, if there is a way to; then frees the stream. Idempotent. */
  end(error?: XpmnError): void {
    const { stream } = this;
    if (this.isOver) return;
    this.isOver = true;
    if (!stream.writable) return void stream.destroy();
    const timer = this.clock.after(this.options.closeTimeout, () => stream.destroy());
    stream.once('close', () => timer.cancel());
    stream.end(this.lastWords(error), () => stream.destroy());
    // Bytes that nobody has read would make the system reset the connection, and our last words would be lost with it.
    stream.resume();
  }

  /** An element ends with ">": a piece that ends at the first of them holds nothing of what follows. */
  private parse(): void {
    const end = this.rest.indexOf(GREATER) + 1 || this.rest.length;
    const piece = this.rest.subarray(0, end);
    this.rest = this.rest.subarray(end);
    this.taken += piece.length;
    if (this.taken > this.options.bytes) throw new XpmnError('too-large', `The peer says more than ${this.options.bytes} bytes in the clear.`);
    this.parser.write(piece);
  }

  /** RFC 6120 §4.9.1.2: an error in answer to a header comes after a header, too. */
  private lastWords(error: XpmnError | undefined): string {
    const header = this.isOpen ? '' : streamHeader({});
    return header + (error && !UNTOLD.has(error.code) ? streamError(conditionOf(error)) : '') + STREAM_FOOTER;
  }
}

function conditionOf({ code, details: { condition } }: XpmnError): string {
  return typeof condition === 'string' ? condition : (CONDITIONS.get(code) ?? 'undefined-condition');
}
