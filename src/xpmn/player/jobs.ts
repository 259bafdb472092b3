import { XpmnError } from '../kernel/errors.ts';
import { SerialQueue, abortable, throwIfAborted } from '../kernel/tasks.ts';

/** `open` and `go` bring a title to the player; `advance` does so by itself; `command` is all else. */
export type JobKind = 'open' | 'go' | 'advance' | 'command';

export interface JobOptions {
  readonly kind: JobKind;
  /** What it puts an end to, under way or waiting. */
  readonly ends: readonly JobKind[];
  readonly signal: AbortSignal;
}

/** What is done with one player, one thing after another; some things make others pointless. */
export class Jobs {
  private readonly queue = new SerialQueue();
  private readonly living = new Set<{ readonly kind: JobKind; readonly abort: AbortController }>();

  /** @throws XpmnError `aborted` if something newer has put an end to it; or as `work`; or the signal's reason */
  async run<T>({ kind, ends, signal }: JobOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    for (const job of this.living) if (ends.includes(job.kind)) job.abort.abort(new XpmnError('aborted', 'Something else was wanted before that was done.'));
    const job = { kind, abort: new AbortController() };
    const within = AbortSignal.any([signal, job.abort.signal]);
    this.living.add(job);
    const done = this.queue.run(async () => {
      throwIfAborted(within);
      return work(within);
    });
    try {
      return await abortable(done, within);
    } finally {
      this.living.delete(job);
    }
  }

  /** Whether something of these kinds is under way, or waits. */
  has(kinds: readonly JobKind[]): boolean {
    return [...this.living].some(({ kind }) => kinds.includes(kind));
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.queue.idle();
  }
}
