import type { Clock, Timer } from '../kernel/clock.ts';
import type { ListStore } from './list-store.ts';
import { nextExpiry } from './snapshot.ts';

export interface ExpiryWatchOptions {
  /** Milliseconds after which the time is looked at again at the latest: timers don't notice when the wall clock is set. */
  readonly expiryInterval: number;
}

export interface ExpiryWatchDeps {
  readonly lists: ListStore;
  readonly clock: Clock;
  /** A list has expired on which verdicts may rest. Lists that change are the listener's own to hear of. */
  onExpired(): void;
}

/** Time changes verdicts, too: says when a list expires without which a friend is a stranger. One timer, while there is such a list. */
export class ExpiryWatch {
  private readonly deps: ExpiryWatchDeps;
  private readonly options: ExpiryWatchOptions;
  private timer: Timer | undefined;

  constructor(deps: ExpiryWatchDeps, options: ExpiryWatchOptions) {
    this.deps = deps;
    this.options = options;
  }

  start(): void {
    this.deps.lists.on('changed', this.set);
    this.set();
  }

  stop(): void {
    this.deps.lists.off('changed', this.set);
    this.timer?.cancel();
  }

  private readonly set = (): void => {
    const { lists, clock } = this.deps;
    this.timer?.cancel();
    const now = clock.now();
    const due = nextExpiry(lists.snapshot, now);
    this.timer = due === undefined ? undefined : clock.after(Math.min(due - now, this.options.expiryInterval), () => this.look(due));
  };

  private look(due: number): void {
    if (this.deps.clock.now() >= due) this.deps.onExpired();
    this.set();
  }
}
