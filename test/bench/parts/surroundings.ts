import { join } from 'node:path';
import { startPair } from './gateways.ts';
import type { Pair } from './gateways.ts';
import { createLine } from './place.ts';
import type { Place } from './place.ts';
import { startRenderers } from './renderers.ts';
import type { Side } from './rivals.ts';
import { startAnnouncer } from './sources.ts';

/** What is around the near gateway of a pair. */
export interface Surroundings {
  readonly what: string;
  /** UPnP devices of its own network. */
  readonly players: number;
  readonly servers: number;
  /** Those of the other gateway's network, each of which it sees on the account, as it sees that gateway itself. */
  readonly elsewhere: number;
}

export const SURROUNDINGS: readonly Surroundings[] = [
  { what: '20 players', players: 20, servers: 0, elsewhere: 0 },
  { what: '10 devices and 10 contacts', players: 0, servers: 10, elsewhere: 9 },
];

export interface Surrounded extends Surroundings {
  readonly pair: Pair;
  /** How many of the devices the near gateway does not see. */
  missing(): Promise<number>;
  stop(): Promise<void>;
}

/** All devices are to be on the account, that of each home; as shipped, it is 8. */
const OVERRIDES = { gateway: { connections: 32 } };
const FIRST_PORT = 9400;

/** A home with its gateway, and another gateway behind the router: what both have is on one account. */
export async function startSurrounded(surroundings: Surroundings, directory: string): Promise<Surrounded> {
  const place = await createLine();
  const started: { stop(): Promise<unknown> }[] = [{ stop: () => place.close() }];
  const stop = async (): Promise<void> => {
    for (const one of started.reverse().splice(0)) await one.stop();
  };
  try {
    const { players, servers, elsewhere, what } = surroundings;
    if (players > 0) started.push(await startRenderers(place.near, { port: FIRST_PORT, count: players, name: 'Bench player' }));
    started.push(...await announcers(place.near, servers, 'Bench server'), ...await announcers(place.far, elsewhere, 'Bench server elsewhere'));
    const pair = await pairIn(place, join(directory, `idle-${what.replaceAll(' ', '-')}`));
    started.push(pair);
    return { ...surroundings, pair, stop, missing: () => missingOf(pair, surroundings) };
  } catch (error) {
    await stop();
    throw error;
  }
}

function announcers(side: Side, count: number, name: string): Promise<{ stop(): Promise<unknown> }[]> {
  const film = `http://${side.listen}:${FIRST_PORT}/film`;
  return Promise.all(Array.from({ length: count }, (_, index) => startAnnouncer(side, { port: FIRST_PORT + 100 + index, name: `${name} ${index + 1}`, film, bytes: 1e9 })));
}

function pairIn({ near, far, xmpp }: Place, directory: string): Promise<Pair> {
  return startPair({ directory, near: near.netns, far: far.netns, xmpp, overrides: OVERRIDES, farLooks: true });
}

async function missingOf({ near }: Pair, { players, servers, elsewhere }: Surroundings): Promise<number> {
  const { devices } = await near.call('devices', {});
  const count = (place: 'here' | 'elsewhere', kind: string): number => devices.filter((one) => one.where === place && one.kind === kind && one.reach !== 'unreachable').length;
  const wanted = [[players, count('here', 'media-player')], [servers, count('here', 'media-server')], [elsewhere, count('elsewhere', 'media-server')], [1, count('elsewhere', 'gateway')]] as const;
  return wanted.reduce((sum, [expected, found]) => sum + Math.max(0, expected - found), 0);
}
