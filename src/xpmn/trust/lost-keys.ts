import type { KeyName } from '../model/identity.ts';
import { readCertificate } from './certificate.ts';
import { currentHosts, devicesList, hostedList, isRemoved } from './snapshot.ts';
import type { TrustSnapshot } from './snapshot.ts';

/**
 * Whether a certificate may log in to the account no more: it is of a device that was removed from my network, or of one
 * that a removed gateway had bridged. What is in the network now is never lost, whoever else has listed or removed its key:
 * a gateway that was taken over can't lock others out by naming their keys. Of keys that no list ever named nothing is
 * known; they may be another program's.
 */
export function isLost(lists: TrustSnapshot, certificate: Uint8Array): boolean {
  const key = keyIn(certificate);
  return key !== undefined && isLostKey(lists, key);
}

export function isLostKey(lists: TrustSnapshot, key: KeyName): boolean {
  const { network } = lists;
  if (isRemoved(lists, network, 'devices', key)) return true;
  if (has(devicesList(lists, network)?.devices, key)) return false;
  if (isRemoved(lists, network, 'hosted', key)) return true;
  if (currentHosts(lists, network).some((host) => has(hostedList(lists, network, host.key)?.devices, key))) return false;
  return lists.lists.some((list) => list.type === 'hosted' && list.network === network && isRemoved(lists, network, 'devices', list.signer) && has(list.devices, key));
}

function has(entries: readonly { readonly key: KeyName }[] | undefined, key: KeyName): boolean {
  return (entries ?? []).some((entry) => entry.key === key);
}

function keyIn(certificate: Uint8Array): KeyName | undefined {
  try {
    return readCertificate(certificate).key;
  } catch {
    return undefined;
  }
}
