import type { RendererState } from './renderer-state.ts';
import { durationOf, isNearEnd } from './renderer-state.ts';

export interface ScheduleOptions {
  /** Milliseconds between two questions to a device that does not tell: while it plays, and while it does not. */
  readonly pollActive: number;
  readonly pollIdle: number;
  /** Milliseconds between two looks at where it is, while it plays, tells, and somebody watches. */
  readonly drift: number;
  /** Milliseconds after which it should have come to its end. */
  readonly endPatience: number;
  /** Milliseconds between two looks at whether it plays at all. */
  readonly startPatience: number;
  /** Seconds before the end from which on it may have come to it. */
  readonly endMargin: number;
  /** Milliseconds from a question without an answer to the next; twice as long each time, up to `max`. */
  readonly backOff: { readonly first: number; readonly max: number };
}

/** What decides when a renderer is asked how it is. Times are monotonic milliseconds. */
export interface Watching {
  readonly state: RendererState;
  /** Whether it tells by itself. */
  readonly isLive: boolean;
  readonly watchers: number;
  /** When it was asked last. */
  readonly asked: number;
  /** It was told something, or has told something: where it is has to be looked at then. */
  readonly confirmAt: number | undefined;
  /** When it was asked last whether it is at its end; undefined if it was not since. */
  readonly endAsked: number | undefined;
  /** Questions in a row that had no answer. */
  readonly unanswered: number;
}

/** When it is asked next; undefined: nobody needs to know. */
export function nextAsk(watching: Watching, options: ScheduleOptions): number | undefined {
  const { state, isLive, watchers, asked, confirmAt, unanswered } = watching;
  if (unanswered > 0) return asked + Math.min(options.backOff.first * 2 ** (unanswered - 1), options.backOff.max);
  const isOn = state.phase === 'playing' || state.phase === 'buffering';
  // What was loaded here has to be followed to its end, whoever looks.
  const isNeeded = watchers > 0 || (state.own !== undefined && isOn);
  const times = [confirmAt, endDue(watching, options), progressDue(watching, options)];
  if (isNeeded && !isLive) times.push(asked + (isOn ? options.pollActive : options.pollIdle));
  if (watchers > 0 && isLive && isOn) times.push(asked + options.drift);
  const due = times.filter((time) => time !== undefined);
  return due.length === 0 ? undefined : Math.min(...due);
}

/** When what was loaded here should have come to its end, and the device has not said so. */
export function endDue({ state, endAsked }: Pick<Watching, 'state' | 'endAsked'>, { endPatience, endMargin }: ScheduleOptions): number | undefined {
  const { own, phase, position, measured, speed, wasHeard, isOver } = state;
  const duration = durationOf(state);
  if (!own || !wasHeard || isOver || duration === undefined || position === undefined || speed <= 0) return undefined;
  if (phase === 'buffering' && !isNearEnd(state, measured, endMargin)) return undefined;
  if (phase !== 'playing' && phase !== 'buffering') return undefined;
  const end = phase === 'playing' ? measured + (1000 * Math.max(0, duration - position)) / speed : measured;
  return Math.max(end, endAsked ?? 0) + endPatience;
}

/** When it should have gone on since it began, and has not been seen to. */
function progressDue({ state, asked }: Pick<Watching, 'state' | 'asked'>, { startPatience, drift }: ScheduleOptions): number | undefined {
  if (state.own === undefined) return undefined;
  if (state.stalledAt !== undefined) return asked + (state.failure ? drift : startPatience);
  return state.began && state.phase === 'playing' && asked < state.began.at + startPatience ? state.began.at + startPatience : undefined;
}
