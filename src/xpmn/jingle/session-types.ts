import type { Clock, Random } from '../kernel/clock.ts';
import type { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Jid } from '../model/jid.ts';
import type { ApplicationMethod } from '../ports/application.ts';
import type { AcceptPeer, SecurityMethod } from '../ports/security.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { Role, TransportMethod } from '../ports/transport.ts';
import type { JingleLimits } from './codec.ts';

/** Milliseconds and counts; the section `jingle` of the configuration. */
export interface SessionOptions extends JingleLimits {
  /** For the acknowledgement of one action. */
  readonly answerTimeout: number;
  /** From the acknowledged session-initiate to the session-accept. */
  readonly acceptTimeout: number;
  /** For describing one transport, and for its connecting. */
  readonly transportTimeout: number;
  /** For the answer to a transport-replace; for the initiator's next transport when one has failed. */
  readonly replaceTimeout: number;
  /** For the choice of the method; for handshake and verdict. */
  readonly securityTimeout: number;
  /** For the application to be usable. */
  readonly openTimeout: number;
  /** For everything from the session-initiate to the usable application. */
  readonly setupTimeout: number;
  /** For an application to end in order when the peer has ended the session in order. */
  readonly closeTimeout: number;
  /** transport-infos that may wait until their transport is agreed. */
  readonly earlyInfos: number;
  /** transport-replaces of one session. */
  readonly replacements: number;
}

export interface SessionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly local: Jid;
  /** In order of preference. */
  readonly securities: readonly SecurityMethod[];
  /** SHA-1 of our certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly accept: AcceptPeer;
  /** Another live channel to the peer, when the one in use is gone. */
  channelTo(peer: Jid): StanzaChannel | undefined;
  /** The transport that the peer wants instead, if there is one and it may be used. */
  replacement(namespace: string): TransportMethod | undefined;
  /** The session is over: it hears nothing any more. */
  onEnded(error: XpmnError): void;
}

export interface SessionSpec {
  readonly role: Role;
  readonly sid: string;
  readonly peer: Jid;
  readonly channel: StanzaChannel;
  readonly application: ApplicationMethod;
  /** Ours to call: the peer took us for a stranger the last time. */
  readonly introduce?: boolean | undefined;
}
