import { XpmnError } from '../xpmn/kernel/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborts at the first signal that asks the process to end; the second one ends it at once. */
export function interruptSignal(target: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  for (const name of SIGNALS) {
    target.on(name, () => {
      if (controller.signal.aborted) target.exit(1);
      controller.abort(new XpmnError('aborted', 'Interrupted.'));
    });
  }
  return controller.signal;
}
