import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { activityOf } from '../../bench/parts/usage.ts';

/** Counts as far as it is told, and answers. */
const COUNTER = 'while read end; do i=0; while [ $i -lt $end ]; do i=$((i+1)); done; echo $i; done';

describe('bench usage', () => {
  let child: ChildProcessByStdio<Writable, Readable, null>;
  const count = async (to: number): Promise<void> => {
    child.stdin.write(`${to}\n`);
    await once(child.stdout, 'data');
  };
  const now = (): ReturnType<typeof activityOf> => activityOf(child.pid as number);

  beforeEach(async () => {
    child = spawn('sh', ['-c', COUNTER], { stdio: ['pipe', 'pipe', 'inherit'] });
    await count(1);
  });
  afterEach(async () => {
    child.stdin.end();
    await once(child, 'close');
  });

  it('counts what a process does, finer than the system\'s ticks', async () => {
    const { cpu } = now();
    await count(30_000);
    const used = Math.round((now().cpu - cpu) * 1e9);
    assert.ok(used > 1e6 && used < 2e9 && used % 1e7 !== 0, `${used} ns`);
  });

  it('counts how often a process was woken', async () => {
    const { sleeps } = now();
    // who is told at once what comes next need not sleep for it
    while (now().sleeps < sleeps + 5) await count(1);
  });
});
