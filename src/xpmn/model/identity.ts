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

export type Verdict =
  | ListedVerdict
  /** Listed nowhere; has proven that it knows the PIN of the pairing that is open now, and may do nothing but pair. */
  | 'pairing';

/** Who is at the other end of a secured stream: an accepted peer. A stranger has no PeerIdentity. */
export interface PeerIdentity {
  readonly verdict: Verdict;
  /** The key that was proven. */
  readonly key: KeyName;
  /** The full JID it was reached as, which its list names (for own devices also as an alias). */
  readonly jid: Jid;
  /** The network id (name of the user key) the peer belongs to; of one that is being paired, its own key: it belongs to none. */
  readonly network: KeyName;
  /** Its roles in my network; none for hosted devices and friends. */
  readonly roles: readonly string[];
}

export function isOwn(peer: PeerIdentity): boolean {
  return peer.verdict === 'own' || peer.verdict === 'own-hosted';
}
