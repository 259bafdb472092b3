import type { Clock } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';

/** Bytes that the windows of all sessions together may grow by. Shared by the whole process. */
export class WindowBudget {
  private left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  get available(): number {
    return this.left;
  }

  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.left += bytes;
  }
}

/** The shortest time from a grant to its first use: one round trip and no queue. Shared by streams of a session that overlap in time. */
export class RoundTrip {
  shortest = Number.POSITIVE_INFINITY;

  sample(time: number): void {
    if (time < this.shortest) this.shortest = time;
  }
}

export interface WindowOptions {
  /** Bytes of credit that a new stream has. */
  readonly window: number;
  /** Bytes that a window never exceeds. */
  readonly largestWindow: number;
  /** A window grows while half of it is used up in less than this many round trips. */
  readonly windowRounds: number;
  /** So does one of which half lasts less than this many milliseconds: grants have their price, too. */
  readonly windowTime: number;
  /** Milliseconds after which a window is looked at again: whether it is larger than its reader needs. */
  readonly windowReview: number;
}

export interface WindowDeps {
  readonly clock: Clock;
  readonly budget: WindowBudget;
  readonly roundTrip: RoundTrip;
}

/**
 * The receiver's side of one stream's credit. Half a window is granted at a time. To never stop a sender, a window must
 * be two bandwidth-delay products; so it doubles while half of it lasts hardly longer than a round trip and the sink kept up. Larger would only queue more:
 * a player fills what it has in front of it at once, each time there is room, and reads slowly. So a window becomes as small again as what is used in the
 * long run needs on this path.
 */
export class ReceiveWindow {
  private readonly deps: WindowDeps;
  private readonly options: WindowOptions;
  private size: number;
  /** Bytes the sender may still send. */
  private credit: number;
  private received = 0;
  /** Bytes used by the sink and not granted again yet. */
  private owed = 0;
  /** The sink has let a good part of the window lie since the last grant. */
  private lagged = false;
  private grantedAt = Number.NEGATIVE_INFINITY;
  /** What it may be, as was seen at the last review, and what was used since. */
  private ceiling: number;
  private reviewed: number;
  private used = 0;
  /** When `received` passes this, the grant made at `watchedAt` is in use. */
  private firstUse = Number.POSITIVE_INFINITY;
  private watchedAt = 0;

  constructor(deps: WindowDeps, options: WindowOptions) {
    this.deps = deps;
    this.options = options;
    this.size = options.window;
    this.credit = options.window;
    this.ceiling = options.largestWindow;
    this.reviewed = deps.clock.monotonic();
  }

  /** The sender may send a good part of the window: with anything left to send it does so. */
  get isOpen(): boolean {
    return this.credit > this.size / 2;
  }

  /** A chunk of `bytes` begins. @throws XpmnError `flow-control` if it is beyond the credit */
  take(bytes: number): void {
    if (bytes > this.credit) throw new XpmnError('flow-control', 'The peer sent more than it had credit for.');
    this.credit -= bytes;
    this.received += bytes;
    if (this.received > this.firstUse) {
      this.deps.roundTrip.sample(this.deps.clock.monotonic() - this.watchedAt);
      this.firstUse = Number.POSITIVE_INFINITY;
    }
  }

  /** The sink has used `bytes` of the `lying` ones that it had. Returns the credit to grant now, mostly 0. */
  consumed(bytes: number, lying: number): number {
    this.owed += bytes;
    this.used += bytes;
    // What comes in a burst and is used at once is no backlog: only what lies there even after that is.
    if (lying - bytes > this.size / 4) this.lagged = true;
    if (this.owed < this.size / 2) return 0;
    return this.grant();
  }

  /** The stream has ended: what its window had grown by goes back. Idempotent. */
  release(): void {
    this.deps.budget.give(this.size - this.options.window);
    this.size = this.options.window;
  }

  private grant(): number {
    const now = this.deps.clock.monotonic();
    if (now - this.reviewed >= this.options.windowReview) this.review(now);
    const granted = this.owed + (this.size / 2 >= this.ceiling ? this.shrink() : this.lagged ? 0 : this.grow(now - this.grantedAt));
    if (this.firstUse === Number.POSITIVE_INFINITY) {
      this.firstUse = this.received + this.credit;
      this.watchedAt = now;
    }
    this.grantedAt = now;
    this.lagged = false;
    this.owed = 0;
    this.credit += granted;
    return granted;
  }

  /** Half of a window should last that long, ms. */
  private get halfTime(): number {
    return Math.max(this.deps.roundTrip.shortest * this.options.windowRounds, this.options.windowTime);
  }

  private review(now: number): void {
    const { window, largestWindow } = this.options;
    // Twice what makes a window grow: one that is what limits is not held back, and none swings. Silence counts as little use, whoever was silent:
    // after it a window may be held back until the next review.
    const needed = Math.floor((4 * this.used * this.halfTime) / (now - this.reviewed));
    this.ceiling = Math.max(window, Math.min(largestWindow, needed));
    this.reviewed = now;
    this.used = 0;
  }

  /** Bytes the window changes by. What it loses is withheld from what is owed, which is half of it at least. */
  private shrink(): number {
    const loss = Math.floor(this.size / 2);
    this.size -= loss;
    this.deps.budget.give(loss);
    return -loss;
  }

  /** Bytes the window grows by, given the time that half of it lasted. */
  private grow(elapsed: number): number {
    // Without a measured round trip nothing says that the window is what limits.
    if (this.deps.roundTrip.shortest === Number.POSITIVE_INFINITY) return 0;
    if (elapsed >= this.halfTime) return 0;
    const growth = Math.min(this.size, this.ceiling - this.size);
    if (growth <= 0 || !this.deps.budget.take(growth)) return 0;
    this.size += growth;
    return growth;
  }
}
