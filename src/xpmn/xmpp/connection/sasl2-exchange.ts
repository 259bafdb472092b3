import { child, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { LoginToken } from '../../ports/xmpp-connection.ts';
import { TOKEN_MECHANISM } from '../sasl-token.ts';
import { base64, mechanismsIn, readAnswer } from './sasl-exchange.ts';
import type { SaslAnswer, SaslExchange } from './sasl-exchange.ts';
import type { ServerStream } from './server-stream.ts';

const NS_SASL2 = 'urn:xmpp:sasl:2';
const NS_FAST = 'urn:xmpp:fast:0';

export interface Sasl2Offer {
  /** Mechanisms for a password. */
  readonly mechanisms: readonly string[];
  /** Mechanisms for a token. */
  readonly tokens: readonly string[];
}

/** What a server that has SASL2 offers in its features; undefined if it has not. */
export function readSasl2Offer(features: XmlElement): Sasl2Offer | undefined {
  const offer = child(features, 'authentication', NS_SASL2);
  const inline = offer && child(offer, 'inline', NS_SASL2);
  return offer && { mechanisms: mechanismsIn(offer), tokens: mechanismsIn(inline && child(inline, 'fast', NS_FAST)) };
}

/** Which of the two: a new token is asked for beside the login, or the login is by one. */
export type TokenUse = 'request' | 'use';

/**
 * The newer profile, as far as tokens need it. After success the features follow at once; the stream goes on.
 *
 * @spec XEP-0388 v1.0.4 §2
 * @spec XEP-0484 v0.2.0 §3
 */
export class Sasl2Exchange implements SaslExchange {
  readonly offered: readonly string[];
  private readonly stream: ServerStream;
  private readonly clientId: string;
  private readonly use: TokenUse;
  private readonly signal: AbortSignal;

  constructor(stream: ServerStream, { mechanisms, tokens }: Sasl2Offer, { clientId, use, signal }: { readonly clientId: string; readonly use: TokenUse; readonly signal: AbortSignal }) {
    this.offered = use === 'use' ? tokens : mechanisms;
    this.stream = stream;
    this.clientId = clientId;
    this.use = use;
    this.signal = signal;
  }

  begin(mechanism: string, initial: string | Uint8Array): Promise<SaslAnswer> {
    const token = this.use === 'use' ? xml('fast', NS_FAST) : xml('request-token', NS_FAST, { mechanism: TOKEN_MECHANISM });
    const response = xml('initial-response', NS_SASL2, {}, base64(initial));
    return this.say(xml('authenticate', NS_SASL2, { mechanism }, response, xml('user-agent', NS_SASL2, { id: this.clientId }), token));
  }

  respond(text: string): Promise<SaslAnswer> {
    return this.say(xml('response', NS_SASL2, {}, base64(text)));
  }

  private async say(element: XmlElement): Promise<SaslAnswer> {
    await this.stream.send(element);
    return readAnswer(await this.stream.next(this.signal), NS_SASL2, (success) => child(success, 'additional-data', NS_SASL2));
  }
}

/** The token that comes with a success, undefined if there is none that can be used. */
export function readToken(success: XmlElement, { tokenLength }: { readonly tokenLength: number }): LoginToken | undefined {
  const { token = '', expiry = '' } = child(success, 'token', NS_FAST)?.attrs ?? {};
  const expires = Date.parse(expiry);
  return token === '' || token.length > tokenLength || Number.isNaN(expires) ? undefined : { token, mechanism: TOKEN_MECHANISM, expires };
}
