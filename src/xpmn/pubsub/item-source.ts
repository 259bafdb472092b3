/** An item of a node, under its id. */
export interface Item<P> {
  readonly id: string;
  readonly payload: P;
}

/** An item that is to be published; without an id it gets one. */
export interface Draft<P> {
  readonly id?: string | undefined;
  readonly payload: P;
}

/** What has become of the items of a node. */
export interface ItemChange<P> {
  readonly published: readonly Item<P>[];
  /** Ids of items that are no more. */
  readonly retracted: readonly string[];
}

/**
 * The items of one node. They are kept here (`MemoryItems`), or are a view of what is kept elsewhere; then whoever keeps
 * them judges what is published, and may give it another id than it came with.
 */
export interface ItemSource<P> {
  /** Oldest first. */
  all(): readonly Item<P>[];
  /**
   * Takes an item, or refuses it. `change` is left out where the keeper tells of changes by itself; the same id again
   * replaces what was there. Without this nothing can be published.
   * @throws XpmnError
   */
  put?(item: Draft<P>): Promise<{ readonly id: string; readonly change?: ItemChange<P> | undefined }>;
  /** Undefined if it is not there. Without this nothing can be retracted. */
  remove?(id: string): Promise<ItemChange<P> | undefined>;
}

/** Items that are kept here, so many and no more: the oldest goes first. */
export class MemoryItems<P> implements ItemSource<P> {
  private readonly newId: () => string;
  private readonly limit: number;
  private readonly items = new Map<string, P>();

  constructor({ newId }: { readonly newId: () => string }, { limit }: { readonly limit: number }) {
    this.newId = newId;
    this.limit = limit;
  }

  all(): readonly Item<P>[] {
    return [...this.items].map(([id, payload]) => ({ id, payload }));
  }

  put({ id = this.newId(), payload }: Draft<P>): Promise<{ readonly id: string; readonly change: ItemChange<P> }> {
    this.items.delete(id);
    this.items.set(id, payload);
    const retracted = [...this.items.keys()].slice(0, Math.max(0, this.items.size - this.limit));
    for (const old of retracted) this.items.delete(old);
    return Promise.resolve({ id, change: { published: [{ id, payload }], retracted } });
  }

  remove(id: string): Promise<ItemChange<P> | undefined> {
    return Promise.resolve(this.items.delete(id) ? { published: [], retracted: [id] } : undefined);
  }
}
