import type { Clock, Timer } from '../../src/xpmn/kernel/clock.ts';

/** How often the clock looks, and how much of the time since then counts at most; both in milliseconds. */
const TICK = 5;
const STEP = 2 * TICK;

interface Waiting {
  readonly due: number;
  readonly callback: () => void;
}

/**
 * A clock of its own that goes like the machine's, but for what this process stands still: that hardly counts. What one half of a test waits for from
 * the other half, in the same process, is there in time then, however slow the machine is; on an idle one nothing takes longer.
 */
export class SteadyClock implements Clock {
  private readonly began = Date.now();
  private readonly waiting = new Set<Waiting>();
  private passed = 0;
  private looked = performance.now();
  private isTicking = false;

  now(): number {
    return this.began + this.monotonic();
  }

  monotonic(): number {
    const time = performance.now();
    this.passed += Math.min(time - this.looked, STEP);
    this.looked = time;
    return this.passed;
  }

  after(delay: number, callback: () => void): Timer {
    const one = { due: this.monotonic() + delay, callback };
    this.waiting.add(one);
    this.tick();
    return { cancel: () => void this.waiting.delete(one) };
  }

  private tick(): void {
    if (this.isTicking || this.waiting.size === 0) return;
    this.isTicking = true;
    setTimeout(() => {
      this.isTicking = false;
      const time = this.monotonic();
      const due = [...this.waiting].filter((one) => one.due <= time).sort((one, other) => one.due - other.due);
      this.tick();
      for (const one of due) if (this.waiting.delete(one)) one.callback();
    }, TICK).unref();
  }
}
