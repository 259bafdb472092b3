import type { Clock, Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { base32 } from '../../kernel/ids.ts';
import { resourceOf, splitJid, tryJid } from '../../model/jid.ts';
import type { Jid } from '../../model/jid.ts';
import { child, childText, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { LoginToken, XmppAccount } from '../../ports/xmpp-connection.ts';
import type { CertificateLogin } from '../sasl-external.ts';
import { chooseMechanism } from '../sasl.ts';
import type { ScramOptions } from '../sasl.ts';
import { TOKEN_MECHANISM } from '../sasl-token.ts';
import { NS_STREAM, iqRequest } from '../stanza.ts';
import { errorFromStanza } from '../stanza-error.ts';
import { logInByCertificate } from './login-certificate.ts';
import { logInByPassword } from './login-password.ts';
import { logInByToken } from './login-token.ts';
import { PlainSaslExchange } from './sasl-exchange.ts';
import { Sasl2Exchange, readSasl2Offer, readToken } from './sasl2-exchange.ts';
import type { TokenUse } from './sasl2-exchange.ts';
import type { ServerStream } from './server-stream.ts';

const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind';

interface Tools {
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** @spec RFC 6120 §4.3.2 */
export async function readFeatures(stream: ServerStream, signal: AbortSignal): Promise<XmlElement> {
  const features = await stream.next(signal);
  if (features.name !== 'features' || features.ns !== NS_STREAM) throw new XpmnError('protocol-violation', 'The server does not say what it can do.');
  return features;
}

/** What a login has led to. */
export interface LoggedIn {
  /** Whether the stream begins anew. */
  readonly restarts: boolean;
  /** A token for the next time. */
  readonly token?: LoginToken | undefined;
}

export interface LoginOptions {
  readonly scram: ScramOptions;
  /** Characters of a token. */
  readonly tokenLength: number;
}

/**
 * Logs in over a stream that TLS has proven, as the account's credentials say, and in no other way. `certificate` is what
 * TLS has shown, for a login by it.
 *
 * @spec RFC 6120 §6.4
 */
export async function authenticate(
  stream: ServerStream, { jid, credentials }: XmppAccount, certificate: CertificateLogin | undefined, { clock, random, signal }: Tools & { readonly clock: Clock }, options: LoginOptions,
): Promise<LoggedIn> {
  const features = await readFeatures(stream, signal);
  const username = splitJid(jid).local;
  const sasl2 = (clientId: string, use: TokenUse): Sasl2Exchange | undefined => {
    const offer = readSasl2Offer(features);
    return offer?.tokens.includes(TOKEN_MECHANISM) ? new Sasl2Exchange(stream, offer, { clientId, use, signal }) : undefined;
  };
  const plain = (): PlainSaslExchange => new PlainSaslExchange(stream, features, signal);
  if (credentials.kind === 'token') {
    const { element } = await logInByToken(sasl2(credentials.clientId, 'use'), { username, token: credentials.token.token });
    return { restarts: false, token: readToken(element, options) };
  }
  if (credentials.kind === 'password') {
    const asking = credentials.tokenFor === undefined ? undefined : sasl2(credentials.tokenFor, 'request');
    const exchange = asking && chooseMechanism(asking.offered) ? asking : plain();
    const { element } = await logInByPassword(exchange, { username, password: credentials.password, random }, options.scram);
    return exchange === asking ? { restarts: false, token: readToken(element, options) } : { restarts: true };
  }
  if (!certificate) throw new XpmnError('internal', 'There is no certificate to log in with.');
  await logInByCertificate(plain(), certificate, clock);
  return { restarts: true };
}

/** @spec RFC 6120 §7.6, §7.7 */
export async function bind(stream: ServerStream, jid: Jid, { random, signal }: Tools): Promise<void> {
  if (!child(await readFeatures(stream, signal), 'bind', NS_BIND)) throw new XpmnError('protocol-violation', 'The server offers no resource.');
  const id = base32(random.bytes(16));
  await stream.send(iqRequest({ type: 'set', id, payload: xml('bind', NS_BIND, {}, xml('resource', NS_BIND, {}, resourceOf(jid))) }));
  const answer = await stream.next(signal);
  if (answer.name !== 'iq' || answer.attrs['id'] !== id) throw new XpmnError('protocol-violation', 'The server does not answer.');
  // A server that is starting or stopping says so, too: that is no reason to give up for good.
  if (answer.attrs['type'] !== 'result') throw errorFromStanza(answer, { unavailable: 'server-unreachable' });
  const bound = tryJid(childText(child(answer, 'bind', NS_BIND) ?? answer, 'jid', NS_BIND));
  // The resource is part of who we are: under another name nobody finds us.
  if (bound !== jid) throw new XpmnError('conflict', 'The server gave this device another name.');
}
