import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FoundService } from '../../src/xpmn/ports/service-discovery.ts';
import type { Avahi } from '../peers/avahi.ts';
import type { Host } from '../peers/lan.ts';
import { startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { waitUntil } from '../peers/wait.ts';

interface Line {
  readonly started?: true;
  readonly found?: FoundService;
  readonly lost?: string;
  readonly failed?: string;
}

/** Service discovery in a namespace: see discovery-agent.ts. */
export interface Agent {
  readonly process: ManagedProcess;
  readonly lines: readonly Line[];
  tell(order: object): void;
  /** What it found last of an instance, unless that was lost since. */
  knows(instance: string): FoundService | undefined;
}

/** By multicast DNS of our own, or by the avahi that is given. */
export async function startAgent({ ns }: Host, avahi?: Avahi): Promise<Agent> {
  const script = fileURLToPath(new URL('./discovery-agent.ts', import.meta.url));
  const env = avahi ? { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: avahi.bus.address } : process.env;
  const argv = [process.execPath, '--import', 'tsx', script, ...(avahi ? ['avahi'] : [])];
  const child = await startProcess('discovery-agent', argv, { netns: ns, stdin: 'pipe', env });
  const lines: Line[] = [];
  createInterface({ input: child.child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(JSON.parse(line) as Line));
  await waitUntil('the agent has started', () => lines.some((line) => line.started));
  return {
    process: child,
    lines,
    tell: (order) => void child.child.stdin?.write(`${JSON.stringify(order)}\n`),
    knows: (instance) => lines.findLast((line) => line.found?.instance === instance || line.lost === instance)?.found,
  };
}
