import { ratiosOf, spreadOf } from './statistics.ts';
import type { Spread } from './statistics.ts';

/** One line of the result. */
export interface Figure {
  /** Goal that it stands for, as in the table of goals; empty for what only explains another figure. */
  readonly goal: string;
  readonly what: string;
  readonly unit: string;
  /** Of the rounds; a single measurement has all three equal. */
  readonly value: Spread;
  readonly target?: Target | undefined;
  /** What was measured, round by round. */
  readonly rounds: readonly number[];
}

export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export function figure(
  goal: string, what: string, unit: string, rounds: readonly number[], target?: Target,
): Figure {
  return { goal, what, unit, value: spreadOf(rounds), rounds: rounds.map(shorten), target };
}

/** Ours over a rival's, round by round. */
export function ratio(goal: string, what: string, ours: readonly number[], rival: readonly number[], target?: Target): Figure {
  return figure(goal, what, 'x', ratiosOf(ours, rival), target);
}

/** Whether the median meets the target; undefined without one. */
export function isMet({ value, target }: Figure): boolean | undefined {
  if (!target) return undefined;
  return value.median >= (target.atLeast ?? -Infinity) && value.median <= (target.atMost ?? Infinity);
}

/** Four significant digits say all that the noise leaves. */
export function shorten(value: number): number {
  return Number(value.toPrecision(4));
}
