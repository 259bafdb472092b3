import type { Duplex } from 'node:stream';
import { systemClock as clock } from '../../../src/xpmn/kernel/system.ts';
import { meteredWire } from './metered-wire.ts';
import type { MeteredWire } from './metered-wire.ts';
import { percentile } from './statistics.ts';
import { cpuOf } from './usage.ts';

export type Wire = readonly [Duplex, Duplex];

/** One handshake under way, both ends of it. */
export interface Handshake {
  /** The initiator knows who the other is, and may speak. */
  readonly proven: Promise<unknown>;
  /** What is measured at no distance: both are through. */
  readonly complete: Promise<unknown>;
  /** Both go on to what they do this for. */
  talk(): Conversation;
  end(): void;
}

export interface Conversation {
  /** As soon as the initiator may; resolves with the answer. */
  ask(): Promise<void>;
  /** The responder's stream features have come, where there is an XML stream. */
  readonly features?: Promise<unknown>;
}

export interface HandshakeKind {
  /** In how many handshakes CPU time is measured: enough for the clock's steps. */
  readonly batch: number;
  begin(wire: Wire): Handshake;
  /** Other processes take part: resolves when those of the handshakes so far have ended. */
  readonly ended?: () => Promise<void>;
}

/** Of one handshake, both sides. */
export interface Cost {
  /** Milliseconds, median. */
  readonly wall: number;
  /** Milliseconds of all processors, mean. */
  readonly cpu: number;
}

/** Handshakes one after the other, each over a wire that is there already. */
export async function costOf(kind: HandshakeKind, makeWire: () => Promise<Wire>): Promise<Cost> {
  const wires: Wire[] = [];
  while (wires.length < kind.batch) wires.push(await makeWire());
  const used = cpuClock(kind);
  const walls: number[] = [];
  const before = used();
  for (const wire of wires) {
    const begun = performance.now();
    const handshake = kind.begin(wire);
    await handshake.complete;
    walls.push(performance.now() - begun);
    handshake.end();
  }
  await kind.ended?.();
  const cpu = (used() - before) / kind.batch;
  for (const end of wires.flat()) end.destroy();
  return { wall: percentile(walls, 50), cpu };
}

/** Milliseconds of CPU used so far. Of other processes the system tells it in steps of 10 ms. */
function cpuClock({ ended }: HandshakeKind): () => number {
  if (ended) return () => cpuOf([process.pid]) * 1000;
  return () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
}

/** When something had happened at the initiator. */
export interface Moment {
  /** Milliseconds from the beginning. */
  readonly time: number;
  readonly roundTrips: number;
}

export interface Milestones {
  readonly proven: Moment;
  readonly answered: Moment;
  readonly features?: Moment;
}

/** Over a line of `roundTrip` ms: one so long that no computing comes near it. */
export async function milestonesOf(kind: HandshakeKind, roundTrip: number): Promise<Milestones> {
  const wire = meteredWire({ clock }, roundTrip);
  const begun = performance.now();
  const at = async (event: Promise<unknown>): Promise<Moment> => {
    await event;
    return { time: performance.now() - begun, roundTrips: wire.roundTrips };
  };
  const handshake = kind.begin(wire.ends);
  try {
    const conversation = handshake.talk();
    const [proven, answered, features] = await Promise.all([at(handshake.proven), at(conversation.ask()), conversation.features && at(conversation.features)]);
    await handshake.complete;
    return { proven, answered, ...(features !== undefined && { features }) };
  } finally {
    handshake.end();
    await kind.ended?.();
  }
}

/** What each side says until both are through. */
export async function bytesOf(kind: HandshakeKind): Promise<MeteredWire['bytes']> {
  const wire = meteredWire({ clock }, 0);
  const handshake = kind.begin(wire.ends);
  await handshake.complete;
  const { bytes } = wire;
  handshake.end();
  await kind.ended?.();
  return bytes;
}
