import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { instanceKey, nextLabel } from '../xpmn/model/service-entry.ts';
import type { BusSignal } from './bus.ts';
import { isCollision, isRefusal } from './avahi-objects.ts';
import type { AvahiObject, AvahiObjects } from './avahi-objects.ts';
import { RetryTimer } from './retry-timer.ts';

/** States of an entry group, as avahi numbers them. */
const GROUP = { established: 2, collision: 3, failure: 4 };
const ANY = -1;

export interface OwnEntry {
  readonly wanted: string;
  readonly port: number;
  strings: readonly Buffer[];
  /** The label that it has on the link. */
  label: string;
  attempt: number;
  /** What avahi keeps for it, once it does. */
  group: AvahiObject | undefined;
  isPublished: boolean;
  /** Whether avahi is through with probing for the label. */
  isEstablished: boolean;
  /** What avahi was given last. */
  given: readonly Buffer[];
  /** The interfaces on which it is announced, by number. */
  indexes: readonly number[];
}

export interface AnnouncerDeps {
  readonly objects: AvahiObjects;
  readonly clock: Clock;
  readonly queue: AvahiQueue;
  /** Called when other labels are our own than before. */
  onNews(): void;
}

export interface AnnouncerOptions {
  /** Names of the interfaces to announce on; none: all. */
  readonly interfaces: readonly string[];
  /** Milliseconds between two looks at these: one that was away has another number. */
  readonly interfaceInterval: number;
}

/** Runs jobs one after another while avahi is there; what fails is logged. */
export type AvahiQueue = (job: () => Promise<void>) => Promise<void>;

/** Announces by avahi: one entry group for each instance. */
export class AvahiAnnouncer {
  private readonly deps: AnnouncerDeps;
  private readonly type: string;
  private readonly options: AnnouncerOptions;
  private readonly entries = new Set<OwnEntry>();
  /** Labels that were ours, and that avahi may not have forgotten yet. */
  private readonly leaving = new Set<string>();
  private readonly retry: RetryTimer;
  private looking: Timer | undefined;
  private isRunning = false;

  constructor(deps: AnnouncerDeps, type: string, options: AnnouncerOptions) {
    this.deps = deps;
    this.type = type;
    this.options = options;
    this.retry = new RetryTimer(deps.clock);
  }

  add(wanted: string, port: number, strings: readonly Buffer[]): OwnEntry {
    const entry: OwnEntry = { wanted, port, strings, label: wanted, attempt: 1, group: undefined, isPublished: false, isEstablished: false, given: strings, indexes: [] };
    while (this.hasLabel(entry.label)) this.next(entry);
    this.entries.add(entry);
    void this.deps.queue(() => this.publish(entry));
    return entry;
  }

  /** Gives avahi the strings that the entry has now. */
  update(entry: OwnEntry): void {
    void this.deps.queue(async () => {
      const { group, label, strings, indexes } = entry;
      // COMPAT: while avahi probes, it takes its own probe with other strings for somebody else's, and gives the label up.
      if (!group || !entry.isPublished || !entry.isEstablished || strings === entry.given || !this.entries.has(entry)) return;
      entry.given = strings;
      await this.orLater(entry, async () => {
        for (const index of indexes) await group.call('UpdateServiceTxt', 'iiusssaay', [index, ANY, 0, label, this.type, '', strings]);
      });
    });
  }

  withdraw(entry: OwnEntry): Promise<void> {
    this.entries.delete(entry);
    this.leaving.add(instanceKey(entry.label));
    return this.deps.queue(async () => entry.group?.free());
  }

  withdrawAll(): Promise<unknown> {
    this.rest();
    return Promise.all([...this.entries].map((entry) => this.withdraw(entry)));
  }

  /** Of the labels that are there, those of others; what is not there any more is not ours any more. */
  others<T extends { readonly instance: string }>(all: readonly T[]): T[] {
    const present = new Set(all.map(({ instance }) => instanceKey(instance)));
    for (const key of this.leaving) if (!present.has(key)) this.leaving.delete(key);
    return all.filter(({ instance }) => !this.hasLabel(instance) && !this.leaving.has(instanceKey(instance)));
  }

  /** Avahi has, or has no more, a name for this host: only with one can anything be announced. */
  setRunning(isRunning: boolean): void {
    if (this.isRunning === isRunning) return;
    this.isRunning = isRunning;
    this.rest();
    if (isRunning) this.lookLater();
    for (const entry of this.entries) {
      entry.isPublished = false;
      void this.deps.queue(async () => void (isRunning ? await this.publish(entry) : await entry.group?.call('Reset')));
    }
  }

  /** Avahi is gone. */
  forget(): void {
    this.isRunning = false;
    this.rest();
    this.leaving.clear();
    for (const entry of this.entries) Object.assign(entry, { group: undefined, isPublished: false });
  }

  private async publish(entry: OwnEntry): Promise<void> {
    if (!this.isRunning || !this.entries.has(entry) || entry.isPublished) return;
    await this.orLater(entry, async () => {
      entry.indexes = await this.indexes();
      // None of the interfaces is there: the next look finds the one that comes.
      if (entry.indexes.length > 0) await this.enter(entry);
    });
    if ([...this.entries].every(({ isPublished }) => isPublished)) this.retry.reset();
  }

  private async enter(entry: OwnEntry): Promise<void> {
    entry.group ??= await this.deps.objects.create('EntryGroup', '', [], (signal) => this.told(entry, signal));
    for (;;) {
      const { group, label, port, strings, indexes } = entry;
      entry.isEstablished = false;
      try {
        for (const index of indexes) await group.call('AddService', 'iiussssqaay', [index, ANY, 0, label, this.type, '', '', port, strings]);
        await group.call('Commit');
        Object.assign(entry, { isPublished: true, given: strings });
        return;
      } catch (error) {
        if (!isCollision(error)) throw error;
        await this.rename(entry, group);
      }
    }
  }

  /** What fails leaves nothing behind, and is tried again. */
  private async orLater(entry: OwnEntry, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.giveUp(entry);
      throw error;
    }
  }

  private async giveUp(entry: OwnEntry): Promise<void> {
    const { group } = entry;
    Object.assign(entry, { group: undefined, isPublished: false });
    if (this.isRunning && this.entries.has(entry)) this.retry.later(() => this.publishAll());
    await group?.free();
  }

  private publishAll(): void {
    for (const entry of this.entries) void this.deps.queue(() => this.publish(entry));
  }

  /** An interface that is chosen by its name may come, or come back under another number. */
  private lookLater(): void {
    if (this.options.interfaces.length === 0) return;
    this.looking = this.deps.clock.after(this.options.interfaceInterval, () => {
      this.lookLater();
      void this.deps.queue(() => this.follow());
    });
  }

  private async follow(): Promise<void> {
    const indexes = await this.indexes();
    for (const entry of this.entries) {
      if (!this.isRunning || isDeepStrictEqual(entry.indexes, indexes)) continue;
      entry.isPublished = false;
      await entry.group?.call('Reset');
      await this.publish(entry);
    }
  }

  private rest(): void {
    this.retry.cancel();
    this.retry.reset();
    this.looking?.cancel();
  }

  /** What becomes of an entry is told later, by a signal. */
  private told(entry: OwnEntry, { member, body: [state] }: BusSignal): void {
    if (member !== 'StateChanged') return;
    entry.isEstablished = state === GROUP.established;
    if (entry.isEstablished) this.update(entry);
    if (state !== GROUP.collision && state !== GROUP.failure) return;
    void this.deps.queue(async () => {
      const { group } = entry;
      if (!group || !entry.isPublished || !this.entries.has(entry)) return;
      if (state === GROUP.failure) return this.giveUp(entry);
      entry.isPublished = false;
      await this.orLater(entry, () => this.rename(entry, group));
      await this.publish(entry);
    });
  }

  private async rename(entry: OwnEntry, group: AvahiObject): Promise<void> {
    do this.next(entry);
    while ([...this.entries].some((other) => other !== entry && instanceKey(other.label) === instanceKey(entry.label)));
    this.deps.onNews();
    await group.call('Reset');
  }

  private hasLabel(label: string): boolean {
    return [...this.entries].some((entry) => instanceKey(entry.label) === instanceKey(label));
  }

  private next(entry: OwnEntry): void {
    entry.attempt += 1;
    entry.label = nextLabel(entry.wanted, entry.attempt);
  }

  private async indexes(): Promise<number[]> {
    if (this.options.interfaces.length === 0) return [ANY];
    const known = await Promise.all(this.options.interfaces.map((name) => this.indexOf(name)));
    return known.filter((index) => index !== undefined);
  }

  /** Undefined for one that is not there. */
  private async indexOf(name: string): Promise<number | undefined> {
    try {
      const [index] = await this.deps.objects.server('GetNetworkInterfaceIndexByName', 's', [name]);
      return typeof index === 'number' ? index : undefined;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return undefined;
    }
  }
}
