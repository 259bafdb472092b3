import type { Clock } from '../../xpmn/kernel/clock.ts';
import { formatBytes, formatDuration } from '../text.ts';
import type { Output } from './io.ts';

/** One line on a terminal that tells how far it is; silent elsewhere. */
export class Progress {
  private readonly deps: { readonly clock: Clock; readonly output: Output };
  private readonly interval: number;
  private total: number | undefined;
  private begun = 0;
  private came = 0;
  private done = 0;
  private shown = -Infinity;
  private isVisible = false;

  constructor(deps: { readonly clock: Clock; readonly output: Output }, { interval }: { readonly interval: number }) {
    this.deps = deps;
    this.interval = interval;
  }

  /** `done` bytes of `total` are there already. */
  begin(done: number, total: number | undefined): void {
    this.done = done;
    this.total = total;
    this.came = 0;
    this.begun = this.deps.clock.monotonic();
  }

  add(count: number): void {
    this.done += count;
    this.came += count;
    const now = this.deps.clock.monotonic();
    if (!this.deps.output.isTTY || now - this.shown < this.interval) return;
    this.shown = now;
    this.isVisible = true;
    this.deps.output.write(`\r${this.line(now)}\u001b[K`);
  }

  /** Leaves the line to what comes next. */
  clear(): void {
    if (this.isVisible) this.deps.output.write('\r\u001b[K');
    this.isVisible = false;
  }

  private line(now: number): string {
    const { done, total } = this;
    const rate = this.came / Math.max((now - this.begun) / 1000, 0.001);
    const parts = [total === undefined ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`];
    if (total) parts.push(`${Math.floor((done / total) * 100)} %`);
    parts.push(`${formatBytes(rate)}/s`);
    if (total !== undefined && rate > 0) parts.push(`${formatDuration((total - done) / rate)} left`);
    return parts.join('  ');
  }
}
