import { SerialQueue, abortable } from './tasks.ts';

/**
 * Work that many ask for: asked for again before it has begun, it is done once for all of them; asked for while it is
 * done, once more. It ends with its owner's signal, and not with that of whoever asked first.
 */
export class SharedRun {
  private readonly work: () => Promise<void>;
  private readonly queue = new SerialQueue();
  /** The run that waits for its turn. */
  private next: Promise<void> | undefined;

  constructor(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) {
    this.work = () => work(signal);
  }

  /** Resolves or rejects as a run that began after the call; rejects with the reason of `waiting` if that comes first. */
  ask(waiting?: AbortSignal): Promise<void> {
    this.next ??= this.queue.run(() => {
      this.next = undefined;
      return this.work();
    });
    return abortable(this.next, waiting);
  }
}
