import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { XpmnError } from '../../kernel/errors.ts';
import { abortReason } from '../../kernel/tasks.ts';

export interface TlsCredentials {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly privateKey: string;
}

export interface HandshakeOptions {
  /** Milliseconds after which the handshake is given up; a net below the deadline of whoever waits for it. */
  readonly timeout: number;
  /** Bytes that may wait in a secured stream, each way, before it says "full". */
  readonly highWaterMark: number;
}

/**
 * Resolves when the handshake is done: the client's before the server has judged its certificate. `made` is told of the socket
 * as soon as there is one. After a rejection or any later error the socket and the stream below are destroyed.
 */
export type Handshake = (signal: AbortSignal, made: (socket: tls.TLSSocket) => void) => Promise<tls.TLSSocket>;

/** What both roles say: TLS 1.3 only, a certificate from both, and no opinion of OpenSSL's about who may come. */
const COMMON = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  requestCert: true,
  // SECURITY: self-signed leaves are never verified by a chain. The proven leaf is compared with what was announced and
  // judged by the security method, before anyone sees the stream.
  rejectUnauthorized: false,
} as const satisfies tls.TlsOptions;

export function connect(raw: Duplex, secureContext: tls.SecureContext, options: HandshakeOptions): Handshake {
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

export function accept(raw: Duplex, credentials: TlsCredentials, options: HandshakeOptions): Handshake {
  return (signal, made) =>
    new Promise((resolve, reject) => {
      // An unlistened server per session: a bare TLSSocket swallows late TLS errors, and a shared server could resume
      // one session with the tickets of another.
      const server = tls.createServer({
        ...COMMON,
        cert: credentials.certificate,
        key: credentials.privateKey,
        handshakeTimeout: options.timeout,
        highWaterMark: options.highWaterMark,
      });
      const onAbort = (): void => void raw.destroy(abortReason(signal));
      server.once('tlsClientError', (error, socket) => {
        socket.destroy();
        raw.destroy();
        reject(handshakeFailed(error));
      });
      server.once('secureConnection', (socket) => {
        // From here on whoever has the socket ends it.
        signal.removeEventListener('abort', onAbort);
        made(socket);
        watch(socket, raw, reject);
        resolve(socket);
      });
      raw.once('close', () => reject(handshakeFailed()));
      signal.addEventListener('abort', onAbort, { once: true });
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

export function handshakeFailed(cause?: Error): XpmnError {
  return new XpmnError('security-failed', 'The TLS handshake failed.', cause ? { cause } : {});
}
