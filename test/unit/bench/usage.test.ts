import assert from 'node:assert/strict';
import { activityOf } from '../../bench/parts/usage.ts';
import { ownTime } from '../../support/own-time.ts';

describe('bench usage', () => {
  it('counts what a process does, finer than the system\'s ticks', () => {
    const first = ownTime();
    const before = activityOf(process.pid).cpu;
    const second = ownTime();
    while (ownTime() < second + 0.005);
    const third = ownTime();
    const used = activityOf(process.pid).cpu - before;
    const last = ownTime();
    assert.ok(used > third - second - 0.001 && used < last - first + 0.001, `${used} s of ${third - second} to ${last - first}`);
  });

  it('counts how often a process was woken', async () => {
    const before = activityOf(process.pid).sleeps;
    // a timer that is late is not slept for
    while (activityOf(process.pid).sleeps < before + 5) await new Promise((resolve) => setTimeout(resolve, 2));
  });
});
