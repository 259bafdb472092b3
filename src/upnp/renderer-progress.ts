import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { Learnt } from './learnt.ts';
import { endDue } from './renderer-schedule.ts';
import type { ScheduleOptions } from './renderer-schedule.ts';
import { afterEnd, afterStall, isNearEnd } from './renderer-state.ts';
import type { RendererState } from './renderer-state.ts';
import type { RendererTracker } from './renderer-tracker.ts';

export interface ProgressOptions extends ScheduleOptions {
  /** Milliseconds for which it may say that it plays, and stand still, before that is a failure. */
  readonly stallPatience: number;
}

export interface ProgressDeps {
  readonly clock: Clock;
  readonly tracker: Pick<RendererTracker, 'state' | 'set'>;
  readonly learnt: Learnt;
  /** It plays on though what was loaded is over. */
  stuck(): void;
}

/** A look at a renderer, which the tracker has taken in. */
export interface Look {
  /** Seconds, as it said. */
  readonly position: number | undefined;
  /** Whether it should have come to its end, when it was asked. */
  readonly isEnd: boolean;
  /** As it was known before. */
  readonly began: RendererState['began'];
}

/** Whether a renderer gets on with what was loaded, whatever it says: by where it is from one look to the next. */
export class RendererProgress {
  private readonly deps: ProgressDeps;
  private readonly options: ProgressOptions;
  /** The last look at whether it is at its end, and where it was then; undefined if there was none since it came near it. */
  private lookAtEnd: { readonly at: number; readonly position: number | undefined } | undefined;
  private stalledSince = 0;

  constructor(deps: ProgressDeps, options: ProgressOptions) {
    this.deps = deps;
    this.options = options;
  }

  get endAsked(): number | undefined {
    return this.lookAtEnd?.at;
  }

  /** Whether what was loaded should have come to its end by now. */
  get isEndDue(): boolean {
    const { tracker: { state }, clock } = this.deps;
    const due = endDue({ state, endAsked: this.endAsked }, this.options);
    return due !== undefined && clock.monotonic() >= due;
  }

  /** It has told something since: one look does not tell that it is at its end. */
  heard(): void {
    this.lookAtEnd = undefined;
  }

  looked({ position, isEnd, began }: Look): void {
    const { clock, tracker: { state } } = this.deps;
    const isAtEnd = (state.phase === 'playing' || state.phase === 'buffering') && isNearEnd(state, clock.monotonic(), this.options.endMargin);
    if (!isAtEnd) this.lookAtEnd = undefined;
    if (!isEnd) this.judgeProgress(position, began);
    else if (isAtEnd) this.judgeEnd(position);
  }

  /**
   * COMPAT: some say that they play what they can't even fetch. That their position stands still shows it; of those only whose positions
   * have been seen to go on.
   */
  private judgeProgress(position: number | undefined, before: RendererState['began']): void {
    const { clock, tracker, learnt } = this.deps;
    const { state } = tracker;
    if (before && !state.began && state.phase === 'playing') learnt.counts = true;
    const { began, own, stalledAt } = state;
    const isDue = began && clock.monotonic() >= began.at + this.options.startPatience;
    if (!own || !learnt.counts || position === undefined || (state.phase !== 'playing' && stalledAt === undefined) || (!isDue && stalledAt === undefined)) return;
    this.stalledSince = stalledAt === undefined ? (began?.at ?? clock.monotonic()) : this.stalledSince;
    const isHopeless = clock.monotonic() >= this.stalledSince + this.options.stallPatience;
    tracker.set(afterStall(state, position, clock.monotonic(), isHopeless ? new XpmnError('origin-unreachable', 'The player does not play what it was given.') : undefined));
  }

  /** COMPAT: some play on at the end of a title, or wait there for ever: that it does not move between two looks is the end. */
  private judgeEnd(position: number | undefined): void {
    const { clock, tracker, stuck } = this.deps;
    const before = this.lookAtEnd;
    const hasMoved = position !== undefined && before?.position !== undefined && position > before.position + 0.5;
    this.lookAtEnd = { at: clock.monotonic(), position };
    if (!before || hasMoved) return;
    this.lookAtEnd = undefined;
    tracker.set(afterEnd(tracker.state, clock.monotonic()));
    stuck();
  }
}
