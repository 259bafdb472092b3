import { isDeepStrictEqual } from 'node:util';
import type { MprisReading } from '../mapping/mpris.ts';
import { hasTrack } from './mpris-state.ts';
import type { MprisState, Place } from './mpris-state.ts';

/** What a look at the player gave. */
export interface Observation {
  readonly reading: MprisReading;
  /** Seconds; undefined if it did not say. */
  readonly position: number | undefined;
  /** `Clock.monotonic` of the look. */
  readonly now: number;
}

/** Milliseconds between two looks that tell whether it gets on. */
export const STANDING_LOOK = 1000;
/** Seconds by which it may get on more, or less, than time does. */
const OUT_OF_STEP = 0.3;
/** Seconds within which it stands still. */
export const STANDS_STILL = 0.1;

/**
 * Whether it plays, which is not always what it says. Whoever has nothing, and is nowhere in it, does nothing: COMPAT: mpv that has only
 * started says, now and then, for ever that it plays; a phone by Bluetooth plays without saying what, and gets on. Whoever gets on as
 * time does, plays: COMPAT: mpv-mpris 0.7 that had nothing once says that it is stopped, whatever is opened there, until it is paused.
 */
export function believed(before: Pick<MprisState, 'reading' | 'standing'>, seen: Observation): Pick<MprisState, 'reading' | 'standing'> {
  const { reading, position } = seen;
  const hasAny = hasTrack(reading.track);
  if (reading.status === 'stopped' && hasAny) return standing(before, seen);
  return { reading: hasAny || (position ?? 0) > 0 ? reading : { ...reading, status: 'stopped' }, standing: undefined };
}

/** Who went to another place, or has another track, does what he did before until he is looked at once more. */
function standing({ reading: was, standing: since }: Pick<MprisState, 'reading' | 'standing'>, { reading, position, now }: Observation): Pick<MprisState, 'reading' | 'standing'> {
  const here: Place = { position: position ?? 0, measured: now };
  const asBefore: MprisReading = since && was.status === 'playing' ? { ...reading, status: 'playing' } : reading;
  if (!since || !isDeepStrictEqual(was.track, reading.track)) return { reading: asBefore, standing: here };
  const passed = now - since.measured;
  if (position === undefined || passed < STANDING_LOOK) return { reading: asBefore, standing: since };
  const went = position - since.position;
  if (Math.abs(went - (passed * reading.rate) / 1000) <= OUT_OF_STEP) return { reading: { ...reading, status: 'playing' }, standing: here };
  return { reading: Math.abs(went) < STANDS_STILL ? reading : asBefore, standing: here };
}
