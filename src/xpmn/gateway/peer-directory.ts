import type { Jid } from '../model/jid.ts';

/** What is known of another device from its presence: none of it is proven, all of it is for finding and showing. */
export interface PeerPresence {
  readonly jid: Jid;
  /** The name in its disco identity. */
  readonly name: string | undefined;
  readonly features: ReadonlySet<string>;
}

/** The devices that are there, as the account's presence tells. */
export interface PeerDirectory {
  on(event: 'changed', listener: () => void): unknown;
  off(event: 'changed', listener: () => void): unknown;
  all(): readonly PeerPresence[];
  find(jid: Jid): PeerPresence | undefined;
}
