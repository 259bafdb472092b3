import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { sourceName } from '../trust/names.ts';
import { currentHosts, hostedList } from '../trust/snapshot.ts';
import type { TrustSnapshot } from '../trust/snapshot.ts';

/** "When two own gateways see the same UDN, the one with the lower key bridges it." */
export function yieldsTo(own: KeyName, other: KeyName): boolean {
  return other < own;
}

/**
 * The devices of other gateways of my network that stand for the same legacy device, and have the older right to it. What
 * stands for what is only in lists that their hosts have signed: neither a server nor a device can make it up.
 */
export function devicesWithOlderRight(lists: TrustSnapshot, own: KeyName, deviceId: string): Jid[] {
  const source = sourceName(lists.network, deviceId);
  return currentHosts(lists, lists.network)
    .filter(({ key }) => yieldsTo(own, key))
    .flatMap(({ key }) => hostedList(lists, lists.network, key)?.devices ?? [])
    .filter((device) => device.source === source)
    .map(({ jid }) => jid);
}
