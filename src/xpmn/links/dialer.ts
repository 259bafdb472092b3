import type { Jid } from '../model/jid.ts';
import type { OpenApplication } from '../ports/application.ts';
import type { ByteStreams } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';

/** An end-to-end XML stream that is open. */
export interface SecuredChannel extends OpenApplication {
  readonly channel: StanzaChannel;
  /** There is a reason to think that the peer is gone, unsaid: it is asked now. */
  doubt(): void;
}

/** An out-of-band session that is open. */
export type ByteSession = OpenApplication & ByteStreams & {
  /** As `PeerLink.abortedByPeer`. */
  abortedByPeer(id: string): boolean;
  /** No stream is under way. */
  readonly isIdle: boolean;
  /** The path is known to be dead: ends, unless the peer has been heard since it was doubted. */
  suspect(): void;
};

/** How a stream reached the peer, without or with a server between the two: for preference, and for the user. */
export type Path = 'in-process' | 'link-local' | 'direct' | 'in-band';

export interface Opened<T extends OpenApplication> {
  readonly application: T;
  readonly path: Path;
}

/** Opens a session for bytes in one way; rejects as `Dialer` does. */
export type ByteWay = (options: { readonly signal: AbortSignal }) => Promise<Opened<ByteSession>>;

/**
 * Opens secured applications to a peer. Rejects with what stands in the way: could not reach, `not-trusted`,
 * `security-failed`. `via` carries the negotiation; undefined is the stream to the server.
 */
export interface Dialer {
  /** Whether this dialer can try that peer at all. */
  reaches(peer: Jid): boolean;
  /** The first stream: by the surest path, quickly. */
  openChannel(peer: Jid, options: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel>>;
  /** A better stream, negotiated inside `via`; undefined where there can be none. */
  upgradeChannel(peer: Jid, via: StanzaChannel, options: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel> | undefined>;
  /** How a session for bytes can be opened, the best way first; negotiated inside `via`. */
  waysToBytes(peer: Jid, via: StanzaChannel): readonly ByteWay[];
}
