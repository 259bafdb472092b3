import { join } from 'node:path';
import type { BenchContext } from './bench.ts';
import { startPair } from './gateways.ts';
import type { Pair, PairPlan } from './gateways.ts';
import { OPEN_PORTS } from './place.ts';
import type { Place } from './place.ts';
import { startRivals } from './rivals.ts';
import type { RivalName, Rivals } from './rivals.ts';
import type { Target } from './sink.ts';
import { startMinidlnaSource, startStaticSource } from './sources.ts';
import type { Source, SourceName } from './sources.ts';

export type Variant = 'gateway' | RivalName;

/** Sources, a pair of gateways and the rivals' pairs, all running. */
export interface Scene {
  readonly place: Place;
  readonly pair: Pair;
  readonly sources: Readonly<Record<SourceName, Source>>;
  /** The film of a source, through each variant, and as it is. */
  targets(source: SourceName): Promise<Readonly<Record<Variant | 'direct', Target>>>;
  pids(source: SourceName, variant: Variant): readonly number[];
  /** Ends everything, the place too. */
  stop(): Promise<void>;
}

export async function startScene(
  place: Place, { directory, film, options: { profile } }: BenchContext, plan: Pick<PairPlan, 'overrides' | 'server' | 'nodeArguments'> = {},
): Promise<Scene> {
  const started: { stop(): Promise<void> }[] = [{ stop: () => place.close() }];
  const stop = async (): Promise<void> => {
    for (const one of started.reverse().splice(0)) await one.stop();
  };
  const keep = <Part extends { stop(): Promise<void> }>(part: Part): Part => {
    started.push(part);
    return part;
  };
  try {
    const { near, far, dial, xmpp } = place;
    const files = (name: string): string => join(directory, `${name}-${place.near.netns ?? ''}`);
    const sources = {
      minidlna: keep(await startMinidlnaSource(near, film)),
      static: keep(await startStaticSource(near, film, files('static'), 9000)),
    };
    const rivalsOf = async (name: SourceName, firstPort: number): Promise<Rivals> =>
      keep(await startRivals({ directory: files(`rivals-${name}`), near, far, dial, origin: sources[name].origin, firstPort }));
    const rivals = { static: await rivalsOf('static', OPEN_PORTS.first), minidlna: await rivalsOf('minidlna', OPEN_PORTS.first + 100) };
    const pair = keep(await startPair({
      nodeArguments: profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile],
      ...plan, directory: files('pair'), near: near.netns, far: far.netns, xmpp,
    }));
    return {
      place, pair, sources, stop,
      async targets(name) {
        const { server, path, origin } = sources[name];
        const rival = (which: RivalName): Target => rivals[name].target(which, path);
        return {
          gateway: await pair.film(server),
          nginx: rival('nginx'), 'nginx-tuned': rival('nginx-tuned'), stunnel: rival('stunnel'), node: rival('node'),
          direct: { url: `http://${origin}${path}` },
        };
      },
      pids: (name, variant) => (variant === 'gateway' ? pair.pids : rivals[name].pids(variant)),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
