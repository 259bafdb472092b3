import type { Duplex } from 'node:stream';
import type { SecurityOffer } from '../jingle/security-codec.ts';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { Role } from '../ports/transport.ts';
import { NS_DISCO_INFO } from '../xmpp/disco.ts';
import { securityRequired } from '../xmpp/allow-list.ts';
import { NS_CLIENT, NS_STREAM, iqError, iqResult, isStanza } from '../xmpp/stanza.ts';
import { errorElement, unhandledElement } from '../xmpp/stanza-error.ts';
import { readHeader, streamErrorCondition } from '../xmpp/xml-stream.ts';
import type { StreamHeader } from '../xmpp/xml-stream.ts';
import { CleartextStream } from './cleartext-stream.ts';
import type { CleartextOptions } from './cleartext-stream.ts';
import { formatStarttls, parseStarttls } from './starttls-codec.ts';
import type { Starttls } from './starttls-codec.ts';
import { afterOurs, afterTheirs } from './starttls-machine.ts';
import type { Ours, State } from './starttls-machine.ts';

export interface ConversationOptions extends CleartextOptions {
  /** Methods, or keys, that a peer may name. */
  readonly methods: number;
  /** Discovery queries that are answered before TLS. */
  readonly queries: number;
}

/** What this device says of itself to anybody; undefined: nothing. @throws XpmnError `not-found` for a node that is not here */
export type Describe = (node: string | undefined) => XmlElement | undefined;

export type Said = Starttls | { readonly kind: 'header'; readonly header: StreamHeader };
type Heard =
  | Said
  | { readonly kind: 'query'; readonly stanza: XmlElement }
  | { readonly kind: 'stanza'; readonly stanza: XmlElement }
  | { readonly kind: 'end'; readonly condition: string | undefined };

/** A content type of TLS (RFC 8446 §5.1). No XML begins so. */
const TLS_HANDSHAKE = 0x16;

/**
 * The two sides before TLS, held to the table: whatever else the peer says ends it. It knows nobody and takes no decision.
 */
export class Conversation {
  private readonly stream: Duplex;
  private readonly role: Role;
  private readonly options: ConversationOptions;
  private readonly cleartext: CleartextStream;
  private state: State = 'opening';
  private queries = 0;

  constructor(stream: Duplex, role: Role, deps: { readonly clock: Clock }, options: ConversationOptions) {
    this.stream = stream;
    this.role = role;
    this.options = options;
    this.cleartext = new CleartextStream(stream, deps, options);
  }

  open(header: StreamHeader): void {
    this.cleartext.open(header);
  }

  /** Says what moves the negotiation on. */
  say(said: Starttls, ...more: readonly XmlElement[]): void {
    this.step(`our:${said.kind}` as Ours);
    this.cleartext.send(formatStarttls(said, ...more));
  }

  /**
   * What the peer says next, if it is its turn to say that. Queries are answered on the way; any other stanza is refused
   * to the peer's face, and is the end.
   * @throws XpmnError `security-required`, `out-of-order`, `protocol-violation`, `resource-limit`, `malformed` and what else
   * is wrong with XML; `peer-unavailable`, `connection-lost` when the peer ends it; the signal's reason
   */
  async hear(signal: AbortSignal, describe: Describe = () => undefined): Promise<Said> {
    for (;;) {
      const heard = this.read(await this.cleartext.next(signal));
      if (heard.kind === 'stanza') this.refuse(heard.stanza);
      this.state = afterTheirs(this.role, this.state, heard.kind);
      if (heard.kind === 'end') throw ended(heard.condition);
      if (heard.kind === 'query') this.answer(heard.stanza, describe);
      else if (heard.kind !== 'stanza') return heard;
    }
  }

  /**
   * Nothing is said in the clear any more. What has come of TLS already goes back into the stream.
   *
   * SECURITY: text that was slipped in behind the last words before TLS would be taken as said inside (CVE-2011-0411). The
   * responder in TLS does not speak first: for the initiator, any byte is one too many.
   * @throws XpmnError `security-failed`
   */
  expectTls(): void {
    const rest = this.cleartext.takeRest();
    if (rest.length === 0) return;
    if (this.role === 'initiator' || rest[0] !== TLS_HANDSHAKE) throw new XpmnError('security-failed', 'The peer goes on in the clear where encryption begins.');
    this.stream.unshift(rest);
  }

  /** TLS is up, and both ends are who they should be. */
  secured(): void {
    this.step('secured');
  }

  /** Ends it; the peer is told why, unless it was refused in so many words, or has ended it itself. */
  fail(error: XpmnError): void {
    if (this.state === 'ended') return this.cleartext.end();
    const isInTls = this.state === 'securing';
    this.step('our:end');
    // Nothing is said in the clear from there on.
    if (isInTls) this.stream.destroy();
    else this.cleartext.end(error);
  }

  private step(event: Ours): void {
    this.state = afterOurs(this.role, this.state, event);
  }

  private read(element: XmlElement | undefined): Heard {
    if (!element) return { kind: 'end', condition: undefined };
    if (this.state === 'opening') return { kind: 'header', header: readHeader(element) };
    if (isStanza(element)) return { kind: isQuery(element) ? 'query' : 'stanza', stanza: element };
    if (element.ns === NS_STREAM && element.name === 'error') return { kind: 'end', condition: streamErrorCondition(element) };
    const said = parseStarttls(element, this.options.methods);
    if (!said) throw new XpmnError('protocol-violation', 'That has no place before encryption.');
    return said;
  }

  private answer(query: XmlElement, describe: Describe): void {
    this.queries += 1;
    if (this.queries > this.options.queries) throw new XpmnError('resource-limit', 'The peer asks too much.');
    try {
      const info = describe(elements(query)[0]?.attrs['node']);
      const refused = xml('iq', NS_CLIENT, { ...iqResult(query).attrs, type: 'error' }, unhandledElement());
      this.cleartext.send(info ? iqResult(query, info) : refused);
    } catch (error) {
      this.cleartext.send(iqError(query, error));
    }
  }

  /** An answer is never answered (RFC 6120 §8.2.3), and an error never (§8.3.1). */
  private refuse({ name, attrs: { id, type, from } }: XmlElement): void {
    if (type === 'error' || type === 'result') return;
    this.cleartext.send(xml(name, NS_CLIENT, { type: 'error', id, to: from }, errorElement(securityRequired())));
  }
}

/** The methods by name, with the certificate's fingerprint. */
export function offerOf(methods: readonly { readonly name: string }[], fingerprint: string): SecurityOffer {
  return { fingerprint: { algo: 'sha1', hex: fingerprint }, methods: methods.map(({ name }) => name) };
}

function isQuery(stanza: XmlElement): boolean {
  const [payload, ...more] = elements(stanza);
  const { type, id } = stanza.attrs;
  return stanza.name === 'iq' && type === 'get' && id !== undefined && more.length === 0 && payload?.name === 'query' && payload.ns === NS_DISCO_INFO;
}

function ended(condition: string | undefined): XpmnError {
  if (condition === 'host-unknown') return new XpmnError('peer-unavailable', 'The device is not at that address.');
  return new XpmnError('connection-lost', `The peer ended the stream before it was secure${condition === undefined ? '' : `: ${condition}`}.`);
}

/** What was said, known by the table to be of that kind. */
export function only<K extends Said['kind']>(kind: K, said: Said): Extract<Said, { readonly kind: K }> {
  if (said.kind !== kind) throw new XpmnError('internal', `The table lets ${said.kind} pass for ${kind}.`);
  return said as Extract<Said, { readonly kind: K }>;
}
