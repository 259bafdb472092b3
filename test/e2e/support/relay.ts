import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeServerCertificate } from '../../peers/authority.ts';
import type { Home } from '../../peers/network.ts';
import type { Host } from '../../peers/lan.ts';
import { run, startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';
import { waitUntil } from '../../peers/wait.ts';

/** What the man in the middle does to each connection. */
export type Attack = 'pass' | 'flip' | 'inject' | 'lose' | 'cut' | 'impostor';

/** A router that has been taken over: connections out of its home to one port of one host pass through hostile hands. */
export class HostileRouter {
  private readonly process: ManagedProcess;
  private readonly folder: string;

  private constructor(child: ManagedProcess, folder: string) {
    this.process = child;
    this.folder = folder;
  }

  static async take(home: Home, target: Host, port: number): Promise<HostileRouter> {
    const folder = await mkdtemp(join(tmpdir(), 'xpmn-relay-'));
    const { keyFile, certificateFile } = await makeServerCertificate(folder, ['impostor.test']);
    const netns = home.router.ns;
    const rules = `table ip hostile { chain pre { type nat hook prerouting priority -100; iifname "br-lan" ip daddr ${target.address} tcp dport ${port} redirect to :${port}\n }\n }\n`;
    await run(['nft', '-f', '-'], { netns, input: rules });
    const script = fileURLToPath(new URL('relay-agent.ts', import.meta.url));
    const argv = [process.execPath, '--import', 'tsx', script, String(port), target.address, String(port), keyFile, certificateFile];
    const child = await startProcess('relay', argv, { netns, stdin: 'pipe' });
    await child.said(/ready/);
    return new HostileRouter(child, folder);
  }

  /** From now on, for connections that come. */
  async attack(what: Attack): Promise<void> {
    this.process.child.stdin?.write(`${what}\n`);
    await waitUntil('the router obeys', () => this.last() === what);
  }

  /** How often it has done that. */
  times(what: Attack): number {
    return this.process.output().split(`attacked ${what}\n`).length - 1;
  }

  async close(): Promise<void> {
    await this.process.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private last(): string | undefined {
    return [...this.process.output().matchAll(/now (\w+)\n/g)].at(-1)?.[1];
  }
}
