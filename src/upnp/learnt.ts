import type { SeekFormat } from './quirks.ts';

/** What a device has shown of itself, against what it says; kept for as long as the device is known, wherever it moves. */
export class Learnt {
  /** Actions that it has not, though it lists them. */
  readonly missing = new Set<string>();
  /** How it can be told where to go on: the last way that worked. */
  seek: SeekFormat | undefined;
  /** Whether it goes on with what it was told comes next. */
  next: 'unknown' | 'works' | 'broken' = 'unknown';
}
