import type { Clock, Timer } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { findLocalRoute } from '../kernel/local-route.ts';
import { abortable } from '../kernel/tasks.ts';
import type { Address, MediaListener } from './media-listener.ts';

export interface LanListenersOptions {
  /** Port of the listeners for players elsewhere on the LAN, the same at each address; 0: any free one. */
  readonly lanPort: number;
  /** Local addresses listened at, at a time. */
  readonly lanListeners: number;
  /** Milliseconds between two looks at which of them are still needed. */
  readonly lanInterval: number;
}

export interface LanListenersDeps {
  readonly clock: Clock;
  readonly findRoute: typeof findLocalRoute;
  /** Begins to listen; `door` is the local address. */
  open(door: string, port: number): Promise<MediaListener>;
  /** Whether anything is still to be had there. */
  isNeeded(door: string): boolean;
}

interface Listening {
  readonly opening: Promise<MediaListener>;
  /** Nobody waits for it any more. */
  isOpen: boolean;
}

/**
 * Listeners for players on other machines, one per local address: opened when the first item is given to a player that is
 * reached by it, closed when nothing that was given out there is valid any more.
 */
export class LanListeners {
  private readonly deps: LanListenersDeps;
  private readonly options: LanListenersOptions;
  private readonly listeners = new Map<string, Listening>();
  private timer: Timer | undefined;
  private isClosed = false;

  constructor(deps: LanListenersDeps, options: LanListenersOptions) {
    this.deps = deps;
    this.options = options;
  }

  /**
   * Where a player at `address` finds us; `door` names the listener. Whoever gives something out there does so in the turn in which this
   * resolves. @throws XpmnError `unreachable`, `resource-limit`, `bad-configuration` if the port can't be had
   */
  async towards(address: string, { signal }: { readonly signal: AbortSignal }): Promise<Address & { readonly door: string }> {
    const { local: door } = await this.deps.findRoute(address, { signal });
    const listener = await abortable(this.at(door), signal);
    if (this.isClosed) throw new XpmnError('not-running', 'The media port is not open.');
    return { door, ...listener.address };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
    const all = [...this.listeners.values()];
    this.listeners.clear();
    await Promise.all(all.map(({ opening }) => opening.then((listener) => listener.close(), () => undefined)));
  }

  private at(door: string): Promise<MediaListener> {
    const known = this.listeners.get(door);
    if (known) return known.opening;
    if (this.isClosed) return Promise.reject(new XpmnError('not-running', 'The media port is not open.'));
    if (this.listeners.size >= this.options.lanListeners) return Promise.reject(new XpmnError('resource-limit', 'Players are reached by too many addresses.'));
    const opening = this.deps.open(door, this.options.lanPort).catch((error: unknown) => {
      this.listeners.delete(door);
      throw new XpmnError('bad-configuration', `The media port can't be opened at ${door}.`, { cause: error });
    });
    const listening: Listening = { opening, isOpen: false };
    this.listeners.set(door, listening);
    opening.then(() => (listening.isOpen = true), () => undefined);
    this.timer ??= this.deps.clock.after(this.options.lanInterval, () => this.sweep());
    return opening;
  }

  private sweep(): void {
    for (const [door, { opening, isOpen }] of this.listeners) {
      if (!isOpen || this.deps.isNeeded(door)) continue;
      this.listeners.delete(door);
      void opening.then((listener) => listener.close(), () => undefined);
    }
    this.timer = this.listeners.size === 0 ? undefined : this.deps.clock.after(this.options.lanInterval, () => this.sweep());
  }
}
