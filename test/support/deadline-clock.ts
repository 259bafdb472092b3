import type { Timer } from '../../src/xpmn/kernel/clock.ts';
import { TrackedClock } from './tracked-clock.ts';

/** Timers of a second and more are deadlines here. */
const DEADLINE = 1000;

/** The machine's clock, but for deadlines: they expire when the test says so, and not when the machine is slow. */
export class DeadlineClock extends TrackedClock {
  private readonly deadlines = new Set<() => void>();

  override get pending(): number {
    return super.pending + this.deadlines.size;
  }

  override after(delay: number, callback: () => void): Timer {
    if (delay < DEADLINE) return super.after(delay, callback);
    this.deadlines.add(callback);
    return { cancel: () => void this.deadlines.delete(callback) };
  }

  /** All that is waited for has taken too long. */
  expire(): void {
    for (const callback of [...this.deadlines]) {
      this.deadlines.delete(callback);
      callback();
    }
  }
}
