import type { Clock } from '../xpmn/kernel/clock.ts';
import { abortReason, throwIfAborted } from '../xpmn/kernel/tasks.ts';

/** Something that may happen at any time, for those who wait for it just now. */
export class News {
  private readonly clock: Clock;
  private readonly waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  tell(): void {
    for (const wake of [...this.waiting]) wake();
  }

  /** Whether there were any within so many milliseconds. */
  async within(ms: number, signal: AbortSignal): Promise<boolean> {
    throwIfAborted(signal);
    return new Promise<boolean>((resolve, reject) => {
      const settle = (end: () => void): void => {
        timer.cancel();
        this.waiting.delete(onNews);
        signal.removeEventListener('abort', onAbort);
        end();
      };
      const onNews = (): void => settle(() => resolve(true));
      const onAbort = (): void => settle(() => reject(abortReason(signal)));
      const timer = this.clock.after(ms, () => settle(() => resolve(false)));
      this.waiting.add(onNews);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
