import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { throwIfAborted } from '../kernel/tasks.ts';
import type { KeyName } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';
import type { KeyInfoLimits } from '../trust/keyinfo.ts';
import type { ButtonWindow } from './button-window.ts';
import { formatCompare } from './comparison.ts';
import { keyOfJoiner } from './joiner-key.ts';
import { formatPaired, parseJoin } from './pairing-codec.ts';
import type { JoinRequest, PairedParts, PairingLimits } from './pairing-codec.ts';

export interface PairingHostDeps {
  readonly registry: IqRegistry;
  readonly window: PairingWindow;
  readonly button?: ButtonWindow | undefined;
  readonly log: Logger;
  /**
   * Lists the device, here or through the management device, publishes what is to be published, and only then gives what
   * the device needs. Calls `listing` right before it lists it, and lists nothing if that throws: the owner may have thought
   * better of it. @throws XpmnError as `Network.addDevice`; could not reach the management device
   */
  admit(device: JoinRequest & { readonly key: KeyName }, options: { readonly signal: AbortSignal; listing(): void }): Promise<PairedParts>;
}

/** Of what a device may say that wants to join. */
export type HostLimits = KeyInfoLimits & Pick<PairingLimits, 'nameLength'>;

/** The side that is in the network already: answers the one device that has proven the PIN, once. */
export function hostPairing({ registry, window, button, log, admit }: PairingHostDeps, limits: HostLimits): void {
  async function join({ channel, payload, signal }: IncomingIq): Promise<XmlElement> {
    const { peer } = channel;
    if (!peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
    if (peer.verdict !== 'pairing') throw new XpmnError('not-acceptable', 'This device is part of the media network already.');
    const pressed = button?.concerns(peer.jid) ? button : undefined;
    const request = parseJoin(payload, limits);
    if (!pressed) window.assertJoining(peer.jid);
    const key = await keyOfJoiner(peer, channel, limits, { signal });
    if (pressed) await pressed.admission(peer.jid, payload.attrs['nonce'] ?? '', signal);
    // Asking takes its time.
    else window.assertJoining(peer.jid);
    const one = pressed ?? window;
    const listing = (): void => {
      throwIfAborted(signal);
      one.listing(peer.jid);
    };
    const parts = await admit({ ...request, key }, { signal, listing }).catch((error: unknown) => {
      one.notListed(peer.jid);
      // What could not be reached may be there when the device asks again; a refusal stays one.
      if (error instanceof XpmnError && error.family === 'refused' && window.isJoining(peer.jid)) window.refuse(peer.jid, error);
      throw error;
    });
    const { name } = request;
    const { jid } = parts;
    if (signal.aborted || !one.isJoining(peer.jid)) {
      log.warn('a device is listed that may not know it: it was lost, or the pairing had ended', { name, jid });
      one.untold(peer.jid, jid, name);
      throw new XpmnError('connection-lost', 'The device was lost while it was added.');
    }
    one.complete(peer.jid, jid, name);
    log.info('a device was paired', { name, jid });
    return formatPaired(parts);
  }

  registry.handle({ ns: NS.pairing, name: 'join', type: 'set' }, join);
  registry.handle({ ns: NS.pairing, name: 'compare', type: 'get' }, ({ channel: { peer }, payload }) => {
    if (peer?.verdict !== 'pairing' || !button) throw new XpmnError('not-allowed', 'There is nothing to compare.');
    return formatCompare({ nonce: button.compare(peer.jid, payload.attrs['commitment'] ?? '') });
  });
}
