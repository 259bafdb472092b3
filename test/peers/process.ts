import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Unrecoverable, delay, waitUntil } from './wait.ts';

const TAIL = 64 * 1024;
const LAST_WORDS = 250;

export interface ProcessOptions {
  /** Name of a network namespace to run in (`ip netns exec`). */
  readonly netns?: string | undefined;
  /** User to run as; only root can change it, anybody else's process runs as it is. */
  readonly user?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  /** File that takes stdout and stderr, up to `logLimit` bytes; what comes later is read and dropped. */
  readonly log?: string | undefined;
  readonly logLimit?: number;
  readonly stdin?: 'ignore' | 'pipe';
  /** Milliseconds between TERM and KILL. */
  readonly grace?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One child in a process group of its own, which dies with this process, however that ends. */
export interface ManagedProcess {
  readonly name: string;
  /** Process id, and process group id; `ip netns exec` and `setpriv` exec, so it is the program's own. */
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** The last 64 KiB of stdout and stderr. */
  output(): string;
  /** Waits until the output matches; fails at once when the process ends first. */
  said(pattern: RegExp, timeout?: number): Promise<RegExpExecArray>;
  /** To the whole group. */
  kill(signal: NodeJS.Signals): void;
  /** TERM to the group, after the grace KILL. Idempotent. */
  stop(): Promise<Exit>;
}

/** The words to put before a command line, so that it runs where and as whom the options say. */
export function launcher({ netns, user }: Pick<ProcessOptions, 'netns' | 'user'>): string[] {
  const words = netns === undefined ? [] : ['ip', 'netns', 'exec', netns];
  words.push('setpriv', '--pdeathsig', 'KILL');
  if (user !== undefined && process.getuid?.() === 0) words.push(`--reuid=${user}`, `--regid=${user}`, '--init-groups');
  return words;
}

export async function startProcess(
  name: string,
  argv: readonly string[],
  options: ProcessOptions = {},
): Promise<ManagedProcess> {
  const [command = '', ...rest] = [...launcher(options), ...argv];
  const child = spawn(command, rest, {
    detached: true,
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    cwd: options.cwd,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new Error(`${name}: can't start ${command}`, { cause })));
  });
  return new GroupProcess(name, child, options);
}

class GroupProcess implements ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  running = true;
  private tail = '';
  private readonly grace: number;
  private stopping: Promise<Exit> | undefined;

  constructor(name: string, child: ChildProcess, options: ProcessOptions) {
    this.name = name;
    this.child = child;
    this.pid = child.pid as number;
    this.grace = options.grace ?? 5_000;
    const log = options.log === undefined ? undefined : new BoundedLog(options.log, options.logLimit ?? 16 * 1024 * 1024);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.tail = (this.tail + chunk.toString('utf8')).slice(-TAIL);
        log?.write(chunk);
      });
    }
    this.exited = new Promise((resolve) => {
      const closed = once(child, 'close');
      child.once('exit', (code, signal) => {
        // its last words may still be in the pipe, which a grandchild may also hold open for ever; a timer that is late comes before what lies there is read
        void Promise.race([closed, delay(LAST_WORDS).then(() => setImmediate())]).then(() => {
          this.running = false;
          resolve({ code, signal });
        });
      });
    });
  }

  output(): string {
    return this.tail;
  }

  said(pattern: RegExp, timeout?: number): Promise<RegExpExecArray> {
    const look = () => {
      const match = pattern.exec(this.tail);
      if (!match && !this.running) throw new Unrecoverable(`${this.name} ended: ${this.tail.slice(-2_000)}`);
      return match;
    };
    return waitUntil(`${this.name} says ${String(pattern)}`, look, timeout === undefined ? {} : { timeout }).catch(
      (cause: unknown) => {
        if (cause instanceof Unrecoverable) throw cause;
        throw new Error(`${this.name} never said ${String(pattern)}: ${this.tail.slice(-2_000)}`, { cause });
      },
    );
  }

  kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  stop(): Promise<Exit> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<Exit> {
    if (!this.running) return this.exited;
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), this.grace);
    const exit = await this.exited;
    clearTimeout(timer);
    // what the leader left behind in its group goes too
    this.kill('SIGKILL');
    return exit;
  }
}

class BoundedLog {
  private readonly path: string;
  private left: number;

  constructor(path: string, limit: number) {
    this.path = path;
    this.left = limit;
    writeFileSync(path, '');
  }

  write(chunk: Buffer): void {
    if (this.left <= 0) return;
    appendFileSync(this.path, chunk.subarray(0, this.left));
    this.left -= chunk.length;
    if (this.left <= 0) appendFileSync(this.path, '\n(the log is full: cut here)\n');
  }
}

/** Runs a command to its end and gives its stdout; a non-zero exit, or 60 s (`timeout`), rejects with its stderr. */
export function run(
  argv: readonly string[],
  { input, timeout = 60_000, netns, env }: { input?: string; timeout?: number; netns?: string | undefined; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const [command = '', ...rest] = netns === undefined ? argv : ['ip', 'netns', 'exec', netns, ...argv];
  return new Promise((resolve, reject) => {
    const options = { timeout, maxBuffer: 16 * 1024 * 1024, env: env ?? process.env };
    const child = execFile(command, rest, options, (cause, stdout, stderr) => {
      if (cause) reject(new Error(`${argv.join(' ')}: ${stderr.trim() || cause.message}`, { cause }));
      else resolve(stdout);
    });
    // a command that ends without reading its input is judged by its exit code
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Below those that the kernel gives by itself: until it is taken, and while its owner is restarted, nobody gets it by chance. */
const PORTS = [10_000, 32_000] as const;

/** A TCP port that is free now on `address` in this process's own network. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    const server = createServer().listen(port, address);
    const isFree = await once(server, 'listening').then(() => true, (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error;
      return false;
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
