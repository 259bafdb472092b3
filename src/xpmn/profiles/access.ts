import { XpmnError } from '../kernel/errors.ts';
import { isOwn } from '../model/identity.ts';
import type { OwnPeer } from '../model/identity.ts';
import type { IncomingIq } from '../ports/stanza-channel.ts';

/**
 * Who may use a service: everything for own devices, nothing for anybody else. Fails closed: a stanza without a proven
 * peer came over the server stream and is told to come back secured.
 *
 * @throws XpmnError `security-required`, `not-allowed`
 */
export function ownPeer(iq: IncomingIq): OwnPeer {
  const { peer } = iq.channel;
  if (!peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
  if (!isOwn(peer)) throw new XpmnError('not-allowed', 'This device is not shared with you.');
  return peer;
}

/**
 * Who may ask for what changes the network. A bridged device never does: what speaks in its name is a gateway, which can speak in its own.
 *
 * @throws XpmnError as `ownPeer`
 */
export function ownDevice(iq: IncomingIq): OwnPeer {
  const peer = ownPeer(iq);
  if (peer.verdict !== 'own') throw new XpmnError('not-allowed', 'Only devices of the media network itself may ask for that.');
  return peer;
}
