import type { Jid } from './jid.ts';

/** The name of a key: lower-case hex SHA-256 of its SubjectPublicKeyInfo DER. Trust is keyed by these, never by JIDs. */
export type KeyName = string & { readonly __keyName: true };

/** As what a device is listed. */
export type ListedVerdict =
  /** Listed in the newest `devices` list of my network. */
  | 'own'
  /** Listed by a current host of my network. */
  | 'own-hosted'
  /** Listed in a current list of a friend's network. */
  | 'friend';

/** A device that a list names. */
export interface ListedPeer {
  readonly verdict: ListedVerdict;
  /** The key that was proven. */
  readonly key: KeyName;
  /** The full JID it was reached as, which its list names (for own devices also as an alias). */
  readonly jid: Jid;
  /** The network id (name of the user key) the peer belongs to. */
  readonly network: KeyName;
  /** Its roles in my network; none for hosted devices and friends. */
  readonly roles: readonly string[];
}

/**
 * Listed nowhere; has proven that it knows the PIN of the pairing that is open now, and may do nothing but pair. It belongs
 * to no network.
 */
export interface PairingPeer {
  readonly verdict: 'pairing';
  /** The full JID it gives itself: nobody has proven that. */
  readonly jid: Jid;
  /** The key that was proven; left out where nothing but the PIN was. */
  readonly key?: KeyName;
  /** SHA-1 of its certificate, lower-case hex, as it was announced in the clear; it proves nothing. Only where `key` is left out. */
  readonly announced?: string | undefined;
}

/** Who is at the other end of a secured stream: an accepted peer. A stranger has no PeerIdentity. */
export type PeerIdentity = ListedPeer | PairingPeer;

export type Verdict = PeerIdentity['verdict'];

/** A device of my network. */
export type OwnPeer = ListedPeer & { readonly verdict: 'own' | 'own-hosted' };

export function isOwn(peer: PeerIdentity): peer is OwnPeer {
  return peer.verdict === 'own' || peer.verdict === 'own-hosted';
}
