import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Milliseconds in which another signal is the same one: npm passes on what the terminal has told the whole group already. */
const SAME = 500;

/** Aborts at the first signal that asks the process to end; the second one ends it at once. */
export function interruptSignal(target: NodeJS.Process, clock: Pick<Clock, 'monotonic'>): AbortSignal {
  const controller = new AbortController();
  let first: number | undefined;
  for (const name of SIGNALS) {
    target.on(name, () => {
      first ??= clock.monotonic();
      if (clock.monotonic() - first > SAME) target.exit(1);
      controller.abort(new XpmnError('aborted', 'Interrupted.'));
    });
  }
  return controller.signal;
}
