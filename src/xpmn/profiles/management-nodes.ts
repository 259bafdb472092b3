import { XpmnError } from '../kernel/errors.ts';
import type { Verdict } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { Draft, Item, ItemChange, ItemSource } from '../pubsub/item-source.ts';
import type { PubsubService, Rights } from '../pubsub/service.ts';
import type { CertificateShelf } from '../trust/certificate-shelf.ts';
import { headOf, headsElement } from '../trust/heads.ts';
import { itemIdOf, listsOn, nodeOf } from '../trust/list-nodes.ts';
import type { ListStore } from '../trust/list-store.ts';
import type { TrustOptions } from '../trust/options.ts';
import type { VoidReason } from '../trust/list-document.ts';
import { readList } from '../trust/signed-list.ts';
import type { VerifiedList } from '../trust/signed-list.ts';

const OWN: readonly Verdict[] = ['own'];
/** What speaks for a bridged device is a gateway: it reads like one, and writes under its own name. */
const HOME: readonly Verdict[] = ['own', 'own-hosted'];
const FRIENDS: readonly Verdict[] = [...HOME, 'friend'];
const NOBODY: readonly Verdict[] = [];

/**
 * Who may do what, by node. Nobody retracts: a list is replaced by a newer one, and a certificate goes with the device that
 * it is of. A friend reads a certificate whose fingerprint it has, and is not told which there are.
 */
export const MANAGEMENT_RIGHTS: ReadonlyMap<string, Rights> = new Map([
  [NS.trust, { list: FRIENDS, read: FRIENDS, publish: OWN, retract: NOBODY, subscribe: ['own', 'friend'] }],
  [NS.trustFriends, { list: OWN, read: OWN, publish: OWN, retract: NOBODY, subscribe: OWN }],
  [NS.pubkey, { list: HOME, read: FRIENDS, publish: OWN, retract: NOBODY, subscribe: OWN }],
]);

export interface ManagementNodesDeps {
  readonly service: PubsubService<XmlElement>;
  readonly lists: ListStore;
  readonly certificates: CertificateShelf;
}

export interface ManagementNodesOptions {
  readonly trust: TrustOptions;
  /** Whether own devices are told of changed lists over their streams, without asking for it. */
  readonly tellsOwnDevices: boolean;
}

/**
 * The lists and certificates of the network as nodes of its management device. They are no second copy: what is read is
 * what the store has, what is published is offered to the store. An event names the list by its head, and does not carry it:
 * between devices of ours the list itself travels by the exchange of heads.
 */
export function addManagementNodes({ service, lists, certificates }: ManagementNodesDeps, { trust, tellsOwnDevices }: ManagementNodesOptions): void {
  for (const name of [NS.trust, NS.trustFriends]) {
    service.addNode({
      name, rights: rightsOf(name), automatic: tellsOwnDevices ? OWN : NOBODY,
      items: new ListItems(name, lists, trust),
      digest: ({ id }) => headsElement(listsOn(lists.snapshot, name).filter((list) => itemIdOf(list) === id).map(headOf)),
    });
  }
  service.addNode({ name: NS.pubkey, rights: rightsOf(NS.pubkey), automatic: NOBODY, items: new CertificateItems(certificates) });
}

function rightsOf(node: string): Rights {
  return MANAGEMENT_RIGHTS.get(node) as Rights;
}

/** What is to be told on which node when the store says that a list changed something; undefined if that is nothing. */
export function listChange({ snapshot }: ListStore, changed: VerifiedList): { readonly node: string; readonly change: ItemChange<XmlElement> } | undefined {
  // An older list changes what is known of removals, not what lies on a node; a friend's lies on no node of ours.
  if (changed.network !== snapshot.network || !snapshot.lists.includes(changed)) return undefined;
  return { node: nodeOf(changed), change: { published: [{ id: itemIdOf(changed), payload: changed.element }], retracted: [] } };
}

class ListItems implements ItemSource<XmlElement> {
  private readonly node: string;
  private readonly lists: ListStore;
  private readonly trust: TrustOptions;

  constructor(node: string, lists: ListStore, trust: TrustOptions) {
    this.node = node;
    this.lists = lists;
    this.trust = trust;
  }

  all(): readonly Item<XmlElement>[] {
    return listsOn(this.lists.snapshot, this.node).map((list) => ({ id: itemIdOf(list), payload: list.element }));
  }

  async put({ payload }: Draft<XmlElement>): Promise<{ readonly id: string }> {
    const list = this.read(payload);
    if (list.network !== this.lists.snapshot.network || nodeOf(list) !== this.node) throw new XpmnError('not-acceptable', 'That list does not belong on this node.');
    const outcome = await this.lists.offer(payload);
    if (outcome.outcome === 'void') throw voidError(outcome.reason);
    const held = listsOn(this.lists.snapshot, this.node).some(({ hash }) => hash === list.hash);
    if (!held) throw new XpmnError('conflict', 'There is a newer list.');
    return { id: itemIdOf(list) };
  }

  private read(payload: XmlElement): VerifiedList {
    try {
      return readList(payload, this.trust);
    } catch (error) {
      if (error instanceof XpmnError && 'reason' in error.details) throw voidError(error.details['reason'] as VoidReason);
      throw error;
    }
  }
}

/** What is wrong with a list, as its sender is told: that it had no right to sign it, or that it is none. */
function voidError(reason: VoidReason): XpmnError {
  const isUnauthorised = reason === 'bad-signature' || reason === 'wrong-signer' || reason === 'other-network';
  if (isUnauthorised) return new XpmnError('not-trusted', 'That list is not signed by who may sign it.', { details: { reason } });
  return new XpmnError('bad-request', 'That is no list that counts.', { details: { condition: 'invalid-payload', reason } });
}

class CertificateItems implements ItemSource<XmlElement> {
  private readonly shelf: CertificateShelf;

  constructor(shelf: CertificateShelf) {
    this.shelf = shelf;
  }

  all(): readonly Item<XmlElement>[] {
    return this.shelf.all();
  }

  async put({ payload }: Draft<XmlElement>): Promise<{ readonly id: string }> {
    return { id: this.shelf.put(payload) };
  }
}
