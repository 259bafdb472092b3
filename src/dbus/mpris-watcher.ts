import type { MediaDevice } from '../xpmn/ports/media-device.ts';
import type { Subscription } from './bus.ts';
import { MprisDevice } from './mpris-device.ts';
import type { MprisDeviceDeps } from './mpris-device.ts';
import { NamesByOwner, isPlayerName, nameWithoutInstance } from './mpris-names.ts';
import type { MprisOptions } from './mpris-options.ts';
import { MPRIS } from './mpris-remote.ts';

export interface MprisWatcherEvents {
  deviceAppeared(device: MediaDevice): void;
  deviceGone(id: string): void;
}

export interface MprisWatcherDeps extends MprisDeviceDeps {
  /** As it is known to the adapter. */
  readonly machine: string;
  isOwnPlayer(name: string): boolean;
}

/**
 * The players of one bus: one for each program that has names of players. Its id is that of its name without the suffix of the
 * instance, so that it is the same after the next start; of several that run at once, the later ones keep their suffixes. The machine
 * is part of it: who finds the same id elsewhere takes it for the same device.
 */
export class MprisWatcher {
  private readonly deps: MprisWatcherDeps;
  private readonly options: MprisOptions;
  /** What is put after the names to make ids. */
  private readonly suffix: string;
  private readonly events: MprisWatcherEvents;
  private readonly names = new NamesByOwner();
  private readonly known = new Map<string, MprisDevice>();
  private subscription: Subscription | undefined;

  constructor(deps: MprisWatcherDeps, options: MprisOptions, label: string | undefined, events: MprisWatcherEvents) {
    this.deps = deps;
    this.options = options;
    this.suffix = `${label === undefined ? '' : `@${label}`}@${deps.machine}`;
    this.events = events;
  }

  start(): void {
    this.subscription ??= this.deps.bus.watchNames(MPRIS, (name, owner) => this.heard(name, owner));
  }

  devices(): readonly MediaDevice[] {
    return [...this.known.values()].flatMap(({ device }) => device ?? []);
  }

  stop(): void {
    this.subscription?.close();
    for (const device of this.known.values()) device.close();
    this.known.clear();
  }

  private heard(name: string, owner: string | undefined): void {
    if (!isPlayerName(name) || this.deps.isOwnPlayer(name)) return;
    const before = this.names.set(name, owner);
    if (before !== undefined && this.names.of(before).length === 0) this.of(before)?.left();
    if (owner !== undefined && !this.of(owner)) this.begin(owner);
  }

  private begin(owner: string): void {
    const ids = this.names.of(owner).flatMap((name) => [nameWithoutInstance(name), name]).sort((a, b) => a.length - b.length).map((name) => `${name}${this.suffix}`);
    const id = ids.find((one) => this.known.get(one)?.owner === undefined);
    // Its other name is about to come.
    if (id === undefined) return;
    const device = this.known.get(id) ?? this.add(id);
    device?.runs(owner);
  }

  private add(id: string): MprisDevice | undefined {
    if (this.known.size >= this.options.players) {
      this.deps.log.warn('There are too many players.', { player: id });
      return undefined;
    }
    const device = new MprisDevice(this.deps, this.options, id, {
      appeared: (one) => this.events.deviceAppeared(one),
      gone: () => this.forget(id),
    });
    this.known.set(id, device);
    return device;
  }

  private forget(id: string): void {
    const device = this.known.get(id);
    this.known.delete(id);
    device?.close();
    if (device?.device) this.events.deviceGone(id);
    // There is room again.
    for (const owner of this.names.programs) if (!this.of(owner)) this.begin(owner);
  }

  private of(owner: string): MprisDevice | undefined {
    return [...this.known.values()].find((device) => device.owner === owner);
  }
}
