import type { Opened, SecuredChannel } from '../links/dialer.ts';
import type { Jid } from '../model/jid.ts';
import type { ApplicationMethod } from '../ports/application.ts';
import type { AcceptPeer, SecurityMethod } from '../ports/security.ts';
import type { Role } from '../ports/transport.ts';
import type { AcceptedStreams } from './accepted-streams.ts';
import type { Describe } from './conversation.ts';

/** A channel that can be used before the peer has accepted us. */
export type ServerlessChannel = SecuredChannel & { readonly isMutual: boolean };

/** One of our devices, as it is on the local link: who it is, and what it does with whoever is accepted. */
export interface ServerlessEndpoint {
  readonly local: Jid;
  /** SHA-1 of its certificate, lower-case hex. */
  readonly fingerprint: string;
  /**
   * What it would use with `peer`, who may be anybody and is only claimed to be there, in that role of its own; in order of
   * preference. None: it has nothing to do with that peer, which gets no further.
   */
  methods(peer: Jid, role: Role): readonly SecurityMethod[];
  readonly accept: AcceptPeer;
  /** `xmlstream`. */
  readonly channelMethod: ApplicationMethod<ServerlessChannel>;
  /** What runs now, to be ended when a verdict changes. */
  readonly streams: AcceptedStreams;
  /** disco#info for everybody on the link; left out: nothing. */
  readonly describe?: Describe | undefined;
  /** A peer has opened a channel to it. */
  onChannel(peer: Jid, opened: Opened<SecuredChannel>): void;
}
