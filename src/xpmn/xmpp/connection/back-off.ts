import type { Random } from '../../kernel/clock.ts';

export interface BackOffOptions {
  /** ms before the second attempt, on average three quarters of it. */
  readonly first: number;
  readonly factor: number;
  readonly max: number;
}

/** Growing delays between attempts, each between a half and the whole of its step, so that a thousand clients spread. */
export class BackOff {
  private readonly random: Random;
  private readonly options: BackOffOptions;
  private step: number;

  constructor(random: Random, options: BackOffOptions) {
    this.random = random;
    this.options = options;
    this.step = options.first;
  }

  /** ms to wait now; the next one is longer. */
  next(): number {
    const delay = Math.round(this.step * (0.5 + this.random.fraction() / 2));
    this.step = Math.min(this.options.max, this.step * this.options.factor);
    return delay;
  }

  reset(): void {
    this.step = this.options.first;
  }
}
