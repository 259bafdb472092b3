import type { Call } from '../jingle/manager.ts';
import { NS_S5B } from '../jingle/transports/s5b-codec.ts';
import { XpmnError } from '../kernel/errors.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { isListedName, mayConcernUs } from '../trust/snapshot.ts';
import type { TrustSnapshot } from '../trust/snapshot.ts';

/**
 * Why a peer may not call `own` like this, or undefined if it may. Only devices of the own account (and accounts of
 * friends) get as far as a handshake; addresses are told, and bytes negotiated, only inside an end-to-end stream.
 */
export function refusalOf({ peer, application, transport, channel }: Call, lists: TrustSnapshot, own: Jid): XpmnError | undefined {
  if (!mayConcernUs(lists, bareJid(own), bareJid(peer))) return new XpmnError('peer-unavailable', 'Nobody is here for you.');
  if (channel.peer) return undefined;
  const isPrivate = transport === NS_S5B || application !== NS.xmlStream;
  return isPrivate ? new XpmnError('security-required', 'That is negotiated inside an end-to-end stream.') : undefined;
}

/** The same for a handshake on the local link, where an own device may call that does not know its new name yet. Whoever is announced there as of our network may try, too. */
export function mayShakeHands(peer: Jid, lists: TrustSnapshot, own: Jid): boolean {
  return mayConcernUs(lists, bareJid(own), bareJid(peer)) || isListedName(lists, peer);
}

/** Whether whoever calls `own` like this through the server may prove a PIN: only who can log in to the own account gets to try. */
export function mayPair({ peer, application, channel }: Call, own: Jid): boolean {
  return channel.peer === undefined && application === NS.xmlStream && bareJid(peer) === bareJid(own);
}
