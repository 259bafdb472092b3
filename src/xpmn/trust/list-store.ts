import { EventEmitter } from 'node:events';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { SerialQueue } from '../kernel/tasks.ts';
import type { KeyName, PeerIdentity } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { Storage } from '../ports/storage.ts';
import { judgePeer } from './acceptance.ts';
import type { Judgement } from './acceptance.ts';
import { headOf, inReadingOrder, lackingLists, mayRead } from './heads.ts';
import type { Head } from './heads.ts';
import type { VoidReason } from './list-document.ts';
import { listDocument, loadLists, removedDocument } from './list-documents.ts';
import type { TrustOptions } from './options.ts';
import { compareLists, readList, slotOf } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';
import { currentHosts, friendsList, isIssuedAhead, isRemoved } from './snapshot.ts';
import type { RemovedKeys, TrustSnapshot } from './snapshot.ts';

export type OfferOutcome =
  | { readonly outcome: 'accepted'; readonly list: VerifiedList }
  /** Valid, but we have it, or a newer one. */
  | { readonly outcome: 'older'; readonly list: VerifiedList }
  | { readonly outcome: 'void'; readonly reason: VoidReason };

export interface ListStoreEvents {
  /** What is known changed by this list: verdicts may have, too. The list is news to pass on once. */
  changed: [list: VerifiedList];
}

/**
 * The newest list of every signer, type and network, and everything that was ever removed; kept across restarts, and
 * never going back. Lists of my network and of my friends' are taken, no others. Offers are worked on one by one.
 *
 * What was learnt counts at once, even if it can't be stored: then the offer rejects with `storage-failed`, and the next
 * offer tries to store it again.
 */
export class ListStore extends EventEmitter<ListStoreEvents> {
  private readonly storage: Storage;
  private readonly clock: Clock;
  private readonly options: TrustOptions;
  private readonly queue = new SerialQueue();
  /** Documents that are yet to be stored; undefined = to be deleted. */
  private readonly unsaved = new Map<string, string | undefined>();
  private known: TrustSnapshot;

  private constructor(deps: ListStoreDeps, options: TrustOptions, known: TrustSnapshot) {
    super();
    this.storage = deps.storage;
    this.clock = deps.clock;
    this.options = options;
    this.known = known;
  }

  /** @throws XpmnError `storage-failed`, also for a stored list that does not verify any more */
  static async open(deps: ListStoreDeps, options: TrustOptions, network: KeyName): Promise<ListStore> {
    return new ListStore(deps, options, await loadLists(deps.storage, options, network));
  }

  /** Everything known now. Immutable: a later change makes another one. */
  get snapshot(): TrustSnapshot {
    return this.known;
  }

  /** Who a peer is, by what is known now. */
  judge(certificate: Uint8Array, claimed: Jid): Judgement {
    return judgePeer({ certificate, claimed, lists: this.known, now: this.clock.now() }, this.options);
  }

  /** What to tell `peer` that we have. */
  heads(peer: PeerIdentity): Head[] {
    return this.known.lists.filter((list) => mayRead(this.known, list, peer)).slice(0, this.options.heads).map(headOf);
  }

  /** What to send to `peer`, who told its heads. */
  lacking(heads: readonly Head[], peer: PeerIdentity): VerifiedList[] {
    return lackingLists(this.known, heads, peer, this.options);
  }

  /** Whether news of this list may go to `peer`. */
  mayRead(list: VerifiedList, peer: PeerIdentity): boolean {
    return mayRead(this.known, list, peer);
  }

  /** Takes a list from anybody: it speaks for itself. @throws XpmnError `storage-failed` */
  async offer(signed: XmlElement): Promise<OfferOutcome> {
    const [outcome] = await this.offerAll([signed]);
    return outcome as OfferOutcome;
  }

  /** Takes several, each after those that its signer's right rests on; outcomes in that order, void ones first. */
  offerAll(signed: readonly XmlElement[]): Promise<OfferOutcome[]> {
    return this.queue.run(async () => {
      const outcomes: OfferOutcome[] = [];
      const readable: VerifiedList[] = [];
      for (const element of signed) {
        const read = this.read(element);
        if ('outcome' in read) outcomes.push(read);
        else readable.push(read);
      }
      for (const list of inReadingOrder(readable, this.known.network)) outcomes.push(await this.take(list));
      return outcomes;
    });
  }

  private read(signed: XmlElement): VerifiedList | OfferOutcome {
    try {
      return readList(signed, this.options);
    } catch (error) {
      if (error instanceof XpmnError && 'reason' in error.details) return { outcome: 'void', reason: error.details['reason'] as VoidReason };
      throw error;
    }
  }

  private async take(list: VerifiedList): Promise<OfferOutcome> {
    const reason = this.refusal(list);
    if (reason) return { outcome: 'void', reason };
    const held = this.known.lists.find((other) => slotOf(other) === slotOf(list));
    const isNewer = !held || compareLists(list, held) > 0;
    // An older list, too, tells what it removed: "a key that any valid list of the network ever removed".
    const hasRemovals = this.remember(list);
    if (isNewer) this.keep(list);
    try {
      await this.save();
    } finally {
      if (isNewer || hasRemovals) this.emit('changed', list);
    }
    return { outcome: isNewer ? 'accepted' : 'older', list };
  }

  /** Why a list that verifies counts for nothing here; undefined if it counts. */
  private refusal(list: VerifiedList): VoidReason | undefined {
    const { network, type, signer } = list;
    const isMine = network === this.known.network;
    const isFriends = (friendsList(this.known)?.friends ?? []).some(({ key }) => key === network) && !isRemoved(this.known, this.known.network, 'friends', network);
    // A friend's friends are none of our business.
    if (!isMine && (!isFriends || type === 'friends')) return 'other-network';
    if (!isMine && isIssuedAhead(list, this.clock.now(), this.options)) return 'issued-ahead';
    if (type === 'hosted' && !currentHosts(this.known, network).some(({ key }) => key === signer)) return 'wrong-signer';
    if (type === 'hosted' && !this.hasRoomForHost(list)) return 'too-many-hosts';
    const memory = this.removedBy(list);
    const fresh = list.removed.filter(({ key }) => !memory.has(key));
    return memory.size + fresh.length > this.options.removedKeys ? 'too-many-removed' : undefined;
  }

  private hasRoomForHost(list: VerifiedList): boolean {
    const others = this.known.lists.filter((other) => other.type === 'hosted' && other.network === list.network && other.signer !== list.signer);
    // Only lists of hosts whose keys are gone for ever may be forgotten: no older one of them can come back.
    const gone = others.filter((other) => isRemoved(this.known, other.network, 'devices', other.signer));
    if (others.length - gone.length >= this.options.hostedLists) return false;
    if (others.length >= this.options.hostedLists) this.forget(gone);
    return true;
  }

  private forget(lists: readonly VerifiedList[]): void {
    this.known = { ...this.known, lists: this.known.lists.filter((list) => !lists.includes(list)) };
    for (const list of lists) this.unsaved.set(listDocument(list), undefined);
  }

  private removedBy(list: VerifiedList): ReadonlySet<KeyName> {
    return this.known.removed.find((memory) => slotOf(memory) === slotOf(list))?.keys ?? new Set();
  }

  /** Whether anything new was removed. */
  private remember(list: VerifiedList): boolean {
    const { network, type, signer } = list;
    const before = this.removedBy(list);
    const keys = new Set([...before, ...list.removed.map(({ key }) => key)]);
    if (keys.size === before.size) return false;
    const memory: RemovedKeys = { network, type, signer, keys };
    this.known = { ...this.known, removed: [...this.known.removed.filter((other) => slotOf(other) !== slotOf(list)), memory] };
    this.unsaved.set(removedDocument(memory), JSON.stringify({ version: 1, keys: [...keys] }));
    return true;
  }

  private keep(list: VerifiedList): void {
    this.known = { ...this.known, lists: [...this.known.lists.filter((other) => slotOf(other) !== slotOf(list)), list] };
    this.unsaved.set(listDocument(list), serialise(list.element));
  }

  /** Removals were noted first and are stored first: a crash in between forgets a list, never a removal. */
  private async save(): Promise<void> {
    for (const [name, text] of [...this.unsaved]) {
      if (text === undefined) await this.storage.delete(name);
      else await this.storage.put(name, Buffer.from(text));
      this.unsaved.delete(name);
    }
  }
}

export interface ListStoreDeps {
  readonly storage: Storage;
  readonly clock: Clock;
}
