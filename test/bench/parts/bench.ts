import type { BenchOptions } from './options.ts';
import type { Figure } from './figures.ts';
import type { Place } from './place.ts';
import type { Sink } from './sink.ts';

/** What every bench is given. */
export interface BenchContext {
  readonly options: BenchOptions;
  /** For files; removed at the end. */
  readonly directory: string;
  /** Directory with the film, in memory. */
  readonly film: string;
  readonly sink: Sink;
  /** Everything on one machine with an address: what is measured is the path, at no distance. */
  readonly machine: () => Promise<Place>;
  /** A home behind a router, and a player elsewhere. */
  readonly line: () => Promise<Place>;
  readonly say: (text: string) => void;
}

export interface Bench {
  /** One line for the table. */
  readonly title: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}
