import type { Bench, BenchContext } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { alternate } from './parts/rounds.ts';
import { startScene } from './parts/scene.ts';
import type { Scene, Variant } from './parts/scene.ts';
import { spreadOf } from './parts/statistics.ts';
import { cpuOf, forgetPeak, memoryOf, peakOf } from './parts/usage.ts';
import { delay } from '../peers/wait.ts';

const STREAMS = [50, 200];
const RATE = 1e6;
const SECONDS = 6;
const KIB = 1024;
const MIB = 2 ** 20;
const PASSES = 10;

/** The shipped settings stop at 64 streams a session and item. */
const OVERRIDES = { outOfBand: { maxStreams: 256 }, mediaPort: { requestsPerItem: 256 } };

interface Run {
  /** Bytes above idle, of the near and the far process. */
  readonly above: readonly [number, number];
  readonly firstMedian: number;
  readonly worstLate: number;
  readonly cpuPerMegabyte: number;
}

/** Players at 1 MB/s each: memory a stream, how long the start takes, how late they get: G9, G10. */
export const memory: Bench = {
  title: `${STREAMS.join(' and ')} paced streams of 1 MB/s (G9, G10; limits of streams raised)`,
  async run(context) {
    const scene = await startScene(await context.machine(), context, { overrides: OVERRIDES });
    try {
      const figures: Figure[] = [];
      for (const streams of context.options.quick ? [20] : STREAMS) figures.push(...await paced(scene, streams, context));
      return figures;
    } finally {
      await scene.stop();
    }
  },
};

async function paced(scene: Scene, streams: number, { sink, options, say }: BenchContext): Promise<Figure[]> {
  const variants = ['gateway', 'nginx', 'stunnel'] as const;
  const targets = await scene.targets('static');
  const idle = new Map<Variant, number[]>();
  for (const variant of variants) {
    // One stream before: what every process needs once is no matter of the number of streams.
    await sink.paced(scene.place.far.netns, targets[variant], 1, RATE, 1);
    idle.set(variant, scene.pids('static', variant).map(memoryOf));
  }
  const runs = await alternate(variants, options.rounds, async (variant): Promise<Run> => {
    const pids = scene.pids('static', variant);
    for (const pid of pids) forgetPeak(pid);
    const before = cpuOf(pids);
    const { first, bytes, worstLate, ended, unanswered } = await sink.paced(scene.place.far.netns, targets[variant], streams, RATE, SECONDS);
    const above = pids.map((pid, index) => peakOf(pid) - (idle.get(variant)?.[index] ?? 0)) as [number, number];
    if (ended + unanswered > 0) say(`${variant}: ${ended} streams broke, ${unanswered} never began`);
    const run = { above, firstMedian: spreadOf(first).median, worstLate, cpuPerMegabyte: ((cpuOf(pids) - before) * 1e6) / bytes };
    say(`${streams} x ${variant}: ${above.map((one) => (one / MIB).toFixed(0)).join(' + ')} MiB, first byte ${run.firstMedian.toFixed(0)} ms, worst ${worstLate.toFixed(0)} ms late, ${(bytes / 1e6).toFixed(0)} MB`);
    await delay(500);
    return run;
  });
  const of = (variant: typeof variants[number], pick: (run: Run) => number): number[] => runs[variant].map(pick);
  const each = (variant: typeof variants[number], side: 0 | 1): number[] => of(variant, ({ above }) => above[side] / streams / KIB);
  return [
    figure('G10', `near gateway, peak above idle a stream, ${streams} streams`, 'KiB', each('gateway', 0), { atMost: 400 }),
    figure('G10', `far gateway, peak above idle a stream, ${streams} streams`, 'KiB', each('gateway', 1), { atMost: 400 }),
    figure('', `near nginx, ${streams} streams`, 'KiB', each('nginx', 0)),
    figure('', `far nginx, ${streams} streams`, 'KiB', each('nginx', 1)),
    figure('', `near stunnel, ${streams} streams`, 'KiB', each('stunnel', 0)),
    figure('', `far stunnel, ${streams} streams`, 'KiB', each('stunnel', 1)),
    ratio('G9', `CPU a delivered MB / nginx pair, ${streams} streams`, of('gateway', ({ cpuPerMegabyte }) => cpuPerMegabyte), of('nginx', ({ cpuPerMegabyte }) => cpuPerMegabyte), { atMost: 0.75 }),
    ratio('G9', `start TTFB p50 / nginx pair, ${streams} streams`, of('gateway', ({ firstMedian }) => firstMedian), of('nginx', ({ firstMedian }) => firstMedian), { atMost: 0.2 }),
    figure('G9', `worst lateness of any stream, ${streams} streams`, 'ms', of('gateway', ({ worstLate }) => worstLate), { atMost: 50 }),
    figure('', `worst lateness of any stream, nginx pair, ${streams} streams`, 'ms', of('nginx', ({ worstLate }) => worstLate)),
  ];
}

/** What ten times as many bytes leave behind: G11. The film is passed over again and again. */
export const growth: Bench = {
  title: 'memory after one and after ten passes over the film (G11)',
  async run(context) {
    const { sink, options, say } = context;
    const scene = await startScene(await context.machine(), context);
    try {
      const { gateway } = await scene.targets('static');
      const after: (readonly number[])[] = [];
      for (let pass = 1; pass <= (options.quick ? 2 : PASSES); pass += 1) {
        await sink.get(scene.place.far.netns, gateway);
        after.push(scene.pair.pids.map(memoryOf));
        say(`pass ${pass}: ${after.at(-1)?.map((one) => (one / MIB).toFixed(1)).join(' + ')} MiB`);
      }
      const sides = ['near', 'far'] as const;
      return sides.flatMap((side, index) => {
        const all = after.map((sizes) => (sizes[index] as number) / MIB);
        return [
          figure('G11', `${side} gateway, last pass above the first`, 'MiB', [(all.at(-1) as number) - (all[0] as number)], { atMost: 5 }),
          figure('', `${side} gateway after each pass`, 'MiB', all),
        ];
      });
    } finally {
      await scene.stop();
    }
  },
};
