import { STANDING_LOOK } from './mpris-belief.ts';
import type { MprisPlayerOptions } from './mpris-options.ts';
import { lengthOf, placeBy } from './mpris-state.ts';
import type { MprisState } from './mpris-state.ts';

/** What decides when a player is looked at by itself; times by `Clock.monotonic`. */
export interface Watching {
  readonly state: MprisState;
  readonly watchers: number;
  /** It says that it plays, whether it is believed or not. */
  readonly claimsToPlay: boolean;
  /** It has told of changes since it was found. */
  readonly tells: boolean;
  /** When it was last asked for all. */
  readonly askedAt: number;
  /** When it last told of what it does or has; when it was found, or somebody began to watch. */
  readonly toldAt: number;
}

/** Milliseconds for which it is looked whether a player gets on that has told that it has stopped, or what it has. */
const STANDING_PATIENCE = 5000;

/** Milliseconds until it is to be looked at, whatever it says meanwhile; Infinity: nobody needs to know. COMPAT: Firefox tells of all but its volume. */
export function untilLook(watching: Watching, now: number, { watchInterval, endTolerance }: Pick<MprisPlayerOptions, 'watchInterval' | 'endTolerance'>): number {
  const { state, state: { reading, loaded, standing }, watchers, claimsToPlay, tells, askedAt, toldAt } = watching;
  const isPlaying = reading.status === 'playing';
  const length = lengthOf(state);
  const isWatched = watchers > 0 && (claimsToPlay || standing !== undefined || !tells);
  const isStanding = standing !== undefined && !isPlaying && standing.measured < toldAt + STANDING_PATIENCE;
  const hasEnd = loaded?.phase === 'on' && isPlaying && length !== undefined;
  return Math.min(
    isWatched ? Math.max(0, askedAt + watchInterval - now) : Infinity,
    isStanding ? Math.max(0, standing.measured + STANDING_LOOK - now) : Infinity,
    hasEnd ? (1000 * Math.max(0, length - placeBy(state, now))) / reading.rate + endTolerance : Infinity,
  );
}
