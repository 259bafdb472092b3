import type { Clock, Timer } from '../../src/xpmn/kernel/clock.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';

/** The machine's clock, or another, which also knows how many of its timers are set: a test can show that none is left behind. */
export class TrackedClock implements Clock {
  private readonly timers = new Set<Timer>();
  private readonly clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  now(): number {
    return this.clock.now();
  }

  monotonic(): number {
    return this.clock.monotonic();
  }

  get pending(): number {
    return this.timers.size;
  }

  after(delay: number, callback: () => void): Timer {
    const timer = this.clock.after(delay, () => {
      this.timers.delete(handle);
      callback();
    });
    const handle: Timer = {
      cancel: () => {
        this.timers.delete(handle);
        timer.cancel();
      },
    };
    this.timers.add(handle);
    return handle;
  }
}
