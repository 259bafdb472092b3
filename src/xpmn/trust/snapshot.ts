import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { DeviceEntry, ListType } from './list-document.ts';
import type { VerifiedList } from './signed-list.ts';

/** Keys that the lists of one slot ever removed. */
export interface RemovedKeys {
  readonly network: KeyName;
  readonly type: ListType;
  readonly signer: KeyName;
  readonly keys: ReadonlySet<KeyName>;
}

/** All that is known about trust at one moment, immutable: the newest list of every slot, and the memory of removals. */
export interface TrustSnapshot {
  /** My network: the name of my user key. */
  readonly network: KeyName;
  readonly lists: readonly VerifiedList[];
  readonly removed: readonly RemovedKeys[];
}

export function devicesList(lists: TrustSnapshot, network: KeyName): VerifiedList | undefined {
  return lists.lists.find((list) => list.type === 'devices' && list.network === network);
}

export function hostedList(lists: TrustSnapshot, network: KeyName, host: KeyName): VerifiedList | undefined {
  return lists.lists.find((list) => list.type === 'hosted' && list.network === network && list.signer === host);
}

/** My own `friends` list; nobody else's is of any use here. */
export function friendsList(lists: TrustSnapshot): VerifiedList | undefined {
  return lists.lists.find((list) => list.type === 'friends' && list.network === lists.network);
}

/** The devices that may sign `hosted` lists: those with the role `host` in the newest `devices` list of their network. */
export function currentHosts(lists: TrustSnapshot, network: KeyName): readonly DeviceEntry[] {
  return devicesWithRole(lists, network, 'host');
}

/** The management devices of a network, as its newest `devices` list says. */
export function currentManagers(lists: TrustSnapshot, network: KeyName): readonly DeviceEntry[] {
  return devicesWithRole(lists, network, 'management');
}

/** Whether that device, and no other, has the role `management` in a `devices` list. */
export function isManagedBy({ devices }: Pick<VerifiedList, 'devices'>, key: KeyName): boolean {
  const managers = devices.filter(({ roles }) => roles.includes('management'));
  return managers.length === 1 && managers[0]?.key === key;
}

function devicesWithRole(lists: TrustSnapshot, network: KeyName, role: string): readonly DeviceEntry[] {
  const devices = devicesList(lists, network)?.devices ?? [];
  return devices.filter(({ key, roles }) => roles.includes(role) && !isRemoved(lists, network, 'devices', key));
}

/** The networks of my friends, without those that were ever removed. */
export function friendNetworks(lists: TrustSnapshot): readonly KeyName[] {
  return (friendsList(lists)?.friends ?? []).flatMap(({ key }) => (isRemoved(lists, lists.network, 'friends', key) ? [] : [key]));
}

/**
 * Whether a list of `network` ever removed `key`. A removal by U reaches everything in the network; one by a host
 * reaches what hosts list, never what U lists: a gateway that was taken over can't lock out the owner's own devices.
 */
export function isRemoved(lists: TrustSnapshot, network: KeyName, listedIn: ListType, key: KeyName): boolean {
  return lists.removed.some((memory) =>
    memory.network === network && (memory.type !== 'hosted' || listedIn === 'hosted') && memory.keys.has(key));
}

/** The user keys I know: mine and my friends'. None of them is a device. */
export function isUserKey(lists: TrustSnapshot, key: KeyName): boolean {
  return key === lists.network || (friendsList(lists)?.friends ?? []).some((friend) => friend.key === key);
}

/** Whether devices of `account` (a bare JID) can be own ones or friends'. Nothing is granted by it: strangers get no further. */
export function mayConcernUs(lists: TrustSnapshot, own: Jid, account: Jid): boolean {
  return account === own || (friendsList(lists)?.friends ?? []).some(({ jid }) => jid === account);
}

/** Whether any list, mine or a friend's, names a device so, be it as an older name of it. Nothing is granted by it. */
export function isListedName(lists: TrustSnapshot, jid: Jid): boolean {
  return lists.lists.some(({ devices }) => devices.some((device) => device.jid === jid || device.aliases.includes(jid)));
}

/** "Friends' lists issued more than a day ahead are refused; own clocks are not judged." */
export function isIssuedAhead(list: VerifiedList, now: number, { friendClockAhead }: { readonly friendClockAhead: number }): boolean {
  return list.issued > now + friendClockAhead;
}

/**
 * When the next list expires on which a verdict may rest: mine of friends, and theirs. Unix ms; undefined if none does.
 * Own devices go on working together beyond that.
 */
export function nextExpiry({ lists, network }: TrustSnapshot, now: number): number | undefined {
  const ahead = lists.filter((list) => (list.network !== network || list.type === 'friends') && list.expiresAt > now);
  return ahead.length === 0 ? undefined : Math.min(...ahead.map(({ expiresAt }) => expiresAt));
}
