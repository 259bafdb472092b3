import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayDevice, GatewayStatus } from '../../../src/app/gateway-api.ts';
import { startProcess } from '../../peers/process.ts';
import type { Exit, ManagedProcess } from '../../peers/process.ts';
import { Unrecoverable, waitUntil } from '../../peers/wait.ts';
import type { WaitOptions } from '../../peers/wait.ts';
import { PROGRAM, runProgram } from './program.ts';
import type { Answer } from './program.ts';

export interface MachineOptions {
  /** Network namespace. */
  readonly ns: string;
  /** The user's settings: laid over the shipped ones. */
  readonly config?: object | undefined;
  /** Address of its system bus; none by default. */
  readonly bus?: string | undefined;
  /** Of its user's session bus; none by default. */
  readonly session?: string | undefined;
}

/** One machine with the program on it: its state directory, its daemon, and a shell for commands. */
export class Machine {
  readonly ns: string;
  /** Holds the state directory, and whatever a test wants to lay beside it. */
  readonly folder: string;
  readonly home: string;
  daemon: ManagedProcess | undefined;
  private readonly bus: string;
  private readonly session: string;

  private constructor({ ns, bus, session }: MachineOptions, folder: string) {
    this.ns = ns;
    this.folder = folder;
    // Never that of the machine that the test runs on.
    const none = `unix:path=${join(folder, 'no-bus')}`;
    this.bus = bus ?? none;
    this.session = session ?? none;
    this.home = join(folder, 'home');
  }

  static async create(options: MachineOptions): Promise<Machine> {
    const { config } = options;
    const machine = new Machine(options, await mkdtemp(join(tmpdir(), 'xpmn-e2e-')));
    await mkdir(machine.home, { mode: 0o700 });
    if (config) await writeFile(join(machine.home, 'config.json'), JSON.stringify(config));
    return machine;
  }

  /** Starts the daemon and waits until it answers commands. */
  async start(): Promise<void> {
    const argv = [process.execPath, PROGRAM, 'daemon'];
    const daemon = await startProcess('daemon', argv, { netns: this.ns, env: this.env, grace: 15_000 });
    this.daemon = daemon;
    await waitUntil('the daemon answers', async () => {
      if (!daemon.running) throw new Unrecoverable(`the daemon ended: ${daemon.output()}`);
      return existsSync(join(this.home, 'control.sock')) && this.status();
    }, { timeout: 30_000, interval: 50 });
  }

  async stop(): Promise<Exit | undefined> {
    const { daemon } = this;
    this.daemon = undefined;
    return daemon?.stop();
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A command as the user types it. */
  xpmn(argv: readonly string[], { timeout }: { readonly timeout?: number } = {}): Promise<Answer> {
    return runProgram(argv, { netns: this.ns, env: this.env, timeout });
  }

  /** A command that goes on until it is stopped. */
  run(argv: readonly string[]): Promise<ManagedProcess> {
    return startProcess(`xpmn ${argv.join(' ')}`, [process.execPath, PROGRAM, ...argv], { netns: this.ns, env: this.env, grace: 10_000 });
  }

  /** A command that must succeed, and its document. */
  async json<T>(argv: readonly string[], options: { readonly timeout?: number } = {}): Promise<T> {
    const { code, stdout, stderr } = await this.xpmn([...argv, '--json'], options);
    if (code !== 0) throw new Error(`xpmn ${argv.join(' ')}: exit ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Asks the daemon as the command line does, without starting a process for it: for waiting. */
  ask<T>(operation: string, input: object = {}): Promise<T> {
    const options = { socketPath: join(this.home, 'control.sock'), path: `/v1/${operation}`, method: 'POST', headers: { 'Content-Type': 'application/json' }, agent: false };
    return new Promise((resolve, reject) => {
      const request = http.request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', reject);
        response.on('end', () => (response.statusCode === 200 ? resolve(JSON.parse(text) as T) : reject(new Error(text))));
      });
      request.on('error', reject).end(JSON.stringify(input));
    });
  }

  status(): Promise<GatewayStatus> {
    return this.ask('status');
  }

  async devices(): Promise<readonly GatewayDevice[]> {
    return (await this.ask<{ devices: readonly GatewayDevice[] }>('devices')).devices;
  }

  async online(options: WaitOptions = {}): Promise<void> {
    await waitUntil('the gateway is online', async () => (await this.status()).connection.state === 'online', { timeout: 30_000, ...options });
  }

  /** Waits until a media server other than those `but` is there for this machine. */
  library(but: readonly string[] = [], options: WaitOptions = {}): Promise<GatewayDevice> {
    const find = async (): Promise<GatewayDevice | undefined> =>
      (await this.devices()).find(({ kind, reach, jid }) => kind === 'media-server' && reach !== 'unreachable' && !but.includes(jid));
    return waitUntil('a media server is there', find, { timeout: 40_000, interval: 100, ...options });
  }

  /** Lays a file beside the state. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }

  discard(path: string): Promise<void> {
    return rm(path, { force: true });
  }

  /** Resident memory, bytes. */
  async memory(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) * 1024;
  }

  /** Bytes that this machine's interface has received since it is there. */
  async received(device: 'lo' | 'eth0'): Promise<number> {
    const text = await readFile(`/proc/${this.pid}/net/dev`, 'utf8');
    return Number(new RegExp(`${device}:\\s*(\\d+)`).exec(text)?.[1]);
  }

  get pid(): number {
    if (!this.daemon?.running) throw new Error(`no daemon runs: ${this.daemon?.output() ?? ''}`);
    return this.daemon.pid;
  }

  get isAlive(): boolean {
    return this.daemon?.running === true;
  }

  private get env(): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, HOME: this.folder, XPMN_HOME: this.home, LANG: 'C.UTF-8', DBUS_SYSTEM_BUS_ADDRESS: this.bus, DBUS_SESSION_BUS_ADDRESS: this.session };
  }
}
