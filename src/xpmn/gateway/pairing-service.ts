import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { KeyName } from '../model/identity.ts';
import { bareJid, withResource } from '../model/jid.ts';
import { elements } from '../model/xml.ts';
import { hostPairing } from '../pairing/pairing-host.ts';
import type { CarriedAccount, JoinRequest, PairedParts, PairingLimits } from '../pairing/pairing-codec.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { IqRegistry } from '../ports/stanza-channel.ts';
import { formatAdd, serveManagement } from '../profiles/management.ts';
import type { DeviceEntry } from '../trust/list-document.ts';
import { resourceName } from '../trust/names.ts';
import type { Network } from '../trust/network.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';
import { signedIn } from '../trust/signed-list.ts';
import { devicesList } from '../trust/snapshot.ts';

export interface PairingServiceDeps {
  readonly registry: IqRegistry;
  readonly links: PeerLinks;
  readonly network: Network;
  readonly window: PairingWindow;
  readonly log: Logger;
  /** What a new gateway needs to get into the account; undefined without one. */
  readonly account: CarriedAccount | undefined;
  /** Puts the lists on the account, if there is one that answers; never rejects for what goes wrong there. */
  publish(signal: AbortSignal): Promise<void>;
}

/**
 * Adding devices, as the gateway device does it: whoever has proven the PIN is listed, by this machine where the user key
 * is here, else by the management device on its behalf. When the new device hears of it, everything is done.
 */
export function servePairing(deps: PairingServiceDeps, limits: PairingLimits): void {
  const { registry, window, log, network } = deps;
  if (network.isManagement) serveManagement({ registry, signer: network });
  hostPairing({ registry, window, log, admit: (device, options) => admit(deps, limits, device, options.signal) }, limits);
}

async function admit(
  deps: PairingServiceDeps, limits: PairingLimits, { key, name, roles }: JoinRequest & { readonly key: KeyName }, signal: AbortSignal,
): Promise<PairedParts> {
  const { network, account } = deps;
  const jid = withResource(network.bare, resourceName(name, key));
  await list(deps, limits, { key, jid, roles }, signal);
  await deps.publish(signal);
  return { jid, userCertificate: network.userCertificate.der, lists: network.lists.snapshot.lists.map(({ element }) => element), account };
}

async function list({ network, links }: PairingServiceDeps, { listsPerAnswer }: PairingLimits, entry: Omit<DeviceEntry, 'aliases'>, signal: AbortSignal): Promise<void> {
  if (network.isManagement) {
    await network.addDevice(entry);
    return;
  }
  const manager = devicesList(network.lists.snapshot, network.id)?.devices.find(({ roles }) => roles.includes('management'));
  if (!manager) throw new XpmnError('not-found', 'No device of the media network can add devices.');
  const channel = await links.to(manager.jid).channel({ signal });
  const [answer] = elements(await channel.request({ type: 'set', payload: formatAdd(entry) }, { signal }));
  if (answer) await network.lists.offerAll(signedIn(answer, listsPerAnswer));
  const isListed = devicesList(network.lists.snapshot, network.id)?.devices.some(({ key, jid }) => key === entry.key && bareJid(jid) === network.bare);
  if (isListed !== true) throw new XpmnError('protocol-violation', 'The management device has not listed the new device.');
}
