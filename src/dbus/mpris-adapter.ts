import { EventEmitter } from 'node:events';
import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { DeviceSource, DeviceSourceEvents, MediaDevice } from '../xpmn/ports/media-device.ts';
import type { PictureLoader } from '../xpmn/ports/picture-loader.ts';
import type { MessageBus } from './bus.ts';
import { busAddress } from './bus-address.ts';
import { createMessageBus } from './message-bus.ts';
import type { BusOptions } from './message-bus.ts';
import type { MprisOptions } from './mpris-options.ts';
import { MprisWatcher } from './mpris-watcher.ts';

export interface MprisAdapterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Says where the buses `session` and `system` are. */
  readonly env: NodeJS.ProcessEnv;
  /** Id of the user whose session bus it is where `env` does not say. */
  readonly uid: number;
  /** Fetches what players show; undefined: nothing. */
  readonly pictures?: PictureLoader | undefined;
  /** Tells the players of this machine from those of another one of the network, which have the same names. Never changes. */
  readonly machine: string;
  /** Players that this process itself shows on a bus, by well-known name: never imported. */
  isOwnPlayer(name: string): boolean;
}

/** The sections `mpris` and `dbus` of the configuration. */
export interface MprisAdapterOptions {
  readonly mpris: MprisOptions;
  readonly dbus: Omit<BusOptions, 'address'>;
}

/** The players of this machine as a DeviceSource: all that run on the buses that are named, none that would have to be started. Owns its connections to them. */
export function createMprisAdapter(deps: MprisAdapterDeps, options: MprisAdapterOptions): DeviceSource {
  return new MprisAdapter(deps, options);
}

interface Watched {
  readonly bus: MessageBus;
  readonly watcher: MprisWatcher;
}

class MprisAdapter extends EventEmitter<DeviceSourceEvents> implements DeviceSource {
  private readonly watched: readonly Watched[];
  private readonly tasks: TaskGroup;
  private stopping: Promise<void> | undefined;

  constructor(deps: MprisAdapterDeps, { mpris, dbus }: MprisAdapterOptions) {
    super();
    this.tasks = new TaskGroup((error) => deps.log.error('A player failed.', { error: String(error) }));
    const { tasks } = this;
    this.watched = busesOf(mpris, deps).map(({ label, address }) => {
      const bus = createMessageBus(deps, { ...dbus, address });
      const watcher = new MprisWatcher({ ...deps, bus, tasks, isOwnPlayer: (name) => deps.isOwnPlayer(name) }, mpris, label, {
        deviceAppeared: (device) => this.emit('deviceAppeared', device),
        deviceGone: (id) => this.emit('deviceGone', id),
      });
      return { bus, watcher };
    });
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    throwIfAborted(signal);
    if (this.stopping) return;
    for (const { watcher } of this.watched) watcher.start();
    try {
      await Promise.all(this.watched.map(({ bus }) => bus.start({ signal })));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  devices(): readonly MediaDevice[] {
    return this.watched.flatMap(({ watcher }) => watcher.devices());
  }

  private async end(): Promise<void> {
    for (const { watcher } of this.watched) watcher.stop();
    await this.tasks.close();
    await Promise.all(this.watched.map(({ bus }) => bus.stop()));
  }
}

/** Each bus once, whatever it is called; the first one's players have no label. */
function busesOf({ buses }: MprisOptions, { env, uid }: MprisAdapterDeps): { readonly label: string | undefined; readonly address: string }[] {
  const byAddress = new Map<string, string>();
  for (const { label, address: name } of buses) {
    const address = busAddress(name, env, uid);
    if (!byAddress.has(address)) byAddress.set(address, label);
  }
  return [...byAddress].map(([address, label], index) => ({ address, label: index === 0 ? undefined : label }));
}
