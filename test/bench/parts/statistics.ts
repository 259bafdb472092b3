/** The middle of what was measured, and how far it went. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @throws RangeError if there is nothing to speak of */
export function spreadOf(values: readonly number[]): Spread {
  return { median: percentile(values, 50), least: percentile(values, 0), most: percentile(values, 100) };
}

/** The value that `percent` of all values do not exceed; between two neighbours, the line between them. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)] as number;
  const above = sorted[Math.ceil(place)] as number;
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * One ratio a round, of what was measured in the same round: noise of the machine that lasts longer than a round drops out.
 * @throws RangeError if the rounds do not match
 */
export function ratiosOf(ours: readonly number[], rival: readonly number[]): number[] {
  if (ours.length !== rival.length) throw new RangeError(`${ours.length} rounds against ${rival.length}`);
  return ours.map((value, round) => value / (rival[round] as number));
}

export interface Line {
  readonly slope: number;
  readonly start: number;
}

/** The straight line of least squares through points (x, y), at least two different x. */
export function fitLine(points: readonly (readonly [number, number])[]): Line {
  const mean = (index: 0 | 1): number => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  if (!(spread > 0)) throw new RangeError('a line needs two points');
  const slope = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
  return { slope, start: y - slope * x };
}

/** How many round trips a step takes: what it takes longer, for each millisecond that the line takes longer. */
export function roundTrips(times: ReadonlyMap<number, readonly number[]>): Line {
  return fitLine([...times].map(([roundTrip, values]) => [roundTrip, percentile(values, 50)] as const));
}
