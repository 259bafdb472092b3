import type { TransportFacts } from '../mapping/transport-facts.ts';
import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { isNews } from '../xpmn/ports/media-player.ts';
import type { PlayerAbilities, PlayerSnapshot } from '../xpmn/ports/media-player.ts';
import { endedBetween, initialState, snapshotOf, withFacts } from './renderer-state.ts';
import type { FactsOptions, RendererState } from './renderer-state.ts';

/** Seconds by which a position is another place: most tell whole ones. */
const JUMP = 0.5;

export interface TrackerOptions extends Pick<FactsOptions, 'slack' | 'falseStart' | 'startPatience' | 'settle'> {
  /** Seconds before the end from which on it may have come to it. */
  readonly endMargin: number;
  /** Milliseconds that it has to go on with what it was told comes next. */
  readonly followGrace: number;
}

export interface TrackerDeps {
  readonly clock: Clock;
  abilities(state: RendererState): PlayerAbilities;
  changed(snapshot: PlayerSnapshot): void;
  ended(url: string): void;
  /** It has gone on with what it was told comes next, or has not. */
  followed(did: boolean): void;
}

/** The one place where what is known of a renderer changes, and where it is told: once, and only what is news. */
export class RendererTracker {
  state: RendererState;
  /** As it was told last. */
  snapshot: PlayerSnapshot;
  /** Grows with each word of the device, and each of ours: an answer that was asked for before is old. */
  revision = 0;
  private readonly deps: TrackerDeps;
  private readonly options: TrackerOptions;
  private following: Timer | undefined;

  constructor(deps: TrackerDeps, options: TrackerOptions) {
    this.deps = deps;
    this.options = options;
    this.state = initialState(deps.clock.monotonic());
    this.snapshot = snapshotOf(this.state, deps.abilities(this.state));
  }

  close(): void {
    this.following?.cancel();
  }

  heard(facts: TransportFacts): void {
    const failure = (): XpmnError => new XpmnError('origin-unreachable', 'The player could not play what it was given.');
    this.set(withFacts(this.state, facts, this.deps.clock.monotonic(), { ...this.options, failure }));
  }

  set(next: RendererState): void {
    const before = this.state;
    const now = this.deps.clock.monotonic();
    this.state = next;
    this.revision += 1;
    this.tell(snapshotOf(next, this.deps.abilities(next)));
    const isToldToPlay = next.expectedUntil !== undefined && before.expectedUntil === undefined;
    // What was played to its end is played again: it has not ended, and what follows comes after it.
    if (next.own !== before.own || isToldToPlay) this.following?.cancel();
    if (next.own !== before.own && next.own !== undefined && next.own === before.following) this.deps.followed(true);
    const ended = endedBetween(before, next, now, this.options.endMargin);
    if (ended !== undefined) this.end(ended, next.following !== undefined);
  }

  private tell(snapshot: PlayerSnapshot): void {
    if (!isNews(this.snapshot, snapshot, JUMP)) return;
    this.snapshot = snapshot;
    this.deps.changed(snapshot);
  }

  /** COMPAT: some say that they have stopped between two titles. */
  private end(url: string, isFollowed: boolean): void {
    if (!isFollowed) return this.deps.ended(url);
    this.following?.cancel();
    this.following = this.deps.clock.after(this.options.followGrace, () => {
      this.set({ ...this.state, following: undefined });
      this.deps.followed(false);
      this.deps.ended(url);
    });
  }
}
