import assert from 'node:assert/strict';
import { waitUntil } from '../../peers/wait.ts';
import type { Held, Machine } from './machine.ts';

/** Remembers what the daemons hold open when they rest; the result waits until they hold no more than that again. */
export async function heldAgain(machines: readonly Machine[]): Promise<() => Promise<void>> {
  const before = await Promise.all(machines.map(resting));
  return async () => {
    for (const [index, machine] of machines.entries()) {
      const allowed = before[index] as Held;
      let now: Held | undefined;
      const isBack = async (): Promise<boolean> => {
        now = await machine.held();
        return now.files <= allowed.files && now.listeners <= allowed.listeners;
      };
      await waitUntil('everything is let go', isBack, { timeout: 40_000, interval: 200 })
        .catch(() => assert.deepEqual(now, allowed, 'something is held for ever'));
    }
  };
}

/** Kept connections are closed in a few seconds: rest is when the number falls no more. */
async function resting(machine: Machine): Promise<Held> {
  let last = await machine.held();
  let since = performance.now();
  await waitUntil('the daemon rests', async () => {
    const now = await machine.held();
    if (now.files < last.files || now.listeners < last.listeners) since = performance.now();
    last = now;
    return performance.now() - since > 6_000;
  }, { timeout: 60_000, interval: 200 });
  return last;
}
