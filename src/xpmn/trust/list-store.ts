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
import { farewellTo, farewellsWith } from './farewell.ts';
import { headOf, inReadingOrder, lackingLists, mayRead } from './heads.ts';
import type { Head } from './heads.ts';
import type { VoidReason } from './list-document.ts';
import { farewellDocument, listDocument, loadFarewells, loadLists, loadOvertaken, overtakenDocument, removedDocument } from './list-documents.ts';
import type { TrustOptions } from './options.ts';
import { overtakenBy } from './overtaken.ts';
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
  /** What is known changed by this list, or it was overtaken: verdicts may have changed, too. The list is news to pass on once. */
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
  private evidence: readonly VerifiedList[];
  private farewells: readonly VerifiedList[];

  private constructor(deps: ListStoreDeps, options: TrustOptions, known: TrustSnapshot, kept: { readonly overtaken: readonly VerifiedList[]; readonly farewells: readonly VerifiedList[] }) {
    super();
    this.storage = deps.storage;
    this.clock = deps.clock;
    this.options = options;
    this.known = known;
    this.evidence = kept.overtaken;
    this.farewells = kept.farewells;
  }

  /** @throws XpmnError `storage-failed`, also for a stored list that does not verify any more */
  static async open(deps: ListStoreDeps, options: TrustOptions, network: KeyName): Promise<ListStore> {
    const { storage } = deps;
    return new ListStore(deps, options, await loadLists(storage, options, network), { overtaken: await loadOvertaken(storage, options), farewells: await loadFarewells(storage, options) });
  }

  /** Everything known now. Immutable: a later change makes another one. */
  get snapshot(): TrustSnapshot {
    return this.known;
  }

  /** Lists of my network from which the newest ones do not follow; of each slot the newest first. */
  get overtaken(): readonly VerifiedList[] {
    return this.evidence;
  }

  /** The list that removed that key from the devices of my network, as long as it is remembered: for whoever has proven it. */
  farewellTo(key: KeyName): VerifiedList | undefined {
    return farewellTo(key, this.farewells);
  }

  /** Every key that lists of that slot ever removed. */
  removedBy(slot: Pick<VerifiedList, 'network' | 'type' | 'signer'>): ReadonlySet<KeyName> {
    return this.known.removed.find((memory) => slotOf(memory) === slotOf(slot))?.keys ?? new Set();
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
    return lackingLists(this.known, heads, peer, this.options, this.evidence);
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

  /** Takes several, each after those that its signer's right rests on; outcomes in that order, void ones first. @throws XpmnError `storage-failed` */
  offerAll(signed: readonly XmlElement[]): Promise<OfferOutcome[]> {
    return this.queue.run(async () => {
      const outcomes: OfferOutcome[] = [];
      const readable: VerifiedList[] = [];
      for (const element of signed) {
        const read = this.read(element);
        if ('outcome' in read) outcomes.push(read);
        else readable.push(read);
      }
      // All of them count, whatever can't be stored.
      const failures: unknown[] = [];
      for (const list of inReadingOrder(readable, this.known.network)) {
        await this.take(list).then((outcome) => outcomes.push(outcome), (error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
      return outcomes;
    });
  }

  /**
   * Takes what such a store remembered, from a backup of it: unlike a list, that does not speak for itself.
   * @throws XpmnError `too-large`, `storage-failed`
   */
  recall(removed: readonly RemovedKeys[]): Promise<void> {
    return this.queue.run(async () => {
      for (const memory of removed) {
        if (new Set([...this.removedBy(memory), ...memory.keys]).size > this.options.removedKeys) throw new XpmnError('too-large', `At most ${this.options.removedKeys} removed keys are remembered.`);
        this.remember(memory, memory.keys);
      }
      await this.save();
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
    if (list.type === 'hosted') this.makeRoomForHost(list);
    const held = this.known.lists.find((other) => slotOf(other) === slotOf(list));
    const isNewer = !held || compareLists(list, held) > 0;
    // An older list, too, tells what it removed: "a key that any valid list of the network ever removed".
    const hasRemovals = this.remember(list, list.removed.map(({ key }) => key));
    const [newest, other] = isNewer ? [list, held] : [held, list];
    const isOvertaken = this.noteOvertaken(newest, other);
    if (isNewer) {
      this.noteFarewells(list);
      this.keep(list);
    }
    try {
      await this.save();
    } finally {
      const news = new Set([...(isNewer || hasRemovals ? [list] : []), ...(other && isOvertaken ? [other] : [])]);
      for (const one of news) this.emit('changed', one);
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
    const { others, gone } = this.hostedBeside(list);
    return others.length - gone.length < this.options.hostedLists;
  }

  private makeRoomForHost(list: VerifiedList): void {
    const { others, gone } = this.hostedBeside(list);
    if (others.length >= this.options.hostedLists) this.forget(gone);
  }

  private hostedBeside({ network, signer }: VerifiedList): Record<'others' | 'gone', VerifiedList[]> {
    const others = this.known.lists.filter((other) => other.type === 'hosted' && other.network === network && other.signer !== signer);
    // Only lists of hosts whose keys are gone for ever may be forgotten: no older one of them can come back.
    return { others, gone: others.filter((other) => isRemoved(this.known, other.network, 'devices', other.signer)) };
  }

  private forget(lists: readonly VerifiedList[]): void {
    this.known = { ...this.known, lists: this.known.lists.filter((list) => !lists.includes(list)) };
    for (const list of lists) this.toSave(listDocument(list), undefined);
  }

  /** Whether anything new was removed. */
  private remember(slot: Pick<VerifiedList, 'network' | 'type' | 'signer'>, removed: Iterable<KeyName>): boolean {
    const { network, type, signer } = slot;
    const before = this.removedBy(slot);
    const keys = new Set([...before, ...removed]);
    if (keys.size === before.size) return false;
    const memory: RemovedKeys = { network, type, signer, keys };
    this.known = { ...this.known, removed: [...this.known.removed.filter((other) => slotOf(other) !== slotOf(slot)), memory] };
    this.toSave(removedDocument(memory), JSON.stringify({ version: 1, keys: [...keys] }));
    return true;
  }

  /** Keeps `other` as evidence if the newest list of its slot does not follow from it, and forgets what that follows from now. Whether `other` is news. */
  private noteOvertaken(newest: VerifiedList, other: VerifiedList | undefined): boolean {
    if (newest.network !== this.known.network || newest.type === 'hosted') return false;
    const isOfSlot = (list: VerifiedList): boolean => slotOf(list) === slotOf(newest);
    const before = this.evidence.filter(isOfSlot);
    const now = overtakenBy(newest, other ? [...before, other] : before, this.removedBy(newest), this.options);
    for (const list of now) if (!before.includes(list)) this.toSave(overtakenDocument(list), serialise(list.element));
    for (const list of before) if (!now.includes(list)) this.toSave(overtakenDocument(list), undefined);
    this.evidence = [...this.evidence.filter((list) => !isOfSlot(list)), ...now];
    return other !== undefined && now.includes(other) && !before.includes(other);
  }

  private noteFarewells(list: VerifiedList): void {
    if (list.network !== this.known.network || list.type !== 'devices') return;
    const [before, now] = [this.farewells, farewellsWith(list, this.farewells, this.options)];
    for (const one of now) if (!before.includes(one)) this.toSave(farewellDocument(one), serialise(one.element));
    for (const one of before) if (!now.includes(one)) this.toSave(farewellDocument(one), undefined);
    this.farewells = now;
  }

  private keep(list: VerifiedList): void {
    this.known = { ...this.known, lists: [...this.known.lists.filter((other) => slotOf(other) !== slotOf(list)), list] };
    this.toSave(listDocument(list), serialise(list.element));
  }

  /** Goes behind what waits already, also when it waits itself. */
  private toSave(document: string, text: string | undefined): void {
    this.unsaved.delete(document);
    this.unsaved.set(document, text);
  }

  /**
   * In the order in which it was noted, deletions last. Removals are noted first, then what is overtaken, then what overtook
   * it: a crash in between forgets a list that comes again, never a removal or the evidence.
   */
  private async save(): Promise<void> {
    const waiting = [...this.unsaved];
    for (const [name, text] of [...waiting.filter(([, text]) => text !== undefined), ...waiting.filter(([, text]) => text === undefined)]) {
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
