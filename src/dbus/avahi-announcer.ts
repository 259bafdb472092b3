import { instanceKey, nextLabel } from '../xpmn/model/service-entry.ts';
import type { BusSignal } from './bus.ts';
import { isCollision } from './avahi-objects.ts';
import type { AvahiObject, AvahiObjects } from './avahi-objects.ts';

/** States of an entry group, as avahi numbers them. */
const GROUP = { collision: 3, failure: 4 };
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
}

/** Runs jobs one after another while avahi is there; what fails is logged. */
export type AvahiQueue = (job: () => Promise<void>) => Promise<void>;

/** Announces by avahi: one entry group for each instance. */
export class AvahiAnnouncer {
  private readonly objects: AvahiObjects;
  private readonly queue: AvahiQueue;
  private readonly type: string;
  /** Names of the interfaces to announce on; none: all. */
  private readonly interfaces: readonly string[];
  /** Called when other labels are our own than before. */
  private readonly onNews: () => void;
  private readonly entries = new Set<OwnEntry>();
  /** Labels that were ours, and that avahi may not have forgotten yet. */
  private readonly leaving = new Set<string>();
  private isRunning = false;

  constructor(
    deps: { readonly objects: AvahiObjects; readonly queue: AvahiQueue; readonly onNews: () => void },
    type: string,
    interfaces: readonly string[],
  ) {
    this.objects = deps.objects;
    this.queue = deps.queue;
    this.onNews = deps.onNews;
    this.type = type;
    this.interfaces = interfaces;
  }

  add(wanted: string, port: number, strings: readonly Buffer[]): OwnEntry {
    const entry: OwnEntry = { wanted, port, strings, label: wanted, attempt: 1, group: undefined, isPublished: false };
    while (this.hasLabel(entry.label)) this.next(entry);
    this.entries.add(entry);
    void this.queue(() => this.publish(entry));
    return entry;
  }

  update(entry: OwnEntry): void {
    void this.queue(async () => {
      const { group, label, strings } = entry;
      if (!group || !entry.isPublished || !this.entries.has(entry)) return;
      for (const index of await this.indexes()) await group.call('UpdateServiceTxt', 'iiusssaay', [index, ANY, 0, label, this.type, '', strings]);
    });
  }

  withdraw(entry: OwnEntry): Promise<void> {
    this.entries.delete(entry);
    this.leaving.add(instanceKey(entry.label));
    return this.queue(async () => entry.group?.free());
  }

  withdrawAll(): Promise<unknown> {
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
    for (const entry of this.entries) {
      entry.isPublished = false;
      void this.queue(async () => void (isRunning ? await this.publish(entry) : await entry.group?.call('Reset')));
    }
  }

  /** Avahi is gone. */
  forget(): void {
    this.isRunning = false;
    this.leaving.clear();
    for (const entry of this.entries) Object.assign(entry, { group: undefined, isPublished: false });
  }

  private async publish(entry: OwnEntry): Promise<void> {
    if (!this.isRunning || !this.entries.has(entry) || entry.isPublished) return;
    entry.group ??= await this.objects.create('EntryGroup', '', [], (signal) => this.told(entry, signal));
    for (;;) {
      const { group, label, port, strings } = entry;
      try {
        for (const index of await this.indexes()) await group.call('AddService', 'iiussssqaay', [index, ANY, 0, label, this.type, '', '', port, strings]);
        await group.call('Commit');
        entry.isPublished = true;
        return;
      } catch (error) {
        if (!isCollision(error)) throw error;
        await this.rename(entry, group);
      }
    }
  }

  /** What becomes of an entry is told later, by a signal. */
  private told(entry: OwnEntry, { member, body: [state] }: BusSignal): void {
    if (member !== 'StateChanged' || (state !== GROUP.collision && state !== GROUP.failure)) return;
    void this.queue(async () => {
      if (!entry.group || !entry.isPublished || !this.entries.has(entry)) return;
      entry.isPublished = false;
      if (state === GROUP.collision) await this.rename(entry, entry.group);
      else await entry.group.call('Reset');
      await this.publish(entry);
    });
  }

  private async rename(entry: OwnEntry, group: AvahiObject): Promise<void> {
    do this.next(entry);
    while ([...this.entries].some((other) => other !== entry && instanceKey(other.label) === instanceKey(entry.label)));
    this.onNews();
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
    if (this.interfaces.length === 0) return [ANY];
    const known = this.interfaces.map((name) => this.objects.server('GetNetworkInterfaceIndexByName', 's', [name]).catch(() => []));
    return (await Promise.all(known)).map(([index]) => index).filter((index) => typeof index === 'number');
  }
}
