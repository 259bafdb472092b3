import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { launcher, run } from '../../peers/process.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** The built program: what a user starts. */
export const PROGRAM = at('dist/app/main.js');

/** Builds the program if the sources are not those it was made of. */
export async function buildProgram(): Promise<void> {
  const checkout = new URL('../../../config/setup/checkout.mjs', import.meta.url).href;
  await run([process.execPath, '--input-type=module', '-e', `(await import('${checkout}')).ensureBuilt()`], { timeout: 120_000 });
}

const WAITING = 'still waiting … (Ctrl-C ends it)\n';

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly netns?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Milliseconds until it is killed: then `code` is null. */
  readonly timeout?: number | undefined;
}

/** Runs one command of the program to its end, whatever that is. It has no terminal and an empty stdin. */
export function runProgram(argv: readonly string[], { netns, env, timeout = 60_000 }: RunOptions = {}): Promise<Answer> {
  const [command = '', ...rest] = [...launcher({ netns }), process.execPath, PROGRAM, ...argv];
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: env ?? process.env, timeout, killSignal: 'SIGKILL' });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
    child.once('error', reject);
    // People are told that they wait where it takes long, which is a matter of the machine.
    child.once('close', (code) => resolve({ code, ...said, stderr: said.stderr.replaceAll(WAITING, '') }));
  });
}
