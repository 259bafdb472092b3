import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../../kernel/errors.ts';
import { fingerprint } from '../../kernel/fingerprint.ts';
import { abortable, withDeadline } from '../../kernel/tasks.ts';
import type { PeerIdentity } from '../../model/identity.ts';
import { brandSecured } from '../../ports/security.ts';
import type { SecuredStream, SecurityContext, SecurityMethod } from '../../ports/security.ts';
import { accept, connect, handshakeFailed } from './tls-handshake.ts';
import type { HandshakeOptions, TlsCredentials } from './tls-handshake.ts';

export interface TlsOptions {
  /** Milliseconds from the first byte to an accepted peer. */
  readonly handshakeTimeout: number;
  /** Bytes that may wait in a secured stream, each way, before it says "full". */
  readonly highWaterMark: number;
}

export interface TlsDeps {
  readonly credentials: TlsCredentials;
  readonly clock: Clock;
}

/** A stream after the handshake: who holds the key of `leaf` is at its other end. Nobody has said yet that it may be. */
export interface ProvenEnd {
  readonly stream: Duplex;
  /** DER of the peer's certificate: the one that it announced. */
  readonly leaf: Buffer;
  /** RFC 5705 keying material. */
  exporter(label: string, length: number): Buffer;
}

export interface TlsMethod {
  readonly name: string;
  /** What takes its time, for the message when that was too long. */
  readonly what: string;
  /** Milliseconds from the first byte to an identified peer. */
  readonly timeout: number;
  /** Decides who the peer is; at a rejection the stream is destroyed. What it leaves unread belongs to the application. */
  identify(end: ProvenEnd, session: SecurityContext, signal: AbortSignal): Promise<PeerIdentity>;
}

/**
 * Security method `x509`: mutual TLS 1.3 with self-signed certificates; the acceptance function says who the peer is.
 *
 * @spec draft-meyer-xmpp-e2e-encryption 02 §3 (Jingle initiator = TLS client)
 */
export function createX509(deps: TlsDeps, options: TlsOptions): SecurityMethod {
  return createTlsMethod(
    {
      name: 'x509',
      what: 'The TLS handshake',
      timeout: options.handshakeTimeout,
      identify: ({ leaf, stream }, session, signal) => session.accept(leaf, session.peer, signal, stream),
    },
    deps,
    options,
  );
}

/**
 * A security method over mutual TLS 1.3 with self-signed certificates, over any Duplex; directly on the socket where `raw` is
 * a `net.Socket`.
 */
export function createTlsMethod(method: TlsMethod, { credentials, clock }: TlsDeps, { highWaterMark }: Pick<TlsOptions, 'highWaterMark'>): SecurityMethod {
  const context = tls.createSecureContext({ cert: credentials.certificate, key: credentials.privateKey, minVersion: 'TLSv1.3' });
  const options: HandshakeOptions = { timeout: method.timeout * 2, highWaterMark };
  return {
    name: method.name,
    async secure(raw, session) {
      // TLS on a Duplex reports some failures on the Duplex only, and some after it has closed: someone always listens.
      raw.on('error', ignore);
      // Half-open is not part of a secured stream: the peer's end is the end, also in the middle of a handshake.
      raw.allowHalfOpen = false;
      let socket: tls.TLSSocket | undefined;
      try {
        return await withDeadline({ clock, signal: session.signal, delay: method.timeout, what: method.what }, async (signal) => {
          const handshake = session.role === 'initiator' ? connect(raw, context, options) : accept(raw, credentials, options);
          socket = await abortable(handshake(signal, (made) => (socket = made)), signal);
          return await identified(method, socket, raw, session, signal);
        });
      } catch (error) {
        socket?.destroy();
        raw.destroy();
        throw asXpmnError(error, 'security-failed', 'The peer could not be authenticated.');
      }
    },
  };
}

/** The verdict, after the handshake: the leaf must be the announced certificate, and its owner identified. */
async function identified(method: TlsMethod, socket: tls.TLSSocket, raw: Duplex, session: SecurityContext, signal: AbortSignal): Promise<SecuredStream> {
  const leaf = socket.getPeerX509Certificate()?.raw;
  if (!leaf) throw new XpmnError('security-failed', 'The peer presented no certificate.');
  // "The leaf must be the certificate whose fingerprint was announced": the fingerprint binds the TLS session to the
  // Jingle session, it authenticates nobody.
  if (fingerprintOf(leaf) !== session.announcedFingerprint) {
    throw new XpmnError('security-failed', 'The peer presented another certificate than it announced.');
  }
  // The empty context is explicit: "none" and "empty" differ in TLS 1.2, and this line must never depend on the version.
  const exporter = (label: string, length: number): Buffer => socket.exportKeyingMaterial(length, label, Buffer.alloc(0));
  const peer = await abortable(method.identify({ stream: socket, leaf, exporter }, session, signal), signal);
  if (socket.destroyed || raw.destroyed) throw handshakeFailed();
  return brandSecured({ stream: socket, peer, local: session.local, method: method.name, role: session.role, exporter });
}

/** SHA-1 of the certificate's DER, as `<fingerprint/>` carries it. An identifier, not a proof. */
export function fingerprintOf(der: Uint8Array): string {
  return fingerprint('sha1', der);
}

function ignore(): void {}
