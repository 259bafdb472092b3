import type { Clock, Timer } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { abortReason, deferred, throwIfAborted } from '../../kernel/tasks.ts';

export interface RaceDeps<T, R> {
  readonly clock: Clock;
  /** Must reject soon after `signal` aborts, with all it holds freed. */
  attempt(item: T, signal: AbortSignal): Promise<R>;
  /** A result that came too late. */
  discard(result: R): void;
}

export interface RaceOptions {
  /** ms between two attempts; a failure starts the next one at once. */
  readonly stagger: number;
}

export interface RaceResult<T, R> {
  readonly item: T;
  readonly result: R;
}

/** Tries items in their order, each a little after the one before, until the first succeeds; the others are given up. */
export class StaggeredRace<T, R> {
  private readonly deps: RaceDeps<T, R>;
  private readonly options: RaceOptions;
  private readonly running = new Map<T, AbortController>();
  private readonly outcome = deferred<RaceResult<T, R> | undefined>();
  private waiting: readonly T[];
  private timer: Timer | undefined;
  private state: 'ready' | 'running' | 'over' = 'ready';

  constructor(deps: RaceDeps<T, R>, items: readonly T[], options: RaceOptions) {
    this.deps = deps;
    this.waiting = items;
    this.options = options;
  }

  /** Changes what is still to be tried: `change` gets it in order and returns it in order. */
  revise(change: (waiting: readonly T[]) => readonly T[]): void {
    if (this.state === 'over') return;
    this.waiting = change(this.waiting);
    if (this.state === 'running' && !this.timer) this.next();
  }

  /** Gives up what is not `wanted` any more, waiting or under way. */
  keep(wanted: (item: T) => boolean): void {
    if (this.state === 'over') return;
    for (const [item, controller] of [...this.running]) {
      if (!wanted(item)) controller.abort(new XpmnError('aborted', 'Something better is in use.'));
    }
    this.revise((waiting) => waiting.filter(wanted));
  }

  /** The first success, or undefined when all have failed. Rejects with the signal's reason. Called once. */
  async run(signal: AbortSignal): Promise<RaceResult<T, R> | undefined> {
    throwIfAborted(signal);
    const onAbort = (): void => {
      this.stop();
      this.outcome.reject(abortReason(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.state = 'running';
    this.next();
    try {
      return await this.outcome.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  private next(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const [item, ...rest] = this.waiting;
    this.waiting = rest;
    if (item !== undefined) {
      void this.attempt(item);
      this.timer = this.deps.clock.after(this.options.stagger, () => this.next());
    } else if (this.running.size === 0) {
      this.stop();
      this.outcome.resolve(undefined);
    }
  }

  private async attempt(item: T): Promise<void> {
    const controller = new AbortController();
    this.running.set(item, controller);
    try {
      const result = await this.deps.attempt(item, controller.signal);
      this.running.delete(item);
      if (this.state === 'running' && !controller.signal.aborted) {
        this.stop();
        return this.outcome.resolve({ item, result });
      }
      this.deps.discard(result);
    } catch {
      this.running.delete(item);
    }
    if (this.state === 'running') this.next();
  }

  private stop(): void {
    this.state = 'over';
    this.timer?.cancel();
    this.timer = undefined;
    this.waiting = [];
    for (const controller of this.running.values()) controller.abort(new XpmnError('aborted', 'The race is over.'));
  }
}
