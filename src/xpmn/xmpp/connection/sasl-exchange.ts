import { XpmnError } from '../../kernel/errors.ts';
import { child, childrenNamed, elements, textOf, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { ServerStream } from './server-stream.ts';

/** @spec RFC 6120 §6.4, §6.5 */
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

type Said = 'challenge' | 'success' | 'failure';

/** SASL over one stream: what is offered, and saying something to hear the answer. Says nothing of whether it went well. */
export class SaslExchange {
  readonly offered: readonly string[];
  private readonly stream: ServerStream;
  private readonly signal: AbortSignal;

  constructor(stream: ServerStream, features: XmlElement, signal: AbortSignal) {
    const offer = child(features, 'mechanisms', NS_SASL);
    this.offered = offer ? childrenNamed(offer, 'mechanism', NS_SASL).map((name) => textOf(name).trim()) : [];
    this.stream = stream;
    this.signal = signal;
  }

  /** `<auth/>` with an initial response, which may be empty. */
  begin(mechanism: string, text: string): Promise<XmlElement> {
    // RFC 6120 §6.4.2: an initial response of no length is sent as "=".
    return this.say(xml('auth', NS_SASL, { mechanism }, text === '' ? '=' : base64(text)));
  }

  respond(text: string): Promise<XmlElement> {
    return this.say(xml('response', NS_SASL, {}, base64(text)));
  }

  private async say(element: XmlElement): Promise<XmlElement> {
    await this.stream.send(element);
    return this.stream.next(this.signal);
  }
}

export function isSaid(element: XmlElement, name: Said): boolean {
  return element.ns === NS_SASL && element.name === name;
}

/** What a challenge or success carries; RFC 6120 §6.4.2: "=" stands for nothing. */
export function contentOf(element: XmlElement): string {
  const text = textOf(element).trim();
  return text === '=' ? '' : Buffer.from(text, 'base64').toString('utf8');
}

/** The defined condition of a `<failure/>`, undefined for anything else. */
export function failureCondition(said: XmlElement): string | undefined {
  if (!isSaid(said, 'failure')) return undefined;
  return elements(said).find((part) => part.name !== 'text')?.name.slice(0, 40) ?? 'failure';
}

/** What an answer that is no success means. `inWords` are sentences for the conditions that have a meaning of their own. */
export function loginError(said: XmlElement, inWords: Readonly<Record<string, string>>): XpmnError {
  const condition = failureCondition(said);
  if (condition === undefined) return new XpmnError('protocol-violation', 'The server answered the login with something else.');
  if (condition === 'temporary-auth-failure') return new XpmnError('server-unreachable', 'The server can\'t check logins just now.');
  const words = Object.hasOwn(inWords, condition) ? inWords[condition] : undefined;
  return new XpmnError('login-failed', words ?? `The server refused the login (${condition}).`, { details: { condition } });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
