import type { PairingView } from '../../../src/app/pairing-desk.ts';
import type { ManagedProcess } from '../../peers/process.ts';
import { waitUntil } from '../../peers/wait.ts';
import type { Machine } from './machine.ts';

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
