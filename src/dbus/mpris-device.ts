import type { Timer } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { withDeadline } from '../xpmn/kernel/tasks.ts';
import type { TaskGroup } from '../xpmn/kernel/tasks.ts';
import type { MediaDevice } from '../xpmn/ports/media-device.ts';
import type { MprisOptions } from './mpris-options.ts';
import { MprisPlayer } from './mpris-player.ts';
import type { MprisPlayerDeps } from './mpris-player.ts';
import { RetryTimer } from './retry-timer.ts';

export interface MprisDeviceDeps extends MprisPlayerDeps {
  readonly log: Logger;
  readonly tasks: TaskGroup;
}

export interface MprisDeviceEvents {
  /** Once, when it is known what it is. */
  appeared(device: MediaDevice): void;
  /** It has been away for too long. */
  gone(): void;
}

/** One player over all of its starts. */
export class MprisDevice {
  readonly id: string;
  /** Undefined until it has been read. */
  device: MediaDevice | undefined;
  /** Unique name of the program that it is now; undefined while it is away. */
  owner: string | undefined;
  private readonly deps: MprisDeviceDeps;
  private readonly events: MprisDeviceEvents;
  private readonly player: MprisPlayer;
  private readonly options: MprisOptions;
  private readonly retry: RetryTimer;
  private absence: Timer | undefined;

  constructor(deps: MprisDeviceDeps, options: MprisOptions, id: string, events: MprisDeviceEvents) {
    this.deps = deps;
    this.id = id;
    this.events = events;
    this.player = new MprisPlayer(deps, options.player);
    this.options = options;
    this.retry = new RetryTimer(deps.clock, options.readAgain);
  }

  /** It runs as that program. */
  runs(owner: string): void {
    this.absence?.cancel();
    this.retry.cancel();
    this.retry.reset();
    this.owner = owner;
    this.read(owner);
  }

  /** Its program has left. */
  left(): void {
    this.owner = undefined;
    this.retry.cancel();
    this.player.detach();
    this.absence?.cancel();
    this.absence = this.deps.clock.after(this.options.hysteresis, () => this.events.gone());
  }

  /** For good. */
  close(): void {
    this.owner = undefined;
    this.absence?.cancel();
    this.retry.cancel();
    this.player.detach();
    this.player.close();
  }

  /** COMPAT: programs take their names before they answer, and VLC loses what it is asked by then; so it is asked again. */
  private read(owner: string): void {
    const { deps: { clock }, options: { readTimeout } } = this;
    this.deps.tasks.run(async (signal) => {
      try {
        await withDeadline({ clock, signal, delay: readTimeout, what: 'Reading a player' }, (within) => this.player.attach(owner, { signal: within }));
      } catch (error) {
        if (this.owner !== owner || signal.aborted) return;
        this.deps.log.debug('A player can\'t be read.', { player: this.id, error: String(error) });
        this.retry.later(() => this.read(owner));
        return;
      }
      if (this.owner === owner) this.show();
    });
  }

  private show(): void {
    if (this.device) return;
    const { name = this.id.replace(/^.*MediaPlayer2\.|@.*$/g, ''), desktopEntry: model } = this.player.identity;
    this.device = { description: { id: this.id, name, kind: 'media-player', model }, library: undefined, player: this.player };
    this.events.appeared(this.device);
  }
}
