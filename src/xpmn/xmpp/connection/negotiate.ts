import type { Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { base32 } from '../../kernel/ids.ts';
import { resourceOf, splitJid, tryJid } from '../../model/jid.ts';
import type { Jid } from '../../model/jid.ts';
import { child, childText, childrenNamed, elements, textOf, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { XmppAccount } from '../../ports/xmpp-connection.ts';
import { ScramClient, chooseMechanism } from '../sasl.ts';
import type { ScramOptions } from '../sasl.ts';
import { NS_STREAM, iqRequest } from '../stanza.ts';
import { errorFromStanza } from '../stanza-error.ts';
import type { ServerStream } from './server-stream.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
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

/**
 * Logs in over a stream that TLS has proven, both ways: success without the server's own proof is `login-failed`.
 *
 * @spec RFC 6120 §6.4
 */
export async function authenticate(stream: ServerStream, account: XmppAccount, { random, signal }: Tools, options: ScramOptions): Promise<void> {
  const offer = child(await readFeatures(stream, signal), 'mechanisms', NS_SASL);
  const mechanism = chooseMechanism(offer ? childrenNamed(offer, 'mechanism', NS_SASL).map((name) => textOf(name).trim()) : []);
  if (!mechanism) throw new XpmnError('login-failed', 'The server offers no login in which both sides prove that they know the password.');
  const { password } = account.credentials;
  const scram = new ScramClient({ random, mechanism, username: splitJid(account.jid).local, password }, options);
  const say = async (element: XmlElement): Promise<XmlElement> => {
    await stream.send(element);
    return stream.next(signal);
  };
  let said = await say(xml('auth', NS_SASL, { mechanism }, base64(scram.first())));
  if (said.name === 'challenge' && said.ns === NS_SASL) said = await say(xml('response', NS_SASL, {}, base64(await scram.respond(content(said)))));
  if (said.name === 'challenge' && said.ns === NS_SASL) {
    scram.verify(content(said));
    said = await say(xml('response', NS_SASL));
  }
  if (said.ns !== NS_SASL || said.name !== 'success') throw failed(said);
  if (!scram.proven) scram.verify(content(said));
}

/** @spec RFC 6120 §7.6, §7.7 */
export async function bind(stream: ServerStream, jid: Jid, { random, signal }: Tools): Promise<void> {
  if (!child(await readFeatures(stream, signal), 'bind', NS_BIND)) throw new XpmnError('protocol-violation', 'The server offers no resource.');
  const id = base32(random.bytes(16));
  await stream.send(iqRequest({ type: 'set', id, payload: xml('bind', NS_BIND, {}, xml('resource', NS_BIND, {}, resourceOf(jid))) }));
  const answer = await stream.next(signal);
  if (answer.name !== 'iq' || answer.attrs['id'] !== id) throw new XpmnError('protocol-violation', 'The server does not answer.');
  if (answer.attrs['type'] !== 'result') throw errorFromStanza(answer);
  const bound = tryJid(childText(child(answer, 'bind', NS_BIND) ?? answer, 'jid', NS_BIND));
  // The resource is part of who we are: under another name nobody finds us.
  if (bound !== jid) throw new XpmnError('conflict', 'The server gave this device another name.');
}

function failed(said: XmlElement): XpmnError {
  if (said.ns !== NS_SASL || said.name !== 'failure') return new XpmnError('protocol-violation', 'The server answered the login with something else.');
  const condition = elements(said).find((part) => part.name !== 'text')?.name.slice(0, 40) ?? 'failure';
  if (condition === 'temporary-auth-failure') return new XpmnError('server-unreachable', 'The server can\'t check passwords just now.');
  const what = condition === 'not-authorized' ? 'does not know this user with this password' : `refused the login (${condition})`;
  return new XpmnError('login-failed', `The server ${what}.`);
}

/** RFC 6120 §6.4.2: "=" stands for nothing. */
function content(element: XmlElement): string {
  const text = textOf(element).trim();
  return text === '=' ? '' : Buffer.from(text, 'base64').toString('utf8');
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
