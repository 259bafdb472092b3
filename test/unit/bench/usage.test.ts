import assert from 'node:assert/strict';
import { activityOf } from '../../bench/parts/usage.ts';

describe('bench usage', () => {
  it('counts what a process does, finer than the system\'s ticks', () => {
    const before = activityOf(process.pid);
    const end = performance.now() + 5;
    while (performance.now() < end);
    const used = activityOf(process.pid).cpu - before.cpu;
    assert.ok(used > 0.001 && used < 1, `${used} s`);
  });

  it('counts how often a process was woken', async () => {
    const before = activityOf(process.pid);
    for (let time = 0; time < 5; time += 1) await new Promise((resolve) => setTimeout(resolve, 2));
    assert.ok(activityOf(process.pid).sleeps - before.sleeps >= 5);
  });
});
