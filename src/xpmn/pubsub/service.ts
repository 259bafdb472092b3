import { XpmnError } from '../kernel/errors.ts';
import type { Verdict } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { GatheringLimits } from './gathering.ts';
import type { Draft, Item, ItemChange, ItemSource } from './item-source.ts';

/** `list`: all items, by nobody knows which names; `read`: those that the asker can name. */
export type PubsubAction = 'list' | 'read' | 'publish' | 'retract' | 'subscribe';

/** Who may do what with a node, by what the peer has proven to be; who is not named may not. */
export type Rights = Readonly<Record<PubsubAction, readonly Verdict[]>>;

/** Who asks, or is there to be told. */
export interface Visitor {
  readonly jid: Jid;
  readonly verdict: Verdict;
}

export interface PubsubNode<P> {
  readonly name: string;
  readonly rights: Rights;
  /** Who is told of changes without having subscribed; the others with the right to subscribe have to. */
  readonly automatic: readonly Verdict[];
  /** Of those, who wants to be told; all, if left out. */
  readonly wanted?: (who: Visitor) => boolean;
  /**
   * For whom alone it was made, by an answer to a question of his: he has subscribed to it, for the others it is not there, and it
   * goes when he unsubscribes or leaves.
   */
  readonly only?: Jid;
  /** It has gone with whom it was made for. */
  readonly onGone?: () => void;
  readonly items: ItemSource<P>;
  /** What a notification carries of an item; all of it, if left out. */
  readonly digest?: (item: Item<P>) => P;
}

/** What is to be told, and to whom. */
export interface Notification<P> extends ItemChange<P> {
  readonly to: readonly Jid[];
  readonly node: string;
  readonly isDeleted: boolean;
}

export interface PubsubLimits {
  readonly nodes: number;
  /** Those that were made for one visitor alone. */
  readonly nodesForOne: number;
  /** Those of one node that have asked for it. */
  readonly subscribers: number;
  /** Of one item, in bytes. */
  readonly itemBytes: number;
  /** Of all items in one answer, or in one notification. */
  readonly answerBytes: number;
}

/**
 * Nodes with items, of one device that is its own publish-subscribe service. It decides, and says what is to be told to
 * whom; it knows neither stanzas nor streams. Without a right there is nothing: a visitor who has proven nothing may
 * nothing, whatever a table says.
 *
 * @spec XEP-0060 v1.26.0 §6, §7
 */
export class PubsubService<P> {
  private readonly sizeOf: (payload: P) => number;
  private readonly limits: PubsubLimits;
  private readonly nodes = new Map<string, PubsubNode<P>>();
  /** Who has asked for it, by node. */
  private readonly subscribers = new Map<string, Set<Jid>>();

  constructor({ sizeOf }: { readonly sizeOf: (payload: P) => number }, limits: PubsubLimits) {
    this.sizeOf = sizeOf;
    this.limits = limits;
  }

  /** What one notification may hold, for those who make one of several. */
  get notificationLimits(): GatheringLimits<P> {
    return { bytes: this.limits.answerBytes, sizeOf: this.sizeOf };
  }

  /** @throws XpmnError `conflict`, `resource-limit` */
  addNode(node: PubsubNode<P>): void {
    if (this.nodes.has(node.name)) throw new XpmnError('conflict', 'There is such a node already.');
    if (this.nodes.size >= this.limits.nodes) throw new XpmnError('resource-limit', `There are no more than ${this.limits.nodes} nodes.`);
    const { only } = node;
    if (only !== undefined && [...this.nodes.values()].filter((other) => other.only === only).length >= this.limits.nodesForOne) {
      throw new XpmnError('resource-limit', `There are no more than ${this.limits.nodesForOne} nodes for one device.`);
    }
    this.nodes.set(node.name, node);
    this.subscribers.set(node.name, new Set(only === undefined ? [] : [only]));
  }

  /** Undefined if there is no such node, or nobody to be told. */
  deleteNode(name: string, present: readonly Visitor[]): Notification<P> | undefined {
    const node = this.nodes.get(name);
    const to = node ? this.audience(node, present) : [];
    this.nodes.delete(name);
    this.subscribers.delete(name);
    return to.length > 0 ? { to, node: name, published: [], retracted: [], isDeleted: true } : undefined;
  }

  /**
   * All items, or those of `ids` that are there, oldest first; of many the first that fit into an answer. `newest`: no more
   * than so many, of the youngest.
   * @throws XpmnError `not-found`, `not-allowed`, `security-required`
   */
  items(name: string, who: Visitor | undefined, { ids = [], newest = Infinity }: { readonly ids?: readonly string[]; readonly newest?: number | undefined } = {}): readonly Item<P>[] {
    const node = this.open(name, who, ids.length > 0 ? 'read' : 'list');
    const found = node.items.all().filter(({ id }) => ids.length === 0 || ids.includes(id));
    return this.fitting(newest < found.length ? found.slice(-newest) : found);
  }

  /**
   * Takes an item; the same id again replaces the one that was there. The notification is for those who are `present`;
   * undefined where the items tell of their changes by themselves, or nobody is to be told.
   * @throws XpmnError `not-found`, `not-allowed`, `security-required`, `too-large`; as the items say
   */
  async publish(name: string, who: Visitor | undefined, item: Draft<P>, present: () => readonly Visitor[]): Promise<{ readonly id: string; readonly notification: Notification<P> | undefined }> {
    const { items } = this.open(name, who, 'publish');
    if (!items.put) throw unsupported('publish');
    if (this.sizeOf(item.payload) > this.limits.itemBytes) throw new XpmnError('too-large', `An item has no more than ${this.limits.itemBytes} bytes.`, { details: { condition: 'payload-too-big' } });
    const { id, change } = await items.put(item);
    return { id, notification: change && this.notification(name, change, present()) };
  }

  /** @throws XpmnError `not-found` (the node, or the item), `not-allowed`, `security-required` */
  async retract(name: string, who: Visitor | undefined, id: string, present: () => readonly Visitor[]): Promise<Notification<P> | undefined> {
    const { items } = this.open(name, who, 'retract');
    if (!items.remove) throw unsupported('delete-items');
    const change = await items.remove(id);
    if (!change) throw new XpmnError('not-found', 'There is no such item.');
    return this.notification(name, change, present());
  }

  /**
   * From now on `who` is told of changes, while it is there; twice is the same as once. First it is told how things are: `welcome`.
   * @throws XpmnError `not-found`, `not-allowed`, `security-required`, `resource-limit`
   */
  subscribe(name: string, who: Visitor | undefined): void {
    const { jid } = known(who);
    this.open(name, who, 'subscribe');
    const subscribers = this.subscribersOf(name);
    if (!subscribers.has(jid) && subscribers.size >= this.limits.subscribers) {
      throw new XpmnError('resource-limit', `A node has no more than ${this.limits.subscribers} subscribers.`, { details: { condition: 'too-many-subscriptions' } });
    }
    subscribers.add(jid);
  }

  /** How things are on a node, for one who has subscribed and is still to be told; undefined if there is nothing. */
  welcome(name: string, who: Visitor): Notification<P> | undefined {
    const node = this.nodes.get(name);
    return node && this.audience(node, [who]).length > 0 ? this.whatIs(node, who.jid) : undefined;
  }

  /** Who is told without having asked has nothing to take back. @throws XpmnError `not-found`, `not-allowed`, `security-required`, `unexpected-request` */
  unsubscribe(name: string, who: Visitor | undefined): void {
    const { jid } = known(who);
    const node = this.open(name, who, 'subscribe');
    if (node.only !== undefined) this.dropFor(node);
    else if (!this.subscribersOf(name).delete(jid)) throw new XpmnError('unexpected-request', 'You have not subscribed.', { details: { condition: 'not-subscribed' } });
  }

  /** `jid` is there no more: what it subscribed to, it did while it was. */
  left(jid: Jid): void {
    for (const subscribers of this.subscribers.values()) subscribers.delete(jid);
    for (const node of [...this.nodes.values()]) if (node.only === jid) this.dropFor(node);
  }

  /** What is told to whoever comes and is told without asking: the items as they are. */
  greeting(who: Visitor): readonly Notification<P>[] {
    const nodes = [...this.nodes.values()].filter((node) => isAutomatic(node, who));
    return nodes.flatMap((node) => this.whatIs(node, who.jid) ?? []);
  }

  /** What is to be told of a change, to those who are `present` and may know; undefined if that is nobody. */
  notification(name: string, { published, retracted }: ItemChange<P>, present: readonly Visitor[]): Notification<P> | undefined {
    const node = this.nodes.get(name);
    const to = node ? this.audience(node, present) : [];
    if (!node || to.length === 0) return undefined;
    return { to, node: name, published: this.fitting(published.map((item) => digested(node, item))), retracted, isDeleted: false };
  }

  /** How those items are now, for one who has not been told of all their changes; undefined if he is not to be told any more. */
  current(name: string, ids: ReadonlySet<string>, who: Visitor): Notification<P> | undefined {
    const node = this.nodes.get(name);
    if (!node) return undefined;
    const published = node.items.all().filter(({ id }) => ids.has(id));
    const there = new Set(published.map(({ id }) => id));
    return this.notification(name, { published, retracted: [...ids].filter((id) => !there.has(id)) }, [who]);
  }

  private dropFor({ name, onGone }: PubsubNode<P>): void {
    this.nodes.delete(name);
    this.subscribers.delete(name);
    onGone?.();
  }

  private whatIs(node: PubsubNode<P>, jid: Jid): Notification<P> | undefined {
    const published = this.fitting(node.items.all().map((item) => digested(node, item)));
    return published.length > 0 ? { to: [jid], node: node.name, published, retracted: [], isDeleted: false } : undefined;
  }

  /** Each once, whatever it has open. Rights are asked for again: verdicts change. */
  private audience(node: PubsubNode<P>, present: readonly Visitor[]): Jid[] {
    const subscribers = this.subscribersOf(node.name);
    const told = present.filter((who) => isAutomatic(node, who) || (subscribers.has(who.jid) && may(node, who, 'subscribe')));
    return [...new Set(told.map(({ jid }) => jid))];
  }

  private open(name: string, who: Visitor | undefined, action: PubsubAction): PubsubNode<P> {
    const visitor = known(who);
    const node = this.nodes.get(name);
    if (!node || (node.only !== undefined && node.only !== visitor.jid)) throw new XpmnError('not-found', 'There is no such node here.');
    if (!may(node, visitor, action)) throw new XpmnError('not-allowed', 'This is not for you.');
    return node;
  }

  private subscribersOf(name: string): Set<Jid> {
    return this.subscribers.get(name) ?? new Set();
  }

  private fitting(items: readonly Item<P>[]): readonly Item<P>[] {
    let bytes = 0;
    const tooMany = items.findIndex(({ payload }) => (bytes += this.sizeOf(payload)) > this.limits.answerBytes);
    return tooMany < 0 ? items : items.slice(0, tooMany);
  }
}

function known(who: Visitor | undefined): Visitor {
  if (!who) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
  return who;
}

function may<P>({ rights, only }: PubsubNode<P>, { jid, verdict }: Visitor, action: PubsubAction): boolean {
  return rights[action].includes(verdict) && (only === undefined || only === jid);
}

function isAutomatic<P>(node: PubsubNode<P>, who: Visitor): boolean {
  return node.automatic.includes(who.verdict) && may(node, who, 'subscribe') && (node.wanted?.(who) ?? true);
}

function digested<P>({ digest }: PubsubNode<P>, item: Item<P>): Item<P> {
  return digest ? { id: item.id, payload: digest(item) } : item;
}

function unsupported(feature: string): XpmnError {
  return new XpmnError('not-supported', 'That is not done with this node.', { details: { condition: 'unsupported', feature } });
}
