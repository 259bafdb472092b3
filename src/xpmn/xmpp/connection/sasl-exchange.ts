import { XpmnError } from '../../kernel/errors.ts';
import { child, childrenNamed, elements, textOf, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { ServerStream } from './server-stream.ts';

/** @spec RFC 6120 §6.4, §6.5 */
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

export interface SaslAnswer {
  /** undefined for anything that does not belong here. */
  readonly kind: 'challenge' | 'success' | 'failure' | undefined;
  /** What a challenge or a success carries, empty if nothing. */
  readonly data: Buffer;
  /** Why it failed: the defined condition; `continue` where the server wants more. */
  readonly condition: string | undefined;
  readonly element: XmlElement;
}

/** SASL over one stream, in either profile: saying something to hear the answer. Whether that is good, others judge. */
export interface SaslExchange {
  /** Mechanisms, by name. */
  readonly offered: readonly string[];
  /** Begins with an initial response, which may be empty. */
  begin(mechanism: string, initial: string | Uint8Array): Promise<SaslAnswer>;
  respond(text: string): Promise<SaslAnswer>;
}

/** As every server has it. After success, the stream begins anew. */
export class PlainSaslExchange implements SaslExchange {
  readonly offered: readonly string[];
  private readonly stream: ServerStream;
  private readonly signal: AbortSignal;

  constructor(stream: ServerStream, features: XmlElement, signal: AbortSignal) {
    this.offered = mechanismsIn(child(features, 'mechanisms', NS_SASL));
    this.stream = stream;
    this.signal = signal;
  }

  begin(mechanism: string, initial: string | Uint8Array): Promise<SaslAnswer> {
    // RFC 6120 §6.4.2: an initial response of no length is sent as "=".
    return this.say(xml('auth', NS_SASL, { mechanism }, initial.length === 0 ? '=' : base64(initial)));
  }

  respond(text: string): Promise<SaslAnswer> {
    return this.say(xml('response', NS_SASL, {}, base64(text)));
  }

  private async say(element: XmlElement): Promise<SaslAnswer> {
    await this.stream.send(element);
    return readAnswer(await this.stream.next(this.signal), NS_SASL, (said) => said);
  }
}

/** `carrier` tells which element of a success has its data. */
export function readAnswer(element: XmlElement, ns: string, carrier: (success: XmlElement) => XmlElement | undefined): SaslAnswer {
  const kind = element.ns === ns ? KINDS.find((name) => name === element.name) : undefined;
  const carries = kind === 'success' ? carrier(element) : kind === 'challenge' ? element : undefined;
  return { kind, element, data: contentOf(carries), condition: element.ns === ns ? conditionOf(element) : undefined };
}

function conditionOf(element: XmlElement): string | undefined {
  // XEP-0388 §2.6.3: right so far, but there is a task to do: a second factor, a new password.
  if (element.name === 'continue') return 'continue';
  return element.name === 'failure' ? (elements(element).find((part) => part.name !== 'text')?.name.slice(0, 40) ?? 'failure') : undefined;
}

const KINDS = ['challenge', 'success', 'failure'] as const;

export function mechanismsIn(offer: XmlElement | undefined): string[] {
  return offer ? childrenNamed(offer, 'mechanism', offer.ns).map((name) => textOf(name).trim()) : [];
}

/** What an answer that is no success means. `inWords` are sentences for the conditions that have a meaning of their own. */
export function loginError({ condition }: SaslAnswer, inWords: Readonly<Record<string, string>>): XpmnError {
  if (condition === undefined) return new XpmnError('protocol-violation', 'The server answered the login with something else.');
  if (condition === 'temporary-auth-failure') return new XpmnError('server-unreachable', 'The server can\'t check logins just now.');
  if (condition === 'continue') return new XpmnError('login-failed', 'The server wants more for a login than a device can give, as a second factor.', { details: { condition } });
  const words = Object.hasOwn(inWords, condition) ? inWords[condition] : undefined;
  return new XpmnError('login-failed', words ?? `The server refused the login (${condition}).`, { details: { condition } });
}

/** RFC 6120 §6.4.2: "=" stands for nothing. */
function contentOf(element: XmlElement | undefined): Buffer {
  const text = element ? textOf(element).trim() : '';
  return Buffer.from(text === '=' ? '' : text, 'base64');
}

export function base64(data: string | Uint8Array): string {
  return Buffer.from(data as string).toString('base64');
}
