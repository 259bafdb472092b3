import { EventEmitter } from 'node:events';
import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup } from '../xpmn/kernel/tasks.ts';
import type { DeviceSource, DeviceSourceEvents, MediaDevice } from '../xpmn/ports/media-device.ts';
import type { TrackerChange } from './device-tracker.ts';
import { Discovery } from './discovery.ts';
import type { EventSubscriber } from './gena.ts';
import type { UpnpOptions } from './options.ts';
import type { OriginFactory } from './origin-port.ts';
import type { QuirkEntry } from './quirks.ts';
import { RemoteDevice } from './remote-device.ts';
import type { Requester } from './requester.ts';
import type { SsdpSocket } from './ssdp-socket.ts';

export interface UpnpAdapterDeps {
  readonly ssdp: SsdpSocket;
  readonly requester: Requester;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly openOrigin: OriginFactory;
  readonly events: EventSubscriber;
  /** The shipped ones first, then the user's. */
  readonly quirks: readonly QuirkEntry[];
  /** Devices that this process itself shows to the LAN, by UDN (lower case, `uuid:…`): never imported. */
  isOwnDevice(udn: string): boolean;
}

/** UPnP media servers and renderers of the LAN as a DeviceSource. Owns the socket, the subscriber and the requester: `stop` closes them, in that order. */
export function createUpnpAdapter(deps: UpnpAdapterDeps, options: UpnpOptions): UpnpAdapter {
  return new UpnpAdapter(deps, options);
}

export class UpnpAdapter extends EventEmitter<DeviceSourceEvents> implements DeviceSource {
  private readonly deps: UpnpAdapterDeps;
  private readonly options: UpnpOptions;
  private readonly discovery: Discovery;
  private readonly remotes = new Map<string, RemoteDevice>();
  /** Devices that are being let go of. */
  private readonly farewells: TaskGroup;
  private stopping: Promise<void> | undefined;

  constructor(deps: UpnpAdapterDeps, options: UpnpOptions) {
    super();
    this.deps = deps;
    this.options = options;
    this.farewells = new TaskGroup((error) => deps.log.error('Letting go of a device failed.', { error: String(error) }));
    this.discovery = new Discovery(deps, options.discovery, (change) => this.changed(change));
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    await this.discovery.start();
    if (!signal.aborted) return;
    await this.stop();
    signal.throwIfAborted();
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  devices(): readonly MediaDevice[] {
    return [...this.remotes.values()].flatMap(({ devices }) => devices);
  }

  /** Searches the network now. */
  rescan(): void {
    this.discovery.rescan();
  }

  private async end(): Promise<void> {
    await Promise.all([this.discovery.stop(), this.farewells.close(), ...[...this.remotes.values()].map((remote) => remote.close())]);
    this.remotes.clear();
    await this.deps.events.close();
    this.deps.requester.close();
  }

  private changed(change: TrackerChange): void {
    const { udn } = change;
    if (change.kind === 'appeared' && !this.deps.isOwnDevice(udn)) {
      const deps = { ...this.deps, isOwnAddress: (address: string) => this.isOwnAddress(address), refused: () => this.discovery.refused(udn) };
      const remote = new RemoteDevice(deps, this.options, udn, (device) => this.emit('deviceAppeared', device));
      this.remotes.set(udn, remote);
      remote.moved(change.locations);
    }
    if (change.kind === 'moved') this.remotes.get(udn)?.moved(change.locations);
    if (change.kind === 'returned') this.remotes.get(udn)?.returned(change.locations);
    if (change.kind === 'gone') this.forget(udn);
  }

  private forget(udn: string): void {
    const remote = this.remotes.get(udn);
    this.remotes.delete(udn);
    if (!remote) return;
    const { devices } = remote;
    this.farewells.run(() => remote.close());
    for (const { description } of devices) this.emit('deviceGone', description.id);
  }

  private isOwnAddress(address: string): boolean {
    return address.startsWith('127.') || address === '::1' || this.deps.ssdp.interfaces().some((one) => one.address === address);
  }
}
