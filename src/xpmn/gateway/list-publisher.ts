import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { SharedRun } from '../kernel/shared-run.ts';
import { withDeadline } from '../kernel/tasks.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { LIST_NODES, itemIdOf, listsOn } from '../trust/list-nodes.ts';
import type { Network } from '../trust/network.ts';
import { compareLists, readList } from '../trust/signed-list.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import type { TrustOptions } from '../trust/options.ts';
import { fetchItems, parseEvent, publishList } from '../xmpp/pep.ts';
import type { PepAccess, PepItem } from '../xmpp/pep.ts';

export interface ListPublisherOptions {
  /** Milliseconds for reading or publishing. */
  readonly pepTimeout: number;
  /** Items that the nodes have to hold. */
  readonly pepItems: number;
  readonly trust: TrustOptions;
}

export interface ListPublisherDeps {
  readonly channel: StanzaChannel;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the owner: ends everything. */
  readonly signal: AbortSignal;
}

/**
 * The lists as they lie on the account: read at every connection and whenever they change; what we have newer is put
 * there. Neither the item ids nor the server is believed: a list speaks for itself.
 *
 * A notification makes us publish only by way of a list that the store takes, and it never goes back: so gateways that hold
 * different things for void, or for the newest, overwrite each other's once, and not without end.
 */
export class ListPublisher {
  private readonly deps: ListPublisherDeps;
  private readonly options: ListPublisherOptions;
  private readonly run: SharedRun;

  constructor(deps: ListPublisherDeps, options: ListPublisherOptions) {
    this.deps = deps;
    this.options = options;
    this.run = new SharedRun((signal) => this.syncNow(signal), deps.signal);
  }

  /**
   * Reads what is there, then publishes what we know better; once for all who ask before it begins: reading lists changes
   * lists, and each change asks for it. `waiting` ends the wait only.
   */
  sync(waiting?: AbortSignal): Promise<void> {
    return this.run.ask(waiting);
  }

  /** Reads the lists of any account and offers them to the store. */
  async lookUp(account: Jid, signal: AbortSignal): Promise<void> {
    await this.offer(await this.bounded(signal, (within) => fetchItems(this.deps.channel, account, NS.trust, { signal: within })));
  }

  /** Takes a notification: one of an own node is news. */
  async received(message: XmlElement): Promise<void> {
    const event = parseEvent(message);
    if (event && event.from === bareJid(this.deps.channel.local) && LIST_NODES.includes(event.node)) await this.offer(event.published);
  }

  private async syncNow(signal: AbortSignal): Promise<void> {
    for (const node of LIST_NODES) {
      const items = await this.bounded(signal, (within) => fetchItems(this.deps.channel, undefined, node, { signal: within }));
      await this.offer(items);
      await this.publishNewer(node, items, signal);
    }
  }

  private async offer(items: readonly PepItem[]): Promise<void> {
    const lists = items.flatMap(({ payload }) => payload ?? []).slice(0, this.options.pepItems);
    await this.deps.network.lists.offerAll(lists);
  }

  private async publishNewer(node: string, items: readonly PepItem[], signal: AbortSignal): Promise<void> {
    const there = new Map(items.map(({ id, payload }) => [id, payload && this.tryRead(payload)]));
    const news = listsOn(this.deps.network.lists.snapshot, node).filter((list) => {
      const held = there.get(itemIdOf(list));
      return !held || compareLists(list, held) > 0;
    });
    if (news.length === 0) return;
    const access: PepAccess = node === NS.trust ? 'presence' : 'whitelist';
    const payloads = news.map((list) => ({ id: itemIdOf(list), payload: list.element }));
    await this.bounded(signal, (within) => publishList(this.deps.channel, { node, access, maxItems: this.options.pepItems }, payloads, { signal: within }));
    this.deps.log.info('lists published', { node, lists: payloads.map(({ id }) => id) });
  }

  private tryRead(payload: XmlElement): VerifiedList | undefined {
    try {
      return readList(payload, this.options.trust);
    } catch {
      // Something void lies in the place of our list: it is overwritten.
      return undefined;
    }
  }

  private bounded<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline({ clock: this.deps.clock, signal, delay: this.options.pepTimeout, what: 'Reading or publishing lists' }, work);
  }
}
