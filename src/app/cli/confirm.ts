import { createInterface } from 'node:readline';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { abortReason, throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import type { CliDeps } from './io.ts';

/**
 * Asks on the terminal whether to go on; `why` is one sentence or more. Anything but yes is no.
 * @throws XpmnError `usage` where there is no terminal; `aborted` for no
 */
export async function confirm(why: string, { stdin, stderr, signal }: CliDeps): Promise<void> {
  throwIfAborted(signal);
  if (!stdin.isTTY) throw new XpmnError('usage', `${why} If that is what you want, say --yes.`);
  stderr.write(`${why} Go on? [y/N] `);
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
      signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true });
    });
    if (!/^y(es)?$/i.test(answer.trim())) throw new XpmnError('aborted', 'Nothing was changed.');
  } finally {
    lines.close();
  }
}
