import { StaggeredRace } from '../jingle/transports/staggered-race.ts';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { abortable } from '../kernel/tasks.ts';
import type { ByteSession, ByteWay } from './dialer.ts';

export interface FirstWayOptions {
  /** ms that a better way to bytes is tried before the next is, too. */
  readonly headStart: number;
}

export interface FirstWayDeps {
  readonly clock: Clock;
  /** Opens a session for good, unless it is not wanted any more before. */
  open(way: ByteWay, isWanted: AbortSignal): Promise<ByteSession>;
  /** One way did not work. */
  failed(error: unknown): void;
}

/**
 * The first session that opens, on whichever of the ways, which come the best first. A better way that is under way then goes on: what
 * comes of it serves the streams after. A worse one is given up.
 * @throws XpmnError why the last way, the surest, did not work; the signal's reason
 */
export async function firstToOpen(ways: readonly ByteWay[], { clock, open, failed }: FirstWayDeps, { headStart }: FirstWayOptions, signal: AbortSignal): Promise<ByteSession> {
  let failure: unknown = new XpmnError('transport-failed', 'There is no way to carry bytes to the device.');
  const wanted = new Map(ways.map((way) => [way, new AbortController()]));

  async function attempt(way: ByteWay): Promise<ByteSession> {
    const own = wanted.get(way) as AbortController;
    try {
      const session = await open(way, own.signal);
      for (const worse of ways.slice(ways.indexOf(way) + 1)) wanted.get(worse)?.abort(new XpmnError('aborted', 'A better way is open.'));
      return session;
    } catch (error) {
      if (way === ways.at(-1)) failure = error;
      if (!own.signal.aborted) failed(error);
      throw error;
    }
  }

  const race = new StaggeredRace<ByteWay, ByteSession>({ clock, attempt: (way, isAwaited) => abortable(attempt(way), isAwaited), discard: () => undefined }, ways, { stagger: headStart });
  const first = await race.run(signal);
  if (!first) throw failure;
  return first.result;
}
