import type { Duplex } from 'node:stream';
import type { Jid } from '../model/jid.ts';
import type { ListedPeer, PeerIdentity } from '../model/identity.ts';
import type { Role } from './transport.ts';

declare const secured: unique symbol;

/**
 * A byte stream whose other end is known and accepted. Only implementations of SecurityMethod make one, so what takes a
 * SecuredStream can't be given a bare Duplex: "forgot to secure it" does not compile.
 *
 * - `stream` is end-to-end encrypted (or never leaves the process); it is a `tls.TLSSocket` on the fast path.
 * - An 'end' proves nothing: whoever cuts the wire can forge one (TLS through Node can't tell a missing close_notify).
 *   Applications carry an end of their own (a stream footer, a last-chunk) and treat any other end as `truncated`.
 * - It is never half open: after the peer's end, what was written before is still sent, and then it closes.
 * - A damaged or injected byte surfaces as an `error`; nothing after the last good record is delivered. After any error
 *   the stream underneath is destroyed too. An error listener is always attached, so a late error never crashes.
 * - The receiver owns it: `stream.destroy()` frees everything underneath.
 */
export interface SecuredStream {
  readonly [secured]: true;
  readonly stream: Duplex;
  readonly peer: PeerIdentity;
  readonly local: Jid;
  /** How the peer was authenticated, e.g. `x509`, `srp-cb`, `in-process`. */
  readonly method: string;
  readonly role: Role;
  /** RFC 5705 keying material, equal on both ends of this stream and of no other. */
  exporter(label: string, length: number): Buffer;
}

/** What a security method needs to know of the session it runs in. */
export interface SecurityContext {
  readonly role: Role;
  readonly local: Jid;
  readonly peer: Jid;
  /** SHA-1 over the peer's certificate as it announced it in `<security/>`, lower-case hex. The leaf must have it. */
  readonly announcedFingerprint: string | undefined;
  /** Names of the methods that each side announced, as they were on the wire: a method may bind them to its proof. */
  readonly methods: Readonly<Record<Role, readonly string[]>>;
  /**
   * Decides who the peer is: the one acceptance function, over the newest lists. Asked once, after the handshake.
   * `proven` is the stream that belongs to the leaf: both sides may show lists there before the application's first byte,
   * at which it is left. Whoever is not accepted gets nothing else. A method whose proof is a PIN asks nobody: its peer is
   * listed nowhere yet.
   */
  accept(leaf: Buffer, peer: Jid, signal: AbortSignal, proven: Duplex): Promise<ListedPeer>;
  readonly signal: AbortSignal;
}

/** A stream between handshake and verdict, and what it is for. */
export interface Opening {
  readonly stream: Duplex;
  readonly role: Role;
  readonly local: Jid;
  /** Namespace of what is to run on it. */
  readonly application: string;
  /** Initiator: the peer took us for a stranger the last time. */
  readonly introduce: boolean;
  /** Whether somebody else than the peer says that the account in its name is its own: the servers. On the local link nobody does. */
  readonly isVouchedFor: boolean;
}

/** `SecurityContext.accept`, told what the stream is for. */
export type AcceptPeer = (leaf: Buffer, peer: Jid, signal: AbortSignal, opening: Opening) => Promise<ListedPeer>;

/**
 * `secure` takes ownership of `raw`: it resolves to an accepted stream, or rejects (`security-failed`: handshake or
 * proof failed; `not-trusted`: proven, but not accepted; `truncated`; `timeout`; the signal's reason) and has
 * destroyed `raw` before the rejection is seen. No application byte passes in either direction before both ends have
 * proven themselves to each other and this end accepted the peer.
 *
 * TLS roles follow Jingle's: initiator = TLS client, responder = TLS server (draft-meyer-xmpp-e2e-encryption-02).
 */
export interface SecurityMethod {
  readonly name: string;
  secure(raw: Duplex, context: SecurityContext): Promise<SecuredStream>;
}

/** For implementations of SecurityMethod only: the one place where the brand is put on. */
export function brandSecured(parts: Omit<SecuredStream, typeof secured>): SecuredStream {
  return parts as SecuredStream;
}
