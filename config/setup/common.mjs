import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = new URL('../../', import.meta.url);

/** What the reader can do something about: shown as its one line. */
export class SetupError extends Error {}

/** Runs a command whose output goes to stderr: stdout belongs to what is set up. */
export function runOrFail(command, argv, failure) {
  const { status, error } = spawnSync(command, argv, { cwd: fileURLToPath(ROOT), stdio: ['ignore', 2, 2] });
  if (error || status !== 0) throw new SetupError(failure);
}

/** npm as it started us, else the one in PATH. */
export function npm(argv, failure) {
  const script = process.env.npm_execpath;
  const found = script?.endsWith('.js') || script?.endsWith('.cjs');
  if (found) runOrFail(process.execPath, [script, ...argv], failure);
  else runOrFail('npm', argv, failure);
}
