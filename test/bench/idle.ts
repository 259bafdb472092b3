import { createLan } from '../peers/lan.ts';
import type { Host } from '../peers/lan.ts';
import { startProcess } from '../peers/process.ts';
import { startRygel } from '../peers/rygel.ts';
import { delay, waitUntil } from '../peers/wait.ts';
import type { LocalBench, LocalContext } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { SURROUNDINGS, startSurrounded } from './parts/surroundings.ts';
import type { Surrounded } from './parts/surroundings.ts';
import { activityOf, memoryOf } from './parts/usage.ts';

const MIB = 2 ** 20;
/**
 * ms until what a start leaves behind is over (the last of it: V8 finds that nothing happens, and collects what the start left, three times over: about
 * 90 ms of CPU), and in which is measured: as long as what is done regularly takes to come round.
 */
const SETTLE = { full: 60_000, quick: 4_000 };
const WINDOW = { full: 60_000, quick: 8_000 };
/** ms for all devices to be found. */
const PATIENCE = { full: 60_000, quick: 15_000 };

/** Of one process that does nothing, over the window. */
interface Idle {
  /** MiB at its end. */
  readonly memory: number;
  /** Per cent of one core. */
  readonly cpu: number;
  /** Times a second that a thread was woken. */
  readonly wakes: number;
}

type Name = 'gateway' | 'bare node' | 'rygel';

/** What the gateway takes from the machine it runs on while nobody wants anything: G12, G13. It starts anew for each round. */
export const idle: LocalBench = {
  title: 'a gateway that nobody asks for anything (G12, G13; more devices connected than as shipped)',
  isLocal: true,
  async run(context) {
    const figures: Figure[] = [];
    const apart = await createLan({ hosts: 1 });
    try {
      const rygel = await startRygel({ as: 'renderer', netns: (apart.hosts[0] as Host).ns });
      try {
        for (const surroundings of SURROUNDINGS) {
          const surrounded = await startSurrounded(surroundings, context.directory);
          try {
            figures.push(...figuresOf(surrounded, await rounds(surrounded, rygel.process.pid, context)));
          } finally {
            await surrounded.stop();
          }
        }
      } finally {
        await rygel.stop();
      }
    } finally {
      await apart.close();
    }
    return figures;
  },
};

async function rounds(surrounded: Surrounded, rygel: number, { options, say, miss }: LocalContext): Promise<Record<Name, Idle>[]> {
  const time = options.quick ? 'quick' : 'full';
  const { what, pair: { near } } = surrounded;
  const all: Record<Name, Idle>[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    if (round > 0) {
      await near.stop();
      await near.start();
    }
    // Who is missing makes the figures better than they are: that is said with them.
    await waitUntil(what, async () => await surrounded.missing() === 0, { timeout: PATIENCE[time], interval: 500 })
      .catch(async () => miss(`${what}: ${await surrounded.missing()} of them are not there`));
    const bare = await startProcess('node', [process.execPath, '-e', 'setInterval(() => undefined, 2 ** 30)']);
    await delay(SETTLE[time]);
    const [gateway, node, other] = await Promise.all([near.pid, bare.pid, rygel].map((pid) => watch(pid, WINDOW[time]))) as [Idle, Idle, Idle];
    await bare.stop();
    all.push({ 'gateway': gateway, 'bare node': node, 'rygel': other });
    say(`${what}: ${gateway.memory.toFixed(0)} MiB (bare node ${node.memory.toFixed(0)}, rygel ${other.memory.toFixed(0)}), ${gateway.cpu.toFixed(3)} % of a core, woken ${gateway.wakes.toFixed(1)} times a second`);
  }
  return all;
}

async function watch(pid: number, window: number): Promise<Idle> {
  const [before, began] = [activityOf(pid), performance.now()];
  await delay(window);
  const [after, seconds] = [activityOf(pid), (performance.now() - began) / 1000];
  return { memory: memoryOf(pid) / MIB, cpu: (100 * (after.cpu - before.cpu)) / seconds, wakes: (after.sleeps - before.sleeps) / seconds };
}

function figuresOf({ what }: Surrounded, all: readonly Record<Name, Idle>[]): Figure[] {
  const of = (name: Name, which: keyof Idle): number[] => all.map((round) => round[name][which]);
  const names = ['gateway', 'bare node', 'rygel'] as const;
  return [
    ratio('G12', `memory / bare node, ${what}`, of('gateway', 'memory'), of('bare node', 'memory'), { atMost: 1.4 }),
    ratio('G12', `memory / rygel, ${what}`, of('gateway', 'memory'), of('rygel', 'memory'), { atMost: 1.3 }),
    figure('G13', `CPU, ${what}`, '% of a core', of('gateway', 'cpu'), { atMost: 0.1 }),
    figure('', `CPU of rygel, beside ${what}`, '% of a core', of('rygel', 'cpu')),
    ...names.map((name) => figure('', `memory of ${name}, ${what}`, 'MiB', of(name, 'memory'))),
    ...names.map((name) => figure('', `${name} woken, ${what}`, 'times a second', of(name, 'wakes'))),
  ];
}
