import type { Clock } from './clock.ts';
import { sleep } from './tasks.ts';
import type { TaskGroup } from './tasks.ts';

/**
 * Does something when it is asked for, and then not again before it has ended and `interval` ms have passed: however often
 * it is asked for meanwhile, it is done once more then. For what somebody else can ask for at will.
 */
export class Pacer {
  private readonly deps: { readonly clock: Clock; readonly tasks: TaskGroup };
  private readonly interval: number;
  private readonly work: (signal: AbortSignal) => Promise<void>;
  private isBusy = false;
  private isAsked = false;

  constructor(deps: { readonly clock: Clock; readonly tasks: TaskGroup }, interval: number, work: (signal: AbortSignal) => Promise<void>) {
    this.deps = deps;
    this.interval = interval;
    this.work = work;
  }

  ask(): void {
    this.isAsked = true;
    if (!this.isBusy) this.serve();
  }

  /** One task for each time, so that a failure is told, and ends nothing. */
  private serve(): void {
    [this.isBusy, this.isAsked] = [true, false];
    this.deps.tasks.run(async (signal) => {
      const pause = sleep(this.deps.clock, this.interval, signal);
      // Only the end of the task group rejects it, which whoever fails meanwhile has not waited for.
      pause.catch(() => undefined);
      try {
        await this.work(signal);
      } finally {
        await pause;
        // In one turn: whoever asks comes before, and is served here, or after, and begins anew.
        this.isBusy = false;
        if (this.isAsked) this.serve();
      }
    });
  }
}
