import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import { bareJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { LoginCredentials } from '../ports/xmpp-connection.ts';

/** A certificate that a device can log in with. */
export interface CertificateLogin {
  readonly certificate: string;
  readonly privateKey: string;
  /** Authorization identities to be tried in this order; '' is none, for a certificate that says itself whose it is. */
  readonly identities: readonly string[];
  /** ms since 1970. */
  readonly validUntil: number;
}

/**
 * The certificate as a login to the account `jid` (full): readable, with its own key, and of that account.
 *
 * @throws XpmnError `login-failed`; nothing of the key is shown
 */
export function readCertificateLogin({ certificate, privateKey }: Extract<LoginCredentials, { kind: 'certificate' }>, jid: Jid): CertificateLogin {
  const x509 = parsed(() => new X509Certificate(certificate));
  const key: KeyObject = parsed(() => createPrivateKey(privateKey));
  if (!x509.checkPrivateKey(key)) throw refused('This device\'s certificate does not belong to its key.');
  return { certificate, privateKey, identities: authorizationIdentities(xmppAddrsOf(x509), jid), validUntil: Date.parse(x509.validTo) };
}

/**
 * As whom to ask for the login, by what the certificate names.
 *
 * @spec XEP-0178 v1.2 §2
 * @spec XEP-0257 v0.3 §3 for full JIDs
 * @throws XpmnError `login-failed` if it names only others
 */
export function authorizationIdentities(xmppAddrs: readonly string[], jid: Jid): readonly string[] {
  const named = xmppAddrs.map(tryJid);
  const own = [jid, bareJid(jid)].find((mine) => named.includes(mine));
  // A certificate without an address says of nobody whose it is.
  if (xmppAddrs.length === 0) return [bareJid(jid)];
  // SECURITY: with one address, the server takes that for the account, whatever we meant.
  if (own === undefined) throw refused('This device\'s certificate is for another account or device.');
  // With one, no identity SHOULD be given; a server that asks, or wants to be told, gets it.
  return xmppAddrs.length === 1 ? ['', own] : [own];
}

/** One name of Node's text form; JSON strings stand for what has commas, quotes or control characters in it. */
const NAME = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** The xmppAddr names of a certificate (RFC 6120 §13.7.1.4). It is our own: what is odd is overlooked. */
export function xmppAddrsOf(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName ?? '';
  const found: string[] = [];
  NAME.lastIndex = 0;
  for (let match = NAME.exec(text); match; match = NAME.exec(text)) {
    const [, kind, value = ''] = match;
    const name = value.startsWith('"') ? String(JSON.parse(value)) : value;
    if (kind === 'othername' && name.startsWith('XmppAddr:')) found.push(name.slice('XmppAddr:'.length));
  }
  return found;
}

/** Without the cause: a library's words about a key that it could not read are nothing to show around. */
function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch {
    throw refused('This device\'s certificate or its key can\'t be read.');
  }
}

function refused(message: string): XpmnError {
  return new XpmnError('login-failed', message);
}
