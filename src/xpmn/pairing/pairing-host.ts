import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { KeyName } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';
import { formatPaired, parseJoin } from './pairing-codec.ts';
import type { JoinRequest, PairedParts, PairingLimits } from './pairing-codec.ts';

export interface PairingHostDeps {
  readonly registry: IqRegistry;
  readonly window: PairingWindow;
  readonly log: Logger;
  /**
   * Lists the device, here or through the management device, publishes what is to be published, and only then gives what
   * the device needs. @throws XpmnError as `Network.addDevice`; could not reach the management device
   */
  admit(device: JoinRequest & { readonly key: KeyName }, options: { readonly signal: AbortSignal }): Promise<PairedParts>;
}

/** The side that is in the network already: answers the one device that has proven the PIN, once. */
export function hostPairing({ registry, window, log, admit }: PairingHostDeps, limits: PairingLimits): void {
  async function join({ channel, payload, signal }: IncomingIq): Promise<XmlElement> {
    const { peer } = channel;
    if (!peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
    if (peer.verdict !== 'pairing') throw new XpmnError('not-acceptable', 'This device is part of the media network already.');
    window.assertJoining(peer.jid);
    const request = parseJoin(payload, limits);
    const parts = await admit({ ...request, key: peer.key }, { signal });
    window.complete(peer.jid, parts.jid, request.name);
    log.info('a device was paired', { name: request.name, jid: parts.jid });
    return formatPaired(parts);
  }

  registry.handle({ ns: NS.pairing, name: 'join', type: 'set' }, join);
}
