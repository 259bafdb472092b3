import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { domainToASCII } from 'node:url';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { XpmnError } from '../../kernel/errors.ts';
import { settled } from './sockets.ts';

export interface SecureOptions {
  readonly domain: string;
  readonly ca: string | undefined;
  /** Shown to a server that asks for one. PEM. */
  readonly certificate: { readonly certificate: string; readonly privateKey: string } | undefined;
  readonly direct: boolean;
  readonly signal: AbortSignal;
}

/**
 * TLS as client over a connected socket, which it owns: the certificate must be valid, chain to an authority, and name
 * `domain` (never the host that DNS pointed to, which nobody vouches for).
 *
 * @spec RFC 6120 §5, §13.7
 * @spec RFC 7590 §3
 * @throws XpmnError `server-untrusted`, `server-insecure`, `connection-lost`; the signal's reason
 */
export async function secure(socket: Socket, { domain, ca, certificate, direct, signal }: SecureOptions): Promise<TLSSocket> {
  const name = isIP(domain) ? domain : domainToASCII(domain);
  const tls = connect({
    socket,
    host: name,
    ...(isIP(name) ? {} : { servername: name }),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.privateKey }),
    ...(direct ? { ALPNProtocols: ['xmpp-client'] } : {}),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  });
  try {
    await settled(tls, 'secureConnect', signal);
  } catch (error) {
    socket.destroy();
    throw judged(error, tls, certificate !== undefined);
  }
  // SECURITY: a second look, should an option above ever be lost.
  if (!tls.authorized) {
    tls.destroy();
    throw new XpmnError('server-untrusted', 'The server\'s certificate is not trusted.');
  }
  return tls;
}

/** In words, what is wrong with a certificate most often. */
const DISTRUST: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'is signed by an authority that this machine does not know',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is signed by an authority that this machine does not know',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is signed by an authority that this machine does not know',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'vouches for itself, and nobody else does',
  CERT_HAS_EXPIRED: 'has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
};

/** How a server says that it does not like the client's certificate (RFC 8446 §6.2), as Node's error codes end. */
const CERTIFICATE_ALERT = /_ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(?:REVOKED|EXPIRED|UNKNOWN|REQUIRED)|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$/;

function isCertificateAlert(error: unknown): boolean {
  return CERTIFICATE_ALERT.test((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/**
 * Why a stream in TLS 1.3 has ended on which our certificate was shown: there, a server judges it after our side of the
 * handshake is done. SECURITY: such an alert comes from the proven server; one of TLS 1.2, anybody on the path can make.
 */
export function afterCertificate(reason: XpmnError): XpmnError {
  if (!isCertificateAlert(reason.cause)) return reason;
  return new XpmnError('login-failed', 'The server refuses TLS with this device\'s certificate: log in by the password once, and add it again.', { cause: reason.cause });
}

function judged(error: unknown, tls: TLSSocket, showsCertificate: boolean): unknown {
  if (error instanceof XpmnError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const distrusted = tls.authorizationError as unknown;
  if (distrusted || code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new XpmnError('server-untrusted', `The server's certificate ${DISTRUST[code] ?? `is not trusted (${code})`}.`, { cause: error });
  }
  if (showsCertificate && isCertificateAlert(error)) return new XpmnError('connection-lost', 'The server broke off when it was shown this device\'s certificate.', { cause: error });
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return new XpmnError('server-insecure', 'The server does not speak TLS 1.2 or 1.3.', { cause: error });
  return new XpmnError('connection-lost', 'The connection to the server broke before it was secure.', { cause: error });
}
