import type { Clock } from './clock.ts';
import { abortable, deferred, sleep } from './tasks.ts';
import type { TaskGroup } from './tasks.ts';

export interface RetryOptions {
  /** Milliseconds from a failure to the next time; each pause is twice as long as the one before, up to `max`. */
  readonly first: number;
  readonly max: number;
  /** Milliseconds from one beginning to the next, whatever happens. */
  readonly pace: number;
}

export interface RetryDeps {
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  /** It did not work, and will be tried again. */
  failed(error: unknown): void;
}

/** Does something until it works, once at a time, with growing pauses; and again whenever there is news. */
export class Retry {
  private readonly deps: RetryDeps;
  private readonly options: RetryOptions;
  private readonly work: (signal: AbortSignal) => Promise<void>;
  private pause: number;
  private isWanted = false;
  private isRunning = false;
  private isOver = false;
  private wake: () => void = () => undefined;

  constructor(deps: RetryDeps, options: RetryOptions, work: (signal: AbortSignal) => Promise<void>) {
    this.deps = deps;
    this.options = options;
    this.work = work;
    this.pause = options.first;
  }

  /** Something is other than before: it is done as soon as the pace allows, though it worked before, and the pauses are short again. */
  begin(): void {
    if (this.isOver) return;
    this.isWanted = true;
    this.pause = this.options.first;
    this.wake();
    if (this.isRunning) return;
    this.isRunning = true;
    this.deps.tasks.run((signal) => this.run(signal));
  }

  /** For good. What is under way goes on, and nothing follows from it here. */
  stop(): void {
    this.isOver = true;
    this.wake();
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (this.isWanted && !this.isOver) {
      this.isWanted = false;
      const paced = sleep(this.deps.clock, this.options.pace, signal);
      // Only the end of the task group rejects it, for which whatever fails meanwhile does not wait.
      paced.catch(() => undefined);
      if (!(await this.attempt(signal))) await this.rest(signal);
      await paced;
    }
    // In the turn of the last look: whoever begins comes before, and is heard above, or after.
    this.isRunning = false;
  }

  private async attempt(signal: AbortSignal): Promise<boolean> {
    try {
      await this.work(signal);
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      if (!this.isOver) this.deps.failed(error);
      return false;
    }
  }

  /** Until the pause is over, or there is news. */
  private async rest(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = deferred();
    if (this.isWanted || this.isOver) return;
    const timer = this.deps.clock.after(this.pause, resolve);
    this.isWanted = true;
    this.pause = Math.min(2 * this.pause, this.options.max);
    this.wake = resolve;
    try {
      await abortable(promise, signal);
    } finally {
      timer.cancel();
    }
  }
}
