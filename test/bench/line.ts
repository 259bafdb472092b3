import { settings } from '../support/settings.ts';
import type { Bench, BenchContext } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { alternate } from './parts/rounds.ts';
import { startScene } from './parts/scene.ts';
import type { Scene } from './parts/scene.ts';
import { percentile, roundTrips } from './parts/statistics.ts';

const ROUND_TRIPS = [0, 20, 100];
const VARIANTS = ['gateway', 'nginx', 'nginx-tuned'] as const;
const RANGES = 20;
/** Enough for windows to open, and for the line to be what counts. */
const BYTES = 2 ** 27;

/** The same ranges are fetched in each round: none is to come out of memory. */
const OVERRIDES = { mediaPort: { readAhead: { ...settings.mediaPort.readAhead, bytesPerItem: 1 } } };

/** Over a line between a home behind a router and a player elsewhere: G7, and goodput where the way is long. */
export const line: Bench = {
  title: 'over a line of 0, 20 and 100 ms (G7)',
  async run(context) {
    const scene = await startScene(await context.line(), context, { overrides: OVERRIDES });
    try {
      return await measure(scene, context);
    } finally {
      await scene.stop();
    }
  },
};

async function measure(scene: Scene, context: BenchContext): Promise<Figure[]> {
  const times = { gateway: new Map<number, readonly number[]>(), nginx: new Map<number, readonly number[]>() };
  const figures: Figure[] = [];
  for (const delay of ROUND_TRIPS) {
    await scene.place.delay(delay);
    // New sessions: what was learned of another line would be held against this one.
    await scene.pair.far.stop();
    await scene.pair.far.start();
    const targets = await scene.targets('static');
    const first = await alternate(['gateway', 'nginx'] as const, context.options.rounds, async (variant) => percentile(
      await context.sink.ranges(scene.place.far.netns, targets[variant], scene.sources.static.bytes, RANGES), 50));
    for (const variant of ['gateway', 'nginx'] as const) times[variant].set(delay, first[variant]);
    figures.push(
      figure('', `gateway TTFB p50 at ${delay} ms`, 'ms', first.gateway),
      ratio('', `TTFB p50 / nginx pair at ${delay} ms`, first.gateway, first.nginx),
      ...await goodputAt(scene, delay, targets, context),
    );
  }
  const slope = (variant: 'gateway' | 'nginx'): number => roundTrips(times[variant]).slope;
  return [
    figure('G7', 'round trips before the first byte of a play, open session', 'round trips', [slope('gateway')], { atMost: 1.1 }),
    figure('', 'the same, nginx pair', 'round trips', [slope('nginx')]),
    ...figures,
  ];
}

async function goodputAt(
  scene: Scene, delay: number, targets: Awaited<ReturnType<Scene['targets']>>, { sink, options, say }: BenchContext,
): Promise<Figure[]> {
  const speeds = await alternate(VARIANTS, options.rounds, async (variant) => {
    const { bytes, seconds } = await sink.get(scene.place.far.netns, targets[variant], Math.min(BYTES, scene.sources.static.bytes));
    say(`${delay} ms ${variant}: ${(bytes / seconds / 1e6).toFixed(0)} MB/s`);
    return bytes / seconds / 1e6;
  });
  return [
    ratio('', `goodput / nginx pair at ${delay} ms`, speeds.gateway, speeds.nginx),
    ratio('', `goodput / nginx pair with 16x64k buffers at ${delay} ms`, speeds.gateway, speeds['nginx-tuned']),
    ...VARIANTS.map((variant) => figure('', `${variant} at ${delay} ms`, 'MB/s', speeds[variant])),
  ];
}
