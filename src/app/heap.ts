import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Heap } from './heap-trimmer.ts';

/** The heap of this process. */
export const processHeap: Heap = {
  busy: () => performance.eventLoopUtilization().active,
  size: () => getHeapStatistics().total_physical_size,

  /** By the protocol of the debugger, which opens nothing: what `gc()` collects it gives back, too. @throws Error from a Node that was built without it */
  async trim() {
    const { Session } = await import('node:inspector');
    const session = new Session();
    session.connect();
    try {
      // Whoever disconnects while the answer is being delivered waits for ever.
      await new Promise<void>((resolve, reject) => session.post('HeapProfiler.collectGarbage', (error) => setImmediate(() => (error ? reject(error) : resolve()))));
    } finally {
      session.disconnect();
    }
  },
};
