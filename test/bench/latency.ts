import type { Bench, BenchContext } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { alternate } from './parts/rounds.ts';
import { startScene } from './parts/scene.ts';
import type { Scene } from './parts/scene.ts';
import { percentile } from './parts/statistics.ts';

// The first round, which does not count, is also what makes the programs warm: V8 has compiled all of it after some thousand requests.
const COUNT = { static: 4000, minidlna: 500 };

/** Time to the first byte of ranges of 4 KiB, one after the other on one connection: G5, G6. */
export const latency: Bench = {
  title: 'first byte of a range, everything on one machine (G5, G6)',
  async run(context) {
    const scene = await startScene(await context.machine(), context);
    try {
      return [...await fast(scene, context), ...await real(scene, context)];
    } finally {
      await scene.stop();
    }
  },
};

/** Before a source that answers at once, what the pair itself adds is all there is. */
async function fast(scene: Scene, context: BenchContext): Promise<Figure[]> {
  const [p50, p99] = await measure(scene, 'static', ['gateway', 'nginx', 'stunnel', 'direct'], context);
  return [
    ratio('G5', 'TTFB p50 / nginx pair, from static', p50.gateway, p50.nginx, { atMost: 1.3 }),
    ratio('G5', 'TTFB p99 / nginx pair, from static', p99.gateway, p99.nginx, { atMost: 2.5 }),
    ...(['gateway', 'nginx', 'stunnel', 'direct'] as const).flatMap((variant) => [
      figure('', `${variant} TTFB p50, from static`, 'ms', p50[variant]),
      figure('', `${variant} TTFB p99, from static`, 'ms', p99[variant]),
    ]),
  ];
}

/** minidlna starts a process for every request; what counts is what comes on top. */
async function real(scene: Scene, context: BenchContext): Promise<Figure[]> {
  const [p50, p99] = await measure(scene, 'minidlna', ['gateway', 'nginx', 'direct'], context);
  return [
    ratio('G6', 'TTFB p50 / minidlna direct', p50.gateway, p50.direct, { atMost: 1.2 }),
    ratio('', 'TTFB p50 / nginx pair, from minidlna', p50.gateway, p50.nginx),
    ratio('', 'TTFB p99 / nginx pair, from minidlna', p99.gateway, p99.nginx),
    ...(['gateway', 'nginx', 'direct'] as const).map((variant) => figure('', `${variant} TTFB p50, from minidlna`, 'ms', p50[variant])),
  ];
}

async function measure<Name extends 'gateway' | 'nginx' | 'stunnel' | 'direct'>(
  scene: Scene, source: 'static' | 'minidlna', variants: readonly Name[], { sink, options, say }: BenchContext,
): Promise<[Record<Name, number[]>, Record<Name, number[]>]> {
  const targets = await scene.targets(source);
  const { bytes } = scene.sources[source];
  const count = options.quick ? 50 : COUNT[source];
  const runs = await alternate(variants, options.rounds, async (variant) => {
    const times = await sink.ranges(scene.place.far.netns, targets[variant], bytes, count);
    say(`${source} ${variant}: p50 ${percentile(times, 50).toFixed(3)} ms, p99 ${percentile(times, 99).toFixed(3)} ms`);
    return times;
  });
  const at = (percent: number): Record<Name, number[]> => Object.fromEntries(
    variants.map((variant) => [variant, runs[variant].map((times) => percentile(times, percent))])) as Record<Name, number[]>;
  return [at(50), at(99)];
}
