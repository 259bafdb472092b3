import type { PairingView } from '../../../src/app/pairing-desk.ts';
import { run } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';
import { waitUntil } from '../../peers/wait.ts';
import type { Machine } from './machine.ts';

// The first words on the link of who is in no network yet, and all that it is told before it answers.
const CALL = `
  const [host, port, to] = process.argv.slice(1);
  const socket = require('node:net').connect({ host, port: Number(port) });
  let all = '';
  socket.write("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='kaa@montague.test/phone' to='" + to + "'>");
  socket.on('data', (bytes) => {
    all += bytes;
    if (!all.includes('</features>')) return;
    process.stdout.write(all);
    socket.destroy();
  });
`;

/** What a device of another make is offered that calls from a machine: names of methods, the best first. */
export async function offeredFrom({ ns }: Machine, host: string, port: number, to: string): Promise<string[]> {
  const heard = await run([process.execPath, '-e', CALL, host, String(port), to], { netns: ns, timeout: 10_000 });
  return [...heard.matchAll(/<method name='([^']+)'/g)].map(([, name]) => name as string);
}

/** `xpmn pair start` on a machine of the network. */
export class PairStart {
  private readonly process: ManagedProcess;

  private constructor(process: ManagedProcess) {
    this.process = process;
  }

  static async on(machine: Machine): Promise<PairStart> {
    return new PairStart(await machine.run(['pair', 'start', '--json']));
  }

  /** What it has said last, when that is `state`. */
  says<S extends PairingView['state']>(state: S): Promise<Extract<PairingView, { state: S }>> {
    const said = (): Extract<PairingView, { state: S }> | undefined => {
      const lines = this.process.output().trim().split('\n').filter((line) => line.startsWith('{'));
      const view = lines.map((line) => JSON.parse(line) as PairingView).at(-1);
      return view?.state === state ? (view as Extract<PairingView, { state: S }>) : undefined;
    };
    return waitUntil(`pair start says ${state}`, said, { timeout: 30_000, interval: 20 });
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

/** Adds `second` to the network of `first`. */
export async function pair(first: Machine, second: Machine, name: string): Promise<void> {
  const starting = await PairStart.on(first);
  const { pin } = await starting.says('open');
  await second.json(['pair', 'join', '--pin-file', await second.file('pin', `${pin}\n`), '--name', name]);
  await starting.stop();
}
