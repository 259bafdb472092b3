import { PassThrough } from 'node:stream';
import { runCli } from '../../src/app/cli/program.ts';
import type { CliDeps } from '../../src/app/cli/io.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What is typed on a terminal that shows nothing of it; it can tell whether it was told to. */
export class FakeTerminal extends PassThrough {
  readonly isTTY = true;
  readonly modes: boolean[] = [];

  setRawMode(isRaw: boolean): void {
    this.modes.push(isRaw);
  }
}

/** Runs a command line in this process, as if spawned. */
export async function cli(argv: readonly string[], changes: Partial<CliDeps> = {}): Promise<CliResult> {
  const said = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr'): CliDeps['stdout'] => ({
    write: (text: unknown) => {
      said[name] += String(text);
      return true;
    },
  });
  const status = await runCli(argv, {
    stdin: new PassThrough().end(),
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: {},
    signal: new AbortController().signal,
    clock: systemClock,
    random: systemRandom,
    version: '1.2.3',
    loadGateway: () => Promise.reject(new Error('no gateway is to be loaded here')),
    exit: () => undefined,
    ...changes,
  });
  return { status, ...said };
}
