import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { bareJid, isFullJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { movedJid } from './device-credentials.ts';
import type { DeviceEntry, FriendEntry } from './list-document.ts';
import type { ListIssuer } from './list-issuer.ts';
import type { ListStore } from './list-store.ts';
import type { TrustOptions } from './options.ts';
import { entriesOf, unlistedEntries } from './overtaken.ts';
import { followingList, needsReissue } from './reissue.ts';
import type { ListChange } from './reissue.ts';
import { withoutManagement } from './restore.ts';
import type { VerifiedList } from './signed-list.ts';
import { devicesList, friendsList, isManagedBy, isRemoved } from './snapshot.ts';
import type { UserKey } from './user-key.ts';

export interface UserListsDeps {
  readonly lists: ListStore;
  readonly issuer: ListIssuer;
  readonly clock: Clock;
  readonly userKey: UserKey;
}

/** What overtaken lists name and the newest ones do not, though it was never removed. */
export interface Unlisted {
  readonly devices: readonly DeviceEntry[];
  readonly friends: readonly FriendEntry[];
}

/**
 * The lists of my network that the user key signs: `devices` and `friends`. Changed at the owner's wish; and kept in step
 * with what other holders of that key have signed, or this one before it was restored from a backup (`overtaken.ts`):
 *
 * - A removal counts, whichever list tells it and whenever that comes: the newest list leaves out what was ever removed,
 *   and tells it as far as there is room. Whoever holds the key is in the newest list. Both are mended without asking.
 * - An entry that only an overtaken list has is not listed again without the owner: a device that was added and removed
 *   since the backup could show the list in between to the one machine that has not heard of its removal.
 *
 * All that signs throws `not-allowed` (no user key here), `not-authorized` (it is locked), `too-large`, `storage-failed`.
 * Not for concurrent use: its owner queues.
 */
export class UserLists {
  private readonly deps: UserListsDeps;
  private readonly options: TrustOptions;
  private readonly network: KeyName;

  constructor(deps: UserListsDeps, options: TrustOptions, network: KeyName) {
    this.deps = deps;
    this.options = options;
    this.network = network;
  }

  /** Lists a device of `account`; one that is listed so already is left as it is. @throws XpmnError `not-allowed`, `conflict` */
  async add({ key, jid, roles }: Omit<DeviceEntry, 'aliases'>, account: Jid): Promise<VerifiedList> {
    this.deps.userKey.required();
    const current = this.devices;
    if (key === this.network || isRemoved(this.deps.lists.snapshot, this.network, 'devices', key)) throw new XpmnError('not-allowed', 'A key that was removed, or a user key, can\'t become a device.');
    if (!isFullJid(jid) || bareJid(jid) !== account) throw new XpmnError('conflict', 'The JID of the device is not in this account.');
    const same = current?.devices.find((device) => device.key === key || device.jid === jid || device.aliases.includes(jid));
    if (current && same?.key === key && same.jid === jid && same.roles.join(' ') === roles.join(' ')) return current;
    if (same) throw new XpmnError('conflict', 'The media network has a device with that key or JID.');
    return this.issue('devices', (previous) => ({ devices: [...(previous?.devices ?? []), { key, jid, roles, aliases: [] }] }));
  }

  /** Removes a device for ever, also an unlisted one. @throws XpmnError `not-found` */
  async remove(key: KeyName): Promise<VerifiedList> {
    this.deps.userKey.required();
    const known = [...(this.devices?.devices ?? []), ...this.unlisted.devices];
    if (!known.some((device) => device.key === key)) throw new XpmnError('not-found', 'There is no such device.');
    const list = await this.issue('devices', () => ({ remove: [key] }));
    if (!list.removed.some((entry) => entry.key === key)) throw new XpmnError('too-large', 'The list is full: it can\'t tell of the removal.');
    return list;
  }

  /** Moves all devices to an account; their old JIDs become aliases. @throws XpmnError `not-acceptable` (a full JID) */
  async move(account: Jid): Promise<void> {
    this.deps.userKey.required();
    if (isFullJid(account)) throw new XpmnError('not-acceptable', 'An account is a bare JID.');
    if ((this.devices?.devices ?? []).every(({ jid }) => bareJid(jid) === account)) return;
    await this.issue('devices', (previous) => ({ devices: (previous?.devices ?? []).map((device) => this.moved(device, account)) }));
  }

  /**
   * Gives the role `management` to that host, and takes it from all others; a list that says so already is left as it is.
   * @throws XpmnError `not-allowed` (no host of the network has that key)
   */
  async moveManagement(to: KeyName): Promise<VerifiedList> {
    this.deps.userKey.required();
    const current = this.devices;
    if (current && isManagedBy(current, to)) return current;
    return this.issue('devices', (previous) => ({ devices: withManager(previous?.devices ?? [], to) }));
  }

  get unlisted(): Unlisted {
    const { overtaken } = this.deps.lists;
    return {
      devices: this.missing(this.devices, overtaken.filter(({ type }) => type === 'devices'), ({ devices }) => devices),
      friends: this.missing(this.friends, overtaken.filter(({ type }) => type === 'friends'), ({ friends }) => friends),
    };
  }

  /**
   * Lists what is unlisted, again: a device in `account`, and without the role that goes with the user key.
   * @throws XpmnError `not-found` (nothing unlisted has that key), `conflict` (its JID is taken)
   */
  async relist(key: KeyName, account: Jid): Promise<VerifiedList> {
    this.deps.userKey.required();
    const { devices, friends } = this.unlisted;
    const device = devices.find((entry) => entry.key === key);
    const friend = friends.find((entry) => entry.key === key);
    if (device) {
      const { jid, roles, aliases } = this.moved(device, account);
      const entry = withoutManagement({ key, jid, roles, aliases });
      return this.issue('devices', (previous) => ({ devices: withDevice(previous?.devices ?? [], entry) }));
    }
    if (friend) return this.issue('friends', (previous) => ({ friends: [...(previous?.friends ?? []), friend] }));
    throw new XpmnError('not-found', 'No overtaken list has that key.');
  }

  /** Lists that are to be issued again: they are wrong, or it is time. */
  pending(self: DeviceEntry): VerifiedList[] {
    const now = this.deps.clock.now();
    return this.own.filter((list) => needsReissue(list, now, this.options) || this.isWrong(list, self));
  }

  /** Issues again what is pending, where the user key is at hand; resolves to what it issued. */
  refresh(self: DeviceEntry): Promise<VerifiedList[]> {
    return this.issueAgain(this.deps.userKey.current ? this.pending(self) : [], self);
  }

  /** The same for lists that are wrong only: they leave out `self` or a removal, or list what was removed. */
  mend(self: DeviceEntry): Promise<VerifiedList[]> {
    return this.issueAgain(this.deps.userKey.current ? this.own.filter((list) => this.isWrong(list, self)) : [], self);
  }

  private async issueAgain(lists: readonly VerifiedList[], self: DeviceEntry): Promise<VerifiedList[]> {
    const issued: VerifiedList[] = [];
    for (const { type } of lists) issued.push(await this.issue(type, (previous) => (previous ? mended(previous, self) : {})));
    return issued;
  }

  private issue(type: VerifiedList['type'], change: (previous: VerifiedList | undefined) => ListChange): Promise<VerifiedList> {
    return this.deps.issuer.issue(type, this.deps.userKey.required(), change);
  }

  private get devices(): VerifiedList | undefined {
    return devicesList(this.deps.lists.snapshot, this.network);
  }

  private get friends(): VerifiedList | undefined {
    return friendsList(this.deps.lists.snapshot);
  }

  private get own(): VerifiedList[] {
    return [this.devices, this.friends].filter((list) => list !== undefined);
  }

  private missing<E extends DeviceEntry | FriendEntry>(newest: VerifiedList | undefined, overtaken: readonly VerifiedList[], entries: (list: VerifiedList) => readonly E[]): E[] {
    return newest ? unlistedEntries(entries(newest), overtaken.flatMap(entries), this.deps.lists.removedBy(newest)) : [];
  }

  private moved(device: DeviceEntry, account: Jid): DeviceEntry {
    return { ...device, ...movedJid(device, account, this.options) };
  }

  private isWrong(list: VerifiedList, self: DeviceEntry): boolean {
    const next = followingList(list, list, this.deps.lists.removedBy(list), mended(list, self), this.deps.clock.now(), this.options);
    const keysOf = (of: Pick<VerifiedList, 'devices' | 'friends'>): string => entriesOf(of).map(({ key }) => key).join(' ');
    return keysOf(next) !== keysOf(list) || next.removed.length > list.removed.length;
  }
}

/** Whoever has handed the role over does not take it back by itself, though the key may still be there. */
function mended({ type, devices }: VerifiedList, self: DeviceEntry): ListChange {
  if (type === 'friends' || devices.some(({ key }) => key === self.key)) return {};
  return { devices: [...devices, devices.some(isManager) ? withoutManagement(self) : self] };
}

function withManager(devices: readonly DeviceEntry[], to: KeyName): DeviceEntry[] {
  if (!devices.some(({ key, roles }) => key === to && roles.includes('host'))) throw new XpmnError('not-allowed', 'Only a gateway of the media network can manage it.');
  return devices.map((device) => {
    const entry = withoutManagement(device);
    return device.key === to ? { ...entry, roles: [...entry.roles, 'management'] } : entry;
  });
}

function isManager({ roles }: DeviceEntry): boolean {
  return roles.includes('management');
}

function withDevice(devices: readonly DeviceEntry[], device: DeviceEntry): DeviceEntry[] {
  const names = [device.jid, ...device.aliases];
  if (devices.some(({ jid, aliases }) => [jid, ...aliases].some((held) => names.includes(held)))) throw new XpmnError('conflict', 'Another device has the JID of that one now.');
  return [...devices, device];
}
