import type { Bench, BenchContext } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { floorOf, measureFloor } from './parts/floor.ts';
import { alternate } from './parts/rounds.ts';
import { startScene } from './parts/scene.ts';
import type { Scene } from './parts/scene.ts';
import { cpuOf } from './parts/usage.ts';

const GIB = 2 ** 30;
const VARIANTS = ['gateway', 'nginx', 'nginx-tuned', 'stunnel', 'node'] as const;

interface Run {
  /** MB/s. */
  readonly speed: number;
  /** CPU seconds per GiB of what stands between source and sink. */
  readonly cpu: number;
}

/** One stream at full speed: G1, G1b, G2, G3; once from minidlna, once from the fastest source there is. */
export const goodput: Bench = {
  title: 'one stream, everything on one machine (G1, G1b, G2, G3)',
  async run(context) {
    const scene = await startScene(await context.machine(), context);
    try {
      return [...await compare(scene, 'static', context), ...await compare(scene, 'minidlna', context)];
    } finally {
      await scene.stop();
    }
  },
};

async function compare(scene: Scene, source: 'static' | 'minidlna', { sink, options, say }: BenchContext): Promise<Figure[]> {
  const { place } = scene;
  const targets = await scene.targets(source);
  const floors: number[] = [];
  const runs = await alternate(VARIANTS, options.rounds, async (variant, round): Promise<Run> => {
    const pids = scene.pids(source, variant);
    const before = cpuOf(pids);
    const { bytes, seconds } = await sink.get(place.far.netns, targets[variant]);
    const run = { speed: bytes / seconds / 1e6, cpu: ((cpuOf(pids) - before) * GIB) / bytes };
    say(`${source} ${variant}: ${run.speed.toFixed(0)} MB/s, ${run.cpu.toFixed(2)} CPU s/GiB`);
    // The floor of a round is measured in that round.
    if (variant === 'gateway') {
      const floor = floorOf(await measureFloor(place.near, bytes));
      if (round > 0) floors.push(floor);
    }
    return run;
  });
  const speeds = (variant: typeof VARIANTS[number]): number[] => runs[variant].map(({ speed }) => speed);
  const cpus = (variant: typeof VARIANTS[number]): number[] => runs[variant].map(({ cpu }) => cpu);
  const from = `from ${source}`;
  return [
    ratio('G1', `goodput / nginx pair, ${from}`, speeds('gateway'), speeds('nginx'), { atLeast: 1.25 }),
    ratio('G1b', `goodput / nginx pair with 16x64k buffers, ${from}`, speeds('gateway'), speeds('nginx-tuned'), { atLeast: 1 }),
    ratio('', `goodput / stunnel pair, ${from}`, speeds('gateway'), speeds('stunnel')),
    ratio('G2', `CPU / stunnel pair, ${from}`, cpus('gateway'), cpus('stunnel'), { atMost: 0.7 }),
    ratio('G2', `CPU / nginx pair, ${from}`, cpus('gateway'), cpus('nginx'), { atMost: 0.85 }),
    ratio('', `CPU / nginx pair with 16x64k buffers, ${from}`, cpus('gateway'), cpus('nginx-tuned')),
    ratio('', `goodput / bare Node TLS pair, ${from}`, speeds('gateway'), speeds('node')),
    ratio('', `CPU / bare Node TLS pair, ${from}`, cpus('gateway'), cpus('node')),
    ratio('', `goodput of the bare Node TLS pair / nginx pair, ${from}`, speeds('node'), speeds('nginx')),
    ratio('', `CPU of the bare Node TLS pair / nginx pair, ${from}`, cpus('node'), cpus('nginx')),
    ratio('', `CPU of the bare Node TLS pair / physical floor, ${from}`, cpus('node'), floors),
    ratio('G3', `CPU / physical floor, ${from}`, cpus('gateway'), floors, { atMost: 1.35 }),
    ...VARIANTS.map((variant) => figure('', `${variant}, ${from}`, 'MB/s', speeds(variant))),
    ...VARIANTS.map((variant) => figure('', `${variant}, ${from}`, 'CPU s/GiB', cpus(variant))),
    figure('', 'physical floor', 'CPU s/GiB', floors),
  ];
}
