import { isDeepStrictEqual } from 'node:util';
import type { PlaybackStatus } from '../model/playback.ts';

export interface TellerOptions {
  /** Milliseconds by which a position may go astray before it counts as a jump, unless it is known to be one. */
  readonly drift: number;
}

/** Less is rounding. */
const SAME_PLACE = 0.002;

/** Remembers what was told last: what only goes on from there is no news. */
export class StatusTeller {
  private readonly options: TellerOptions;
  private told: PlaybackStatus;
  private toldAt: number;

  constructor(first: PlaybackStatus, now: number, options: TellerOptions) {
    [this.told, this.toldAt, this.options] = [first, now, options];
  }

  /** Whether others are to hear of it; it counts as told then. `isJump`: the place is another one, however near. */
  isNews(status: PlaybackStatus, now: number, isJump: boolean): boolean {
    const isOther = !isDeepStrictEqual({ ...status, position: 0 }, { ...this.told, position: 0 });
    if (!isOther && !this.hasJumped(status, now, isJump ? SAME_PLACE : this.options.drift / 1000)) return false;
    [this.told, this.toldAt] = [status, now];
    return true;
  }

  private hasJumped({ position }: PlaybackStatus, now: number, tolerance: number): boolean {
    const { told, toldAt } = this;
    if (position === undefined || told.position === undefined) return position !== told.position;
    const gone = told.state === 'playing' ? (told.speed * (now - toldAt)) / 1000 : 0;
    return Math.abs(position - Math.min(Math.max(0, told.position + gone), told.duration ?? Infinity)) > tolerance;
  }
}
