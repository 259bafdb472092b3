import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../peers/lan.ts';
import { launcher, startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { StepFailed } from './narrator.ts';
import type { Narrator } from './narrator.ts';

const MAIN = fileURLToPath(new URL('../../dist/app/main.js', import.meta.url));
const BOUND = 60_000;

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One computer of the owner: a network namespace, a folder that its shell stands in, and `xpmn` installed on it. */
export class Machine {
  readonly name: string;
  readonly folder: string;
  readonly host: Host;
  private readonly narrator: Narrator;
  private readonly signal: AbortSignal;

  constructor(name: string, folder: string, host: Host, { narrator, signal }: { readonly narrator: Narrator; readonly signal: AbortSignal }) {
    this.name = name;
    this.folder = folder;
    this.host = host;
    this.narrator = narrator;
    this.signal = signal;
  }

  /** Runs `xpmn …` as its user types it, and shows both. @throws StepFailed unless it succeeds */
  async xpmn(...words: string[]): Promise<string> {
    this.narrator.command(this.name, ['xpmn', ...words.map(quote)].join(' '));
    const { code, stdout, stderr } = await this.run([process.execPath, MAIN, ...words]);
    if (stdout.trim() !== '') this.narrator.output(stdout);
    if (stderr.trim() !== '') this.narrator.output(stderr);
    if (code !== 0) throw new StepFailed(`xpmn ${words.join(' ')} ended with ${code}`);
    return stdout;
  }

  /** The same silently, for the demonstration's own use: what `--json` answers. */
  async ask<T>(...words: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run([process.execPath, MAIN, ...words, '--json']);
    if (code !== 0) throw new StepFailed(`xpmn ${words.join(' ')} --json ended with ${code}: ${stderr.trim()}`);
    return JSON.parse(stdout) as T;
  }

  /** Runs another program on the machine, silently. */
  run([command = '', ...argv]: readonly string[]): Promise<Answer> {
    const [first = '', ...words] = [...launcher({ netns: this.host.ns }), command, ...argv];
    const options = { cwd: this.folder, env: this.env(), timeout: BOUND, signal: this.signal, maxBuffer: 16 * 1024 * 1024 };
    return new Promise((resolve, reject) => {
      execFile(first, words, options, (error, stdout, stderr) => {
        const code = error ? error.code : 0;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else if (this.signal.aborted) reject(this.signal.reason as Error);
        else reject(new StepFailed(`${command}: ${error?.killed ? `not done within ${BOUND / 1000} s: ${stderr.trim()}` : error?.message}`));
      });
    });
  }

  /** `xpmn daemon` in the background. */
  daemon(): Promise<ManagedProcess> {
    this.narrator.command(this.name, 'xpmn daemon &');
    return this.start('xpmn daemon', [process.execPath, MAIN, 'daemon']);
  }

  start(name: string, argv: readonly string[]): Promise<ManagedProcess> {
    return startProcess(`${name} on ${this.name}`, argv, { netns: this.host.ns, cwd: this.folder, env: this.env(), grace: 10_000 });
  }

  private env(): NodeJS.ProcessEnv {
    const { PATH, LANG = 'C.UTF-8' } = process.env;
    return { PATH, LANG, HOME: this.folder, XPMN_HOME: join(this.folder, 'xpmn'), NO_COLOR: '1', COLUMNS: '94' };
  }
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
