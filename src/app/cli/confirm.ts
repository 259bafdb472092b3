import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import type { CliDeps } from './io.ts';
import { askLine } from './line.ts';

/**
 * Asks on the terminal whether to go on; `why` is one sentence or more. Anything but yes is no.
 * @throws XpmnError `usage` where there is no terminal; `aborted` for no
 */
export async function confirm(why: string, deps: CliDeps): Promise<void> {
  throwIfAborted(deps.signal);
  if (!deps.stdin.isTTY) throw new XpmnError('usage', `${why} If that is what you want, say --yes.`);
  const answer = await askLine(`${why} Go on? [y/N] `, deps);
  if (!/^y(es)?$/i.test(answer)) throw new XpmnError('aborted', 'Nothing was changed.');
}
