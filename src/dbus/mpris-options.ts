import type { MprisLimits } from '../mapping/mpris.ts';
import type { RetryPauses } from './retry-timer.ts';

/** How a player is asked, and what of it counts; times in milliseconds. */
export interface MprisPlayerOptions extends MprisLimits {
  /** Between two looks at a player that plays, while somebody watches. */
  readonly watchInterval: number;
  /** A player that does not tell its position within that is taken to go on as before. */
  readonly positionTimeout: number;
  /** Between two looks at a player that was told something and has not said that it did it. */
  readonly lookInterval: number;
  /** How long that is waited for. */
  readonly confirmTimeout: number;
  /** The same, for each way to go to a place. */
  readonly seekTimeout: number;
  /** How long it is waited for that media are fetched. */
  readonly startTimeout: number;
  /** How long a player that has media may show something else than that it plays, until it is told once more. */
  readonly nudgeDelay: number;
  /** A position that differs by that much from where it should be by now is another place. */
  readonly jump: number;
  /** Whoever stops so close to the end has come to the end. */
  readonly endTolerance: number;
}

/** A bus, and what the ids of its players are told apart by. */
export interface NamedBus {
  readonly label: string;
  /** `session`, `system`, or `unix:path=…`. */
  readonly address: string;
}

/** The section `mpris` of the configuration. */
export interface MprisOptions {
  /** Where to look. Players of the first one have no label in their ids. */
  readonly buses: readonly NamedBus[];
  /** Players on one bus; more are not seen. */
  readonly players: number;
  /** Milliseconds that a player may be away and still be the same. */
  readonly hysteresis: number;
  /** Milliseconds that a player has to say what it is, before it is asked again; and between that. */
  readonly readTimeout: number;
  readonly readAgain: RetryPauses;
  readonly player: MprisPlayerOptions;
}
