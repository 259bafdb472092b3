import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../../src/app/control/client.ts';
import type { Input, OperationName, Output } from '../../../src/app/control/operations.ts';
import { run, startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';
import { Unrecoverable, waitUntil } from '../../peers/wait.ts';

const MAIN = fileURLToPath(new URL('../../../dist/app/main.js', import.meta.url));
const ANSWER_TIME = 120_000;

export interface DaemonPlan {
  readonly name: string;
  /** State directory; its log lies beside it. */
  readonly home: string;
  readonly netns: string | undefined;
  readonly nodeArguments: readonly string[];
}

/** The shipped program on one state directory: its commands, and the daemon. */
export class Daemon {
  readonly home: string;
  private readonly plan: DaemonPlan;
  private readonly control: ControlClient;
  private process: ManagedProcess | undefined;

  constructor(plan: DaemonPlan) {
    this.plan = plan;
    this.home = plan.home;
    this.control = new ControlClient({ path: join(plan.home, 'control.sock'), answerBytes: 16 * 2 ** 20 });
  }

  get pid(): number {
    if (!this.process) throw new Error(`${this.plan.name} does not run`);
    return this.process.pid;
  }

  /** Resolves when it is connected to its server. */
  async start(): Promise<void> {
    const { name, home, netns, nodeArguments } = this.plan;
    const argv = [process.execPath, ...nodeArguments, MAIN, 'daemon', '--home', home];
    const started = await startProcess(name, argv, { netns, log: `${home}.log`, grace: 15_000 });
    this.process = started;
    await waitUntil(`${name} is online`, async () => {
      if (!started.running) throw new Unrecoverable(`${name} ended: ${started.output()}`);
      return (await this.call('status', {})).connection.state === 'online';
    }, { timeout: 30_000 });
  }

  /** `xpmn`, as its user calls it; gives what it prints. */
  xpmn(...words: string[]): Promise<string> {
    return run([process.execPath, MAIN, ...words, '--home', this.home], { netns: this.plan.netns });
  }

  call<N extends OperationName>(name: N, input: Input<N>): Promise<Output<N>> {
    return this.control.call(name, input, { signal: AbortSignal.timeout(ANSWER_TIME) });
  }

  async stop(): Promise<void> {
    await this.process?.stop();
    this.process = undefined;
  }
}
