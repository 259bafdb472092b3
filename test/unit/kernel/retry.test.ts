import assert from 'node:assert/strict';
import { Retry } from '../../../src/xpmn/kernel/retry.ts';
import { TaskGroup, deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const options = { first: 1000, max: 5000, pace: 100 };

describe('a retry', () => {
  let clock: FakeClock;
  let tasks: TaskGroup;
  let failures: string[];
  /** When it was begun, and how it ends. */
  let times: number[];
  let work: () => Promise<void>;
  let retry: Retry;

  beforeEach(() => {
    [clock, failures, times] = [new FakeClock(0), [], []];
    tasks = new TaskGroup((error) => assert.fail(String(error)));
    work = () => Promise.reject(new Error('no'));
    retry = new Retry({ clock, tasks, failed: (error) => failures.push(String(error)) }, options, () => (times.push(clock.now()), work()));
  });
  afterEach(() => tasks.close());

  it('does it at once, and again with longer and longer pauses, until it works', async () => {
    retry.begin();
    assert.deepEqual(times, [0]);
    await clock.advance(30_000);
    assert.deepEqual(times, [0, 1000, 3000, 7000, 12_000, 17_000, 22_000, 27_000]);
    assert.equal(failures.length, 8);
    work = () => Promise.resolve();
    await clock.advance(60_000);
    assert.deepEqual([times.slice(8), failures.length, clock.pending], [[32_000], 8, 0]);
  });

  it('begins anew with news, also after it worked; with short pauses, and not faster than its pace', async () => {
    retry.begin();
    await clock.advance(6000);
    assert.deepEqual(times, [0, 1000, 3000]);
    for (let i = 0; i < 10; i += 1) retry.begin();
    await clock.advance(0);
    assert.deepEqual(times.slice(3), [6000]);
    retry.begin();
    await clock.advance(50);
    retry.begin();
    await clock.advance(50);
    assert.deepEqual(times.slice(4), [6100]);
    await clock.advance(1000);
    assert.deepEqual(times.slice(5), [7100], 'a short pause');
    work = () => Promise.resolve();
    await clock.advance(10_000);
    assert.deepEqual(times.slice(6), [9100]);
    retry.begin();
    assert.deepEqual(times.slice(7), [clock.now()], 'at once, after so long');
  });

  it('does it once at a time, and once more for news that came meanwhile', async () => {
    const runs: Deferred<void>[] = [];
    work = () => (runs.push(deferred()), (runs.at(-1) as Deferred<void>).promise);
    retry.begin();
    await clock.advance(3000);
    retry.begin();
    retry.begin();
    await clock.advance(3000);
    assert.equal(runs.length, 1);
    runs[0]?.reject(new Error('late'));
    await settle();
    assert.equal(runs.length, 2);
    runs[1]?.resolve();
    await clock.advance(60_000);
    assert.equal(runs.length, 2);
  });

  it('hears news at any turn', async () => {
    for (const fails of [false, true]) {
      for (let turns = 0; turns < 12; turns += 1) {
        const run = deferred();
        let count = 0;
        const one = new Retry({ clock, tasks, failed: () => undefined }, options, () => ((count += 1) === 1 ? run.promise : Promise.resolve()));
        one.begin();
        await clock.advance(1000);
        if (fails) run.reject(new Error('no'));
        else run.resolve();
        for (let turn = 0; turn < turns; turn += 1) await null;
        one.begin();
        await settle();
        assert.equal(count, 2, `${turns} turns after its work`);
      }
    }
  });

  it('does nothing more once it is stopped, whatever is under way', async () => {
    const run = deferred();
    work = () => run.promise;
    retry.begin();
    retry.begin();
    retry.stop();
    run.reject(new Error('late'));
    retry.begin();
    await clock.advance(60_000);
    assert.deepEqual([times, failures, clock.pending], [[0], [], 0]);
  });

  it('leaves a pause when it is stopped', async () => {
    retry.begin();
    await clock.advance(500);
    retry.stop();
    await settle();
    assert.deepEqual([times, clock.pending], [[0], 0]);
  });

  it('ends with its task group', async () => {
    retry.begin();
    await settle();
    await tasks.close();
    retry.begin();
    await clock.advance(60_000);
    assert.deepEqual([times, clock.pending], [[0], 0]);
  });
});
