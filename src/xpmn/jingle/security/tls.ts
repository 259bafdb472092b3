import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../../kernel/errors.ts';
import { fingerprint } from '../../kernel/fingerprint.ts';
import { abortable, abortReason, withDeadline } from '../../kernel/tasks.ts';
import { brandSecured } from '../../ports/security.ts';
import type { SecuredStream, SecurityContext, SecurityMethod } from '../../ports/security.ts';

export interface TlsCredentials {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly privateKey: string;
}

export interface TlsOptions {
  /** Milliseconds from the first byte to an accepted peer. */
  readonly handshakeTimeout: number;
  /** Bytes that may wait in a secured stream, each way, before it says "full". */
  readonly highWaterMark: number;
}

/** What both roles say: TLS 1.3 only, a certificate from both, and no opinion of OpenSSL's about who may come. */
const COMMON = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  requestCert: true,
  // SECURITY: self-signed leaves are never verified by a chain. The proven leaf is compared with what was announced and
  // judged by the acceptance function below, before anyone sees the stream.
  rejectUnauthorized: false,
} as const satisfies tls.TlsOptions;

/**
 * Security method `x509`: mutual TLS 1.3 with self-signed certificates, over any Duplex; directly on the socket where
 * `raw` is a `net.Socket`.
 *
 * @spec draft-meyer-xmpp-e2e-encryption 02 §3 (Jingle initiator = TLS client)
 */
export function createX509(deps: { readonly credentials: TlsCredentials; readonly clock: Clock }, options: TlsOptions): SecurityMethod {
  const context = tls.createSecureContext({ cert: deps.credentials.certificate, key: deps.credentials.privateKey, minVersion: 'TLSv1.3' });
  return {
    name: 'x509',
    async secure(raw, session) {
      // TLS on a Duplex reports some failures on the Duplex only, and some after it has closed: someone always listens.
      raw.on('error', ignore);
      // Half-open is not part of a secured stream: the peer's end is the end, also in the middle of a handshake.
      raw.allowHalfOpen = false;
      let socket: tls.TLSSocket | undefined;
      try {
        return await withDeadline(
          { clock: deps.clock, signal: session.signal, delay: options.handshakeTimeout, what: 'The TLS handshake' },
          async (signal) => {
            const handshake = session.role === 'initiator' ? connect(raw, context, options) : accept(raw, deps.credentials, options);
            socket = await abortable(handshake(signal, (made) => (socket = made)), signal);
            return await identify(socket, raw, session, signal);
          },
        );
      } catch (error) {
        socket?.destroy();
        raw.destroy();
        throw asXpmnError(error, 'security-failed', 'The peer could not be authenticated.');
      }
    },
  };
}

type Handshake = (signal: AbortSignal, made: (socket: tls.TLSSocket) => void) => Promise<tls.TLSSocket>;

function connect(raw: Duplex, secureContext: tls.SecureContext, options: TlsOptions): Handshake {
  return (_signal, made) =>
    new Promise((resolve, reject) => {
      const socket = tls.connect({
        ...COMMON,
        socket: raw,
        secureContext,
        checkServerIdentity: () => undefined,
        highWaterMark: options.highWaterMark,
      } as tls.ConnectionOptions);
      made(socket);
      watch(socket, raw, reject);
      socket.once('secureConnect', () => resolve(socket));
    });
}

function accept(raw: Duplex, credentials: TlsCredentials, options: TlsOptions): Handshake {
  return (signal, made) =>
    new Promise((resolve, reject) => {
      // An unlistened server per session: a bare TLSSocket swallows late TLS errors, and a shared server could resume
      // one session with the tickets of another.
      const server = tls.createServer({
        ...COMMON,
        cert: credentials.certificate,
        key: credentials.privateKey,
        handshakeTimeout: options.handshakeTimeout * 2,
        highWaterMark: options.highWaterMark,
      });
      server.once('tlsClientError', (error, socket) => {
        socket.destroy();
        raw.destroy();
        reject(handshakeFailed(error));
      });
      server.once('secureConnection', (socket) => {
        made(socket);
        watch(socket, raw, reject);
        resolve(socket);
      });
      raw.once('close', () => reject(handshakeFailed()));
      signal.addEventListener('abort', () => raw.destroy(abortReason(signal)), { once: true });
      server.emit('connection', raw);
    });
}

/** After a TLS error neither the TLS socket nor the stream below is destroyed by Node: it is done here, for ever. */
function watch(socket: tls.TLSSocket, raw: Duplex, reject: (error: Error) => void): void {
  socket.on('error', (error) => {
    reject(handshakeFailed(error));
    socket.destroy();
    raw.destroy();
  });
  socket.once('close', () => {
    reject(handshakeFailed());
    raw.destroy();
  });
}

function handshakeFailed(cause?: Error): XpmnError {
  return new XpmnError('security-failed', 'The TLS handshake failed.', cause ? { cause } : {});
}

/** The verdict, after the handshake: the leaf must be the announced certificate, and its owner accepted. */
async function identify(socket: tls.TLSSocket, raw: Duplex, session: SecurityContext, signal: AbortSignal): Promise<SecuredStream> {
  const leaf = socket.getPeerX509Certificate()?.raw;
  if (!leaf) throw new XpmnError('security-failed', 'The peer presented no certificate.');
  // "The leaf must be the certificate whose fingerprint was announced": the fingerprint binds the TLS session to the
  // Jingle session, it authenticates nobody.
  if (fingerprintOf(leaf) !== session.announcedFingerprint) {
    throw new XpmnError('security-failed', 'The peer presented another certificate than it announced.');
  }
  const peer = await abortable(session.accept(leaf, session.peer, signal, socket), signal);
  if (socket.destroyed || raw.destroyed) throw handshakeFailed();
  return brandSecured({
    stream: socket,
    peer,
    local: session.local,
    method: 'x509',
    role: session.role,
    // The empty context is explicit: "none" and "empty" differ in TLS 1.2, and this line must never depend on the version.
    exporter: (label, length) => socket.exportKeyingMaterial(length, label, Buffer.alloc(0)),
  });
}

/** SHA-1 of the certificate's DER, as `<fingerprint/>` carries it. An identifier, not a proof. */
export function fingerprintOf(der: Uint8Array): string {
  return fingerprint('sha1', der);
}

function ignore(): void {}
