import type { Jid } from '../model/jid.ts';
import type { Notification } from './service.ts';

/** What goes into one notification. */
export interface GatheringLimits<P> {
  readonly bytes: number;
  readonly sizeOf: (payload: P) => number;
}

/**
 * Notifications in the order in which they came; what is told of other items of one node, to the same audience, goes
 * together. What becomes of one item is never left out.
 */
export class Gathering<P> {
  private readonly limits: GatheringLimits<P>;
  private gathered: Joined<P>[] = [];

  constructor(limits: GatheringLimits<P>) {
    this.limits = limits;
  }

  get isEmpty(): boolean {
    return this.gathered.length === 0;
  }

  add(notification: Notification<P>): void {
    if (!this.gathered.at(-1)?.add(notification)) this.gathered.push(new Joined(notification, this.limits));
  }

  /** All of them; none is left. */
  take(): readonly Notification<P>[] {
    const { gathered } = this;
    this.gathered = [];
    return gathered.map(({ notification }) => notification);
  }
}

class Joined<P> {
  notification: Notification<P>;
  private readonly limits: GatheringLimits<P>;
  /** Of the items in it; undefined while there was no need to look. */
  private known: { readonly ids: Set<string>; bytes: number } | undefined;

  constructor(first: Notification<P>, limits: GatheringLimits<P>) {
    this.notification = first;
    this.limits = limits;
  }

  /** False if it has to be told apart. */
  add(other: Notification<P>): boolean {
    const { notification: one } = this;
    if (one.node !== other.node || one.isDeleted || other.isDeleted || !areSame(one.to, other.to)) return false;
    const known = (this.known ??= { ids: new Set(idsOf(one)), bytes: this.sizeOf(one) });
    const ids = idsOf(other);
    const bytes = known.bytes + this.sizeOf(other);
    if (bytes > this.limits.bytes || ids.some((id) => known.ids.has(id))) return false;
    for (const id of ids) known.ids.add(id);
    known.bytes = bytes;
    this.notification = { ...one, published: [...one.published, ...other.published], retracted: [...one.retracted, ...other.retracted] };
    return true;
  }

  private sizeOf({ published }: Notification<P>): number {
    return published.reduce((sum, { payload }) => sum + this.limits.sizeOf(payload), 0);
  }
}

function idsOf<P>({ published, retracted }: Notification<P>): string[] {
  return [...published.map(({ id }) => id), ...retracted];
}

function areSame(one: readonly Jid[], other: readonly Jid[]): boolean {
  return one.length === other.length && one.every((jid, index) => jid === other[index]);
}
