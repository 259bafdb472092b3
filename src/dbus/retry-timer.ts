import type { Clock, Timer } from '../xpmn/kernel/clock.ts';

/** Milliseconds until what avahi refused is tried again: twice as many each time. */
const RETRY = { first: 5_000, max: 600_000 };

/** Comes back to what did not work, later and later. */
export class RetryTimer {
  private readonly clock: Clock;
  private timer: Timer | undefined;
  private pause = RETRY.first;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Unless it is waiting already. */
  later(job: () => void): void {
    this.timer ??= this.clock.after(this.pause, () => {
      this.timer = undefined;
      this.pause = Math.min(2 * this.pause, RETRY.max);
      job();
    });
  }

  /** It worked. */
  reset(): void {
    this.pause = RETRY.first;
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}
