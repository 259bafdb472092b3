import type { Duplex } from 'node:stream';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';

/** Jingle roles. Who opened the session; never "client/server", which TLS and SOCKS5 each use differently. */
export type Role = 'initiator' | 'responder';

export interface TransportContext {
  readonly role: Role;
  readonly local: Jid;
  readonly peer: Jid;
  /** Sends one `transport-info` with this `<transport/>` over the channel that carries the session's Jingle. */
  sendInfo(transport: XmlElement): Promise<void>;
  /** Aborts when the session ends: every socket, listener and timer of the negotiation is gone before it settles. */
  readonly signal: AbortSignal;
}

/**
 * A way to get a byte stream between two devices: one per Jingle transport namespace. Implementations are stateless
 * factories over shared resources (one SOCKS5 listener, one IBB router); all state is in the negotiation.
 */
export interface TransportMethod {
  readonly namespace: string;
  /** Sockets first, in-band last: the larger is preferred. */
  readonly preference: number;
  /** Initiator: starts an offer. */
  offer(context: TransportContext): TransportNegotiation;
  /** Responder: takes the initiator's `<transport/>`. @throws XpmnError `malformed` for one that makes no sense */
  accept(context: TransportContext, offered: XmlElement): TransportNegotiation;
}

/**
 * One negotiation. Contract:
 * - `describe` is called once, first. Initiator: the offer. Responder: the answer.
 * - Initiator: `answered` is called with the responder's `<transport/>`; throws `malformed` for nonsense.
 * - `received` takes each `transport-info`, in order; throws `malformed`/`not-found` for what makes no sense.
 * - `connect` resolves once with the raw stream, unread and unwritten: no byte of the application is lost or sent. Bytes
 *   that the peer already sent are still to be read from it. Rejects `transport-failed`, `timeout`, or the signal's
 *   reason. The responder calls it after its accept was acknowledged, the initiator after `answered`.
 * - The receiver of the stream owns it. Until then the negotiation owns everything; `destroy` (or the context's signal)
 *   frees all of it, closes losing sockets and listeners, is idempotent and never throws.
 * - The stream is a `net.Socket` where there is one underneath, so that TLS can sit on it directly.
 */
export interface TransportNegotiation {
  describe(): Promise<XmlElement>;
  answered(transport: XmlElement): void;
  received(info: XmlElement): void;
  connect(): Promise<Duplex>;
  destroy(): void;
}
