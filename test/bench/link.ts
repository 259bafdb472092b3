import type { Bench, BenchContext } from './parts/bench.ts';
import { figure } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { startScene } from './parts/scene.ts';
import type { Scene } from './parts/scene.ts';
import { roundTrips } from './parts/statistics.ts';
import { waitUntil } from '../peers/wait.ts';

const ROUND_TRIPS = [0, 20, 100];

/** Prosody as it comes holds back the end of what it sends until the receiver has acknowledged the rest: a round trip more. */
const SERVERS = { 'Prosody without Nagle\'s algorithm': 'network_settings = { nagle = false }', 'Prosody as it comes': undefined };

/** From a request to its answer, when nothing is open yet between the two gateways, and when everything is. */
export const link: Bench = {
  title: 'first answer of a device, on a fresh link and on an open one, over a line of 0, 20 and 100 ms',
  async run(context) {
    const figures: Figure[] = [];
    for (const [name, server] of Object.entries(SERVERS)) {
      const scene = await startScene(await context.line(), context, { server });
      try {
        figures.push(...await measure(scene, name, context));
      } finally {
        await scene.stop();
      }
    }
    return figures;
  },
};

async function measure(scene: Scene, server: string, { options, say }: BenchContext): Promise<Figure[]> {
  const fresh = new Map<number, number[]>();
  const open = new Map<number, number[]>();
  for (const delay of ROUND_TRIPS) {
    await scene.place.delay(delay);
    const times: { readonly fresh: number; readonly open: number }[] = [];
    for (let round = 0; round <= options.rounds; round += 1) {
      times.push(await once(scene));
      say(`${server}, ${delay} ms: fresh ${times.at(-1)?.fresh.toFixed(0)} ms, open ${times.at(-1)?.open.toFixed(0)} ms`);
    }
    fresh.set(delay, times.slice(1).map((one) => one.fresh));
    open.set(delay, times.slice(1).map((one) => one.open));
  }
  const [first, later] = [roundTrips(fresh), roundTrips(open)];
  return [
    figure('link', `round trips to the first secure stanza (fresh less open), ${server}`, 'round trips', [first.slope - later.slope]),
    figure('', `round trips from a request to its answer, fresh link, ${server}`, 'round trips', [first.slope]),
    figure('', `round trips of a request on an open link, ${server}`, 'round trips', [later.slope]),
    ...ROUND_TRIPS.flatMap((delay) => [
      figure('', `fresh link at ${delay} ms, ${server}`, 'ms', fresh.get(delay) as number[]),
      figure('', `open link at ${delay} ms, ${server}`, 'ms', open.get(delay) as number[]),
    ]),
  ];
}

/** The far gateway is started anew: presence and lists have come before the clock runs, a link has not. */
async function once({ pair, sources }: Scene): Promise<{ fresh: number; open: number }> {
  const { far } = pair;
  await far.stop();
  await far.start();
  const device = await waitUntil('the media server is there again', async () => {
    const { devices } = await far.call('devices', {});
    return devices.find(({ name, where, reach }) => name === sources.static.server && where === 'elsewhere' && reach !== 'unreachable');
  }, { timeout: 60_000 });
  const timed = async (): Promise<number> => {
    const begun = performance.now();
    await far.call('browse', { device: device.jid });
    return performance.now() - begun;
  };
  return { fresh: await timed(), open: await timed() };
}
