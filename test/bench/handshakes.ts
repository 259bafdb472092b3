import { socketWire } from '../support/wire.ts';
import type { LocalBench, LocalContext } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { bytesOf, costOf, milestonesOf } from './parts/handshake.ts';
import type { Cost, HandshakeKind, Moment } from './parts/handshake.ts';
import { inProcessKind, linkKind, srpCbKind, srpKind, x509Kind } from './parts/handshake-kinds.ts';
import { nodeTlsKind, startGnutlsKind } from './parts/handshake-rivals.ts';
import { alternate } from './parts/rounds.ts';
import type { Rounds } from './parts/rounds.ts';

const LINK = 'local link, to stream features';
const NODE = 'bare TLS 1.3 of Node';
const GNUTLS = 'TLS-SRP of GnuTLS';
const ROUND_TRIP = 100;

type Kinds = Readonly<Record<string, HandshakeKind>>;

/** What it costs until two devices know each other, for each security method. Both ends are in this process. */
export const handshakes: LocalBench = {
  title: 'until two devices know each other, for each security method: CPU, time, bytes, round trips',
  isLocal: true,
  async run(context) {
    const ours = await ourKinds(context);
    const gnutls = 'srp' in ours ? await startGnutlsKind() : undefined;
    // The timers of a line in memory keep no process alive.
    const awake = setInterval(() => undefined, 60_000);
    try {
      const node = await nodeTlsKind();
      const costs = await measureCosts({ ...ours, [NODE]: node, ...(gnutls && { [GNUTLS]: gnutls }) }, context);
      const figures = [...Object.keys(ours), NODE].map((name) => async () => [...costFigures(name, costs), ...await lineFigures(name, ours[name] ?? node, context)]);
      return [...(await inTurn(figures)).flat(), ...(gnutls ? costFigures(GNUTLS, costs) : [])];
    } finally {
      clearInterval(awake);
      await gnutls?.stop();
    }
  },
};

async function ourKinds({ miss }: LocalContext): Promise<Kinds> {
  const srp = await srpKind();
  if (!srp) miss('srp: there is no koffi here, or an OpenSSL without SRP');
  return {
    'x509': await x509Kind(),
    'srp-cb': await srpCbKind({ batch: 2 }),
    'srp-cb without leastBurnTime': await srpCbKind({ leastBurnTime: 0, batch: 5 }),
    ...(srp && { srp }),
    'in-process': inProcessKind(),
    [LINK]: await linkKind(),
  };
}

function measureCosts(kinds: Kinds, { options, say }: LocalContext): Promise<Rounds<string, Cost>> {
  return alternate(Object.keys(kinds), options.rounds, async (name) => {
    const cost = await costOf(kinds[name] as HandshakeKind, () => socketWire());
    say(`${name}: ${cost.wall.toFixed(2)} ms, CPU ${cost.cpu.toFixed(2)} ms`);
    return cost;
  });
}

function costFigures(name: string, costs: Rounds<string, Cost>): Figure[] {
  const of = (variant: string, what: keyof Cost): number[] => (costs[variant] ?? []).map((cost) => cost[what]);
  const against = (rival: string): Figure[] => [
    ratio('', `${name}: time / ${rival}`, of(name, 'wall'), of(rival, 'wall')),
    ratio('', `${name}: CPU / ${rival}`, of(name, 'cpu'), of(rival, 'cpu')),
  ];
  return [
    figure('', `${name}: time at 0 ms`, 'ms', of(name, 'wall')),
    figure('', `${name}: CPU, both sides`, 'ms', of(name, 'cpu')),
    ...(name === NODE || name === GNUTLS ? [] : against(NODE)),
    ...(name === 'srp' ? against(GNUTLS) : []),
  ];
}

/** Over a line in memory: what a handshake says, and how often it waits for the other side. */
async function lineFigures(name: string, kind: HandshakeKind, { options, say }: LocalContext): Promise<Figure[]> {
  const bytes = await bytesOf(kind);
  const all = await inTurn(Array.from({ length: options.rounds }, () => () => milestonesOf(kind, ROUND_TRIP)));
  const until = (what: string, moments: readonly Moment[]): Figure[] => [
    figure('', `${name}: until ${what}`, 'round trips', moments.map(({ roundTrips }) => roundTrips)),
    figure('', `${name}: until ${what}, at ${ROUND_TRIP} ms`, 'ms', moments.map(({ time }) => time)),
  ];
  say(`${name}, at ${ROUND_TRIP} ms: first request answered after ${all[0]?.answered.time.toFixed(0)} ms`);
  const features = all.flatMap((one) => one.features ?? []);
  return [
    figure('', `${name}: from the initiator`, 'bytes', [bytes.initiator]),
    figure('', `${name}: from the responder`, 'bytes', [bytes.responder]),
    ...until('the initiator may speak', all.map(({ proven }) => proven)),
    ...(features.length > 0 ? until('it has the stream features', features) : []),
    ...until('its first request is answered', all.map(({ answered }) => answered)),
  ];
}

async function inTurn<T>(steps: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  for (const step of steps) results.push(await step());
  return results;
}
