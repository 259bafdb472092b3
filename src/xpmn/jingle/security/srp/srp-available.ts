import type { Clock } from '../../../kernel/clock.ts';
import { deferred, withDeadline } from '../../../kernel/tasks.ts';
import { SrpChild } from './srp-child.ts';
import type { SrpChildOptions } from './srp-child.ts';

/**
 * Whether TLS-SRP can be run here: the native library loads, and this Node's OpenSSL has SRP and allows it. Asked of a process
 * like those that run it, so that nothing of it is loaded into this one. What can't be had is not to be offered.
 *
 * @throws the signal's reason
 */
export async function isSrpAvailable({ clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal }, options: SrpChildOptions & { readonly startTimeout: number }): Promise<boolean> {
  const answer = deferred<boolean>();
  const child = new SrpChild({ onFrame: ({ name }) => answer.resolve(name === 'ready'), onGone: () => answer.resolve(false) }, options);
  try {
    return await withDeadline({ clock, signal, delay: options.startTimeout, what: 'Starting a process for TLS-SRP' }, () => answer.promise);
  } finally {
    child.kill();
  }
}
