import type { Heap } from '../../src/app/heap-trimmer.ts';
import type { Deferred } from '../../src/xpmn/kernel/tasks.ts';

/** A heap that is as large, and a process as busy, as the test says. */
export class FakeHeap implements Heap {
  milliseconds = 0;
  bytes = 0;
  /** What is left when it is trimmed. */
  used = 0;
  trims = 0;
  /** Trimming takes until it settles. */
  takes: Deferred<void> | undefined;

  busy(): number {
    return this.milliseconds;
  }

  size(): number {
    return this.bytes;
  }

  async trim(): Promise<void> {
    this.trims += 1;
    await this.takes?.promise;
    this.bytes = this.used;
  }
}
