import type { Clock, Timer } from '../xpmn/kernel/clock.ts';

/** Milliseconds until what was refused is tried again: twice as many each time. */
export interface RetryPauses {
  readonly first: number;
  readonly max: number;
}

const RETRY: RetryPauses = { first: 5_000, max: 600_000 };

/** Comes back to what did not work, later and later. */
export class RetryTimer {
  private readonly clock: Clock;
  private timer: Timer | undefined;
  private readonly pauses: RetryPauses;
  private pause: number;

  constructor(clock: Clock, pauses = RETRY) {
    this.clock = clock;
    this.pauses = pauses;
    this.pause = pauses.first;
  }

  /** Unless it is waiting already. */
  later(job: () => void): void {
    this.timer ??= this.clock.after(this.pause, () => {
      this.timer = undefined;
      this.pause = Math.min(2 * this.pause, this.pauses.max);
      job();
    });
  }

  /** It worked. */
  reset(): void {
    this.pause = this.pauses.first;
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}
