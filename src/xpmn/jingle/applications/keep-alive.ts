import type { Clock, Timer } from '../../kernel/clock.ts';

export interface KeepAliveOptions {
  /** ms of silence before the peer is asked for a sign of life. */
  readonly pingAfter: number;
  /** ms more of silence until it is taken for dead. */
  readonly deadAfter: number;
}

export interface KeepAliveDeps {
  readonly clock: Clock;
  /** Asks for a sign of life; how it is answered does not matter. */
  readonly ask: () => void;
  readonly onDead: () => void;
  /** Whether it is we who do not listen: silence means nothing then. */
  readonly isBusy: () => boolean;
}

/** Finds out that a peer is gone though nobody said so. */
export class KeepAlive {
  private readonly deps: KeepAliveDeps;
  private readonly options: KeepAliveOptions;
  private heardAt: number;
  private timer: Timer;

  constructor(deps: KeepAliveDeps, options: KeepAliveOptions) {
    this.deps = deps;
    this.options = options;
    this.heardAt = deps.clock.monotonic();
    this.timer = deps.clock.after(options.pingAfter, () => this.check());
  }

  heard(): void {
    this.heardAt = this.deps.clock.monotonic();
  }

  stop(): void {
    this.timer.cancel();
  }

  private check(): void {
    const { clock, ask, isBusy } = this.deps;
    if (isBusy()) this.heard();
    const silence = clock.monotonic() - this.heardAt;
    if (silence < this.options.pingAfter) {
      this.timer = clock.after(this.options.pingAfter - silence, () => this.check());
      return;
    }
    const before = this.heardAt;
    this.timer = clock.after(this.options.deadAfter, () => this.judge(before));
    ask();
  }

  private judge(before: number): void {
    if (this.heardAt === before && !this.deps.isBusy()) this.deps.onDead();
    else this.check();
  }
}
