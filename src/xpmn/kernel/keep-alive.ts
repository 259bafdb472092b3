import type { Clock, Timer } from './clock.ts';

export interface KeepAliveOptions {
  /** ms of silence before the other end is asked for a sign of life. */
  readonly pingAfter: number;
  /** The same while an answer is awaited: that may be the first that does not come. As `pingAfter` by default. */
  readonly pingAfterRequest?: number;
  /** ms more of silence until it is taken for dead. */
  readonly deadAfter: number;
}

export interface KeepAliveDeps {
  readonly clock: Clock;
  /** Asks for a sign of life; how it is answered does not matter. */
  readonly ask: () => void;
  /** Called once, last. */
  readonly onDead: () => void;
  /** Whether something was asked, and the answer has not come. */
  readonly isAwaiting?: () => boolean;
  /** Whether it is we who do not listen: silence means nothing then. */
  readonly isBusy?: () => boolean;
}

/** Finds out that the other end is gone though nobody said so. */
export class KeepAlive {
  private readonly deps: KeepAliveDeps;
  private readonly options: KeepAliveOptions;
  private heardAt: number;
  private timer: Timer;
  /** When it is looked next whether there was silence, while listening. */
  private checkAt = 0;
  private phase: 'listening' | 'asking' | 'over' = 'listening';
  private wasHeard = false;

  constructor(deps: KeepAliveDeps, options: KeepAliveOptions) {
    this.deps = deps;
    this.options = options;
    this.heardAt = deps.clock.monotonic();
    this.timer = this.checkIn(options.pingAfter);
  }

  /** It was asked, and has said nothing since. */
  get isDoubted(): boolean {
    return this.phase === 'asking' && !this.wasHeard;
  }

  /** Anything came from there. Cheap: the timer finds out by itself. */
  heard(): void {
    this.heardAt = this.deps.clock.monotonic();
    this.wasHeard = true;
  }

  /** There is a reason not to wait for silence: asks now, unless that was done already. */
  doubt(): void {
    if (this.phase !== 'listening') return;
    this.timer.cancel();
    this.askNow();
  }

  /** An answer is awaited from now on. Cheap: most find the timer set for it. */
  asked(): void {
    const { pingAfter, pingAfterRequest = pingAfter } = this.options;
    if (this.phase !== 'listening' || this.deps.clock.monotonic() + pingAfterRequest >= this.checkAt) return;
    this.timer.cancel();
    this.timer = this.checkIn(pingAfterRequest);
  }

  stop(): void {
    this.phase = 'over';
    this.timer.cancel();
  }

  private check(): void {
    if (this.isBusy()) this.heard();
    const { pingAfter, pingAfterRequest = pingAfter } = this.options;
    const patience = this.deps.isAwaiting?.() ? pingAfterRequest : pingAfter;
    const silence = this.deps.clock.monotonic() - this.heardAt;
    if (silence < patience) this.timer = this.checkIn(patience - silence);
    else this.askNow();
  }

  private checkIn(ms: number): Timer {
    this.checkAt = this.deps.clock.monotonic() + ms;
    return this.deps.clock.after(ms, () => this.check());
  }

  private askNow(): void {
    this.phase = 'asking';
    this.wasHeard = false;
    this.timer = this.deps.clock.after(this.options.deadAfter, () => this.judge());
    this.deps.ask();
  }

  private judge(): void {
    if (this.wasHeard || this.isBusy()) {
      this.phase = 'listening';
      this.check();
    } else {
      this.phase = 'over';
      this.deps.onDead();
    }
  }

  private isBusy(): boolean {
    return this.deps.isBusy?.() ?? false;
  }
}
