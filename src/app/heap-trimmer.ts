import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';

export interface Heap {
  /** Milliseconds in which the process was not just waiting, so far. */
  busy(): number;
  /** Bytes that it has of the machine, used or not. */
  size(): number;
  /** Collects all garbage and gives back what is not used. Nothing else happens meanwhile, for tens of milliseconds. */
  trim(): Promise<void>;
}

export interface TrimOptions {
  /** Milliseconds after which is looked again. */
  readonly interval: number;
  /** As much of an interval may be work, as a fraction, and the process still counts as quiet. */
  readonly quiet: number;
  /** Bytes that the heap has grown by since the last time, before it is trimmed again. */
  readonly slack: number;
}

/**
 * Gives memory back when there is nothing to do. V8 collects what is garbage only when it needs more, and keeps room for as
 * much as there ever was to do at once: a gateway that rests would never shrink.
 */
export class HeapTrimmer {
  private readonly deps: { readonly clock: Clock; readonly heap: Heap; readonly log: Logger };
  private readonly options: TrimOptions;
  /** Bytes after the last time. */
  private trimmed = 0;
  private timer: Timer | undefined;
  private isClosed = false;

  constructor(deps: HeapTrimmer['deps'], options: TrimOptions) {
    this.deps = deps;
    this.options = options;
    this.wait();
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
  }

  private wait(): void {
    if (this.isClosed) return;
    const { clock, heap } = this.deps;
    const [began, before] = [clock.monotonic(), heap.busy()];
    this.timer = clock.after(this.options.interval, () => {
      const isQuiet = heap.busy() - before <= this.options.quiet * (clock.monotonic() - began);
      if (isQuiet && heap.size() > this.trimmed + this.options.slack) this.trim();
      else this.wait();
    });
  }

  /** What can't be trimmed once is not tried again. */
  private trim(): void {
    const { heap, log } = this.deps;
    heap.trim().then(
      () => {
        this.trimmed = heap.size();
        this.wait();
      },
      (error: unknown) => log.info('memory that is not used can\'t be given back', { error }),
    );
  }
}
