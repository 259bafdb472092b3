import type { KeyObject } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import type { SerialQueue } from '../kernel/tasks.ts';
import type { KeyName } from '../model/identity.ts';
import { keyNameOf } from './keys.ts';
import type { ListStore } from './list-store.ts';
import type { VerifiedList } from './signed-list.ts';
import { currentManagers, devicesList, isManagedBy } from './snapshot.ts';
import type { UserKey } from './user-key.ts';
import type { UserLists } from './user-lists.ts';

/** The types of lists that the user key signs. */
export type UserListType = 'devices' | 'friends';

/** What the next management device needs beyond the lists, which every own device has. Holds the greatest secret of the network. */
export interface HandOverParts {
  readonly userKey: KeyObject;
  /** What was ever removed by lists that the user key signed, and the newest ones have no room to tell. */
  readonly removed: ReadonlyMap<UserListType, readonly KeyName[]>;
}

export interface UserKeyTransferDeps {
  readonly lists: ListStore;
  /** In which the network changes, one change after another. */
  readonly queue: SerialQueue;
  readonly userKey: UserKey;
  readonly userLists: UserLists;
}

/**
 * The user key moves from one management device to the next: `parts` here, `take` there, `moveRole` here, and when the
 * other has that list, `forget` here. Each step can be done again, and after each of them somebody has the key: two
 * holders are no harm (`overtaken.ts`), none is the end of the network.
 */
export class UserKeyTransfer {
  private readonly deps: UserKeyTransferDeps;
  private readonly network: KeyName;
  private readonly self: KeyName;

  /** @param self the key of this installation's gateway */
  constructor(deps: UserKeyTransferDeps, network: KeyName, self: KeyName) {
    this.deps = deps;
    this.network = network;
    this.self = self;
  }

  /** @throws XpmnError `not-allowed` (no user key here), `not-authorized` (it is locked) */
  parts(): HandOverParts {
    const userKey = this.deps.userKey.required();
    return { userKey, removed: new Map((['devices', 'friends'] as const).map((type) => [type, this.untold(type)])) };
  }

  /** Whether the user key is here already. */
  get isHere(): boolean {
    return this.deps.userKey.isHere;
  }

  /**
   * Takes over the user key: it lies here, without a password, when this resolves. Where it is already, nothing changes.
   * @throws XpmnError `not-acceptable` (it is not the key of this network), `too-large`, `storage-failed`
   */
  take({ userKey, removed }: HandOverParts): Promise<void> {
    return this.deps.queue.run(async () => {
      if (keyNameOf(userKey) !== this.network) throw new XpmnError('not-acceptable', 'That is not the user key of this media network.');
      if (this.isHere) return;
      await this.deps.lists.recall([...removed].map(([type, keys]) => ({ ...this.slot(type), keys: new Set(keys) })).filter(({ keys }) => keys.size > 0));
      await this.deps.userKey.take(userKey);
    });
  }

  /** The newest list of devices, in which `to` alone has the role `management`: issued unless it is so already. @throws XpmnError as `UserLists.moveManagement` */
  moveRole(to: KeyName): Promise<VerifiedList> {
    return this.deps.queue.run(() => this.deps.userLists.moveManagement(to));
  }

  /** Deletes the user key here. @throws XpmnError `conflict` (the newest list does not say that `to` manages the network), `storage-failed` */
  forget(to: KeyName): Promise<void> {
    return this.deps.queue.run(async () => {
      const newest = devicesList(this.deps.lists.snapshot, this.network);
      if (to === this.self || !newest || !isManagedBy(newest, to)) throw new XpmnError('conflict', 'The other device does not manage the media network.');
      await this.deps.userKey.forget();
    });
  }

  /** Whether that device manages the network, as the newest list says. */
  isManager(key: KeyName): boolean {
    return currentManagers(this.deps.lists.snapshot, this.network).some((device) => device.key === key);
  }

  private untold(type: UserListType): KeyName[] {
    const { lists } = this.deps;
    const newest = lists.snapshot.lists.find((list) => list.network === this.network && list.type === type);
    const told = new Set(newest?.removed.map(({ key }) => key));
    return [...lists.removedBy(this.slot(type))].filter((key) => !told.has(key));
  }

  private slot<T extends UserListType>(type: T): { readonly network: KeyName; readonly type: T; readonly signer: KeyName } {
    return { network: this.network, type, signer: this.network };
  }
}
