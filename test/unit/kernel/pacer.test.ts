import assert from 'node:assert/strict';
import { Pacer } from '../../../src/xpmn/kernel/pacer.ts';
import { TaskGroup, deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

describe('a pacer', () => {
  let clock: FakeClock;
  let tasks: TaskGroup;
  let failures: unknown[];
  let runs: Deferred<void>[];

  beforeEach(() => {
    [clock, failures, runs] = [new FakeClock(), [], []];
    tasks = new TaskGroup((error) => failures.push(error));
  });
  afterEach(async () => {
    for (const run of runs) run.resolve();
    await tasks.close();
  });

  function pacer(): Pacer {
    return new Pacer({ clock, tasks }, 1000, () => {
      runs.push(deferred());
      return (runs.at(-1) as Deferred<void>).promise;
    });
  }

  it('does it at once, then what was asked for meanwhile once an interval, however often', async () => {
    const paced = pacer();
    for (let i = 0; i < 100; i += 1) paced.ask();
    assert.equal(runs.length, 1);
    runs[0]?.resolve();
    await clock.advance(999);
    assert.equal(runs.length, 1);
    await clock.advance(1);
    assert.equal(runs.length, 2, 'the others');
    runs[1]?.resolve();
    await clock.advance(5000);
    assert.equal(runs.length, 2, 'nobody has asked again');
    paced.ask();
    assert.equal(runs.length, 3, 'at once, after so long');
  });

  it('begins nothing before the last has ended', async () => {
    const paced = pacer();
    paced.ask();
    paced.ask();
    await clock.advance(5000);
    assert.equal(runs.length, 1);
    runs[0]?.resolve();
    await settle();
    assert.equal(runs.length, 2);
  });

  it('goes on after a failure, and no sooner for it', async () => {
    const paced = pacer();
    paced.ask();
    runs[0]?.reject(new Error('once'));
    await settle();
    paced.ask();
    assert.equal(runs.length, 1);
    await clock.advance(1000);
    assert.equal(failures.length, 1);
    paced.ask();
    assert.equal(runs.length, 2);
  });

  it('hears whoever asks while it is about to rest', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const paced = pacer();
      const before = runs.length;
      paced.ask();
      await clock.advance(1000);
      runs.at(-1)?.resolve();
      for (let turn = 0; turn < turns; turn += 1) await null;
      paced.ask();
      await settle();
      assert.equal(runs.length - before, 2, `${turns} turns after its work`);
    }
  });

  it('does what was asked for during a failure', async () => {
    const paced = pacer();
    paced.ask();
    paced.ask();
    runs[0]?.reject(new Error('once'));
    await clock.advance(1000);
    assert.deepEqual([runs.length, failures.length], [2, 1]);
  });

  it('ends with its task group', async () => {
    const paced = pacer();
    paced.ask();
    runs[0]?.resolve();
    await tasks.close();
    paced.ask();
    await clock.advance(5000);
    assert.deepEqual([runs.length, failures, clock.pending], [1, [], 0]);
  });
});
