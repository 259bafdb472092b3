import type { Bench } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import { startScene } from './parts/scene.ts';
import { delay } from '../peers/wait.ts';

/** Milliseconds that the other reader has stalled before the second one is measured: in the first round, and in the others. */
const STALL = { first: 60_000, later: 3_000, quick: 2_000 };

/** One reader stalls; what is left for another one. */
export const stalled: Bench = {
  title: 'a stalled reader beside another one',
  async run(context) {
    const { sink, options, say } = context;
    const scene = await startScene(await context.machine(), context);
    try {
      const { far } = scene.place;
      const { gateway } = await scene.targets('minidlna');
      const speed = async (): Promise<number> => {
        const { bytes, seconds } = await sink.get(far.netns, gateway);
        return bytes / seconds / 1e6;
      };
      const [alone, beside]: [number[], number[]] = [[], []];
      await speed();
      for (let round = 0; round < options.rounds; round += 1) {
        alone.push(await speed());
        const holder = await sink.hold(far.netns, gateway);
        await delay(options.quick ? STALL.quick : round === 0 ? STALL.first : STALL.later);
        beside.push(await speed());
        await holder.release();
        say(`alone ${alone.at(-1)?.toFixed(0)} MB/s, beside a stalled one ${beside.at(-1)?.toFixed(0)} MB/s`);
      }
      return [
        ratio('stalled', 'speed beside a stalled reader / alone', beside, alone, { atLeast: 0.9 }),
        figure('', `the same after ${(options.quick ? STALL.quick : STALL.first) / 1000} s of stalling`, 'x', [(beside[0] as number) / (alone[0] as number)], { atLeast: 0.9 }),
        figure('', 'alone', 'MB/s', alone),
        figure('', 'beside a stalled reader', 'MB/s', beside),
      ];
    } finally {
      await scene.stop();
    }
  },
};
