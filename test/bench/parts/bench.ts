import type { BenchOptions } from './options.ts';
import type { Figure } from './figures.ts';
import type { Place } from './place.ts';
import type { Sink } from './sink.ts';

/** What a bench without a film is given. */
export interface LocalContext {
  readonly options: BenchOptions;
  /** For files; removed at the end. */
  readonly directory: string;
  readonly say: (text: string) => void;
  /** Writes into the result what can't be measured here, and why. */
  readonly miss: (what: string) => void;
}

/** What every other bench is given. */
export interface BenchContext extends LocalContext {
  /** Directory with the film, in memory. */
  readonly film: string;
  readonly sink: Sink;
  /** Everything on one machine with an address: what is measured is the path, at no distance. */
  readonly machine: () => Promise<Place>;
  /** A home behind a router, and a player elsewhere. */
  readonly line: () => Promise<Place>;
}

export interface Bench {
  /** One line for the table. */
  readonly title: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

/** Needs no film, and says itself where it takes place. */
export interface LocalBench {
  readonly title: string;
  readonly isLocal: true;
  run(context: LocalContext): Promise<readonly Figure[]>;
}
