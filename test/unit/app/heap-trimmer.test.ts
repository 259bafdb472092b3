import assert from 'node:assert/strict';
import { processHeap } from '../../../src/app/heap.ts';
import { HeapTrimmer } from '../../../src/app/heap-trimmer.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeHeap } from '../../fakes/fake-heap.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const OPTIONS = { interval: 1000, quiet: 0.02, slack: 100 };

describe('heap trimmer', () => {
  let clock: FakeClock;
  let heap: FakeHeap;
  let trimmer: HeapTrimmer;

  /** One interval, in which the process is busy for so long. */
  const interval = (busy: number): Promise<void> => {
    heap.milliseconds += busy;
    return clock.advance(OPTIONS.interval);
  };

  beforeEach(() => {
    clock = new FakeClock();
    heap = Object.assign(new FakeHeap(), { bytes: 500, used: 300 });
    trimmer = new HeapTrimmer({ clock, heap, log: silentLogger }, OPTIONS);
  });
  afterEach(() => {
    trimmer.close();
    assert.equal(clock.pending, 0);
  });

  it('waits for an interval without much to do', async () => {
    await interval(21);
    await interval(1000);
    assert.equal(heap.trims, 0);
    await interval(20);
    assert.deepEqual([heap.trims, heap.bytes], [1, 300]);
  });

  it('trims again only what has grown since', async () => {
    await interval(0);
    for (const bytes of [300, 350, 400]) {
      heap.bytes = bytes;
      await interval(0);
    }
    assert.equal(heap.trims, 1);
    heap.bytes = 401;
    await interval(0);
    assert.equal(heap.trims, 2);
  });

  it('trims once at a time, and no more when it is closed', async () => {
    heap.takes = deferred();
    await interval(0);
    await interval(0);
    assert.equal(heap.trims, 1);
    trimmer.close();
    heap.takes.resolve();
    await settle();
  });

  it('gives up where it can\'t be done', async () => {
    heap.takes = deferred();
    heap.takes.reject(new Error('no inspector'));
    await interval(0);
    await interval(0);
    assert.equal(heap.trims, 1);
  });
});

describe('heap of the process', () => {
  it('says how long the process has been busy', () => {
    const before = processHeap.busy();
    const end = performance.now() + 20;
    while (performance.now() < end);
    assert.ok(processHeap.busy() - before >= 15);
  });

  it('shrinks when it is trimmed, and can be trimmed again', async () => {
    let much: object[] | undefined = Array.from({ length: 500_000 }, (_, index) => ({ index }));
    const before = processHeap.size();
    assert.equal(much.length, 500_000);
    much = undefined;
    await processHeap.trim();
    assert.ok(processHeap.size() < before - 2 ** 23, `${before} ${processHeap.size()}`);
    await processHeap.trim();
  });
});
