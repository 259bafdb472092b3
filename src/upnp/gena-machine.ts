import type { Random } from '../xpmn/kernel/clock.ts';
import { nextState } from '../xpmn/kernel/fsm.ts';
import type { TransitionTable } from '../xpmn/kernel/fsm.ts';
import { MAX_SEQ } from './gena-codec.ts';
import type { Grant, PropertySet } from './gena-codec.ts';
import type { SubscriptionState } from './gena.ts';

/**
 * One event subscription, from answers, events and time alone: no socket, no timer.
 *
 *             granted              first                gap               retry
 *    asking ──────────► awaiting ─────────► live ──────────────► gapped ─────────► asking
 *     │  ▲                 │                 ▲  └─ lost ─► asking
 *     │  │ retry           │ patience        │ first
 *     ▼  │                 ▼                 │
 *    resting             silent ─────────────┘   (and to asking, by lost, or once in a long while)
 *
 * `gapped` still holds its subscription, and what is told is passed on: it only waits, longer each time, to subscribe anew
 * for all. A device that can't count keeps coming there, and is asked meanwhile.
 * @spec UPnP-DeviceArchitecture v2.0 §4.1
 */
export type Phase = 'asking' | 'awaiting' | 'live' | 'silent' | 'gapped' | 'resting' | 'closed';
type Move = 'granted' | 'refused' | 'first' | 'next' | 'gap' | 'lost' | 'patience' | 'retry' | 'anew' | 'close';

export const PHASES: TransitionTable<Phase, Move> = {
  asking: { granted: 'awaiting', refused: 'resting', anew: 'asking', close: 'closed' },
  awaiting: { first: 'live', gap: 'gapped', patience: 'silent', lost: 'asking', anew: 'asking', close: 'closed' },
  live: { next: 'live', gap: 'gapped', lost: 'asking', anew: 'asking', close: 'closed' },
  silent: { first: 'live', gap: 'gapped', lost: 'asking', retry: 'asking', anew: 'asking', close: 'closed' },
  gapped: { first: 'gapped', gap: 'gapped', lost: 'asking', retry: 'asking', anew: 'asking', close: 'closed' },
  resting: { retry: 'asking', anew: 'asking', close: 'closed' },
  closed: {},
};

/** Milliseconds, but for what a TIMEOUT says. */
export interface GenaTiming {
  /** Seconds that a TIMEOUT counts at least and at most, and where it says nothing. */
  readonly minTimeout: number;
  readonly maxTimeout: number;
  readonly assumedTimeout: number;
  /** At which part of its lifetime a subscription is renewed. */
  readonly renewAt: number;
  /** From the answer to SUBSCRIBE to the first event. */
  readonly patience: number;
  /** Until a device that tells nothing is subscribed to anew. */
  readonly silentRetry: number;
  /** Live for so long, it counts as new what is lost then. */
  readonly stableAfter: number;
  /** Pauses after refusals, and after all but the first of the losses that follow each other. */
  readonly backOff: { readonly first: number; readonly factor: number; readonly max: number };
  /** Events that are kept before the answer that names their SID. */
  readonly earlyEvents: number;
}

export interface Notification {
  readonly sid: string;
  readonly seq: number | undefined;
  /** Undefined: nobody can read it. */
  readonly content: PropertySet | undefined;
}

export type GenaInput =
  /** SUBSCRIBE was answered with a SID, or wasn't. */
  | { readonly kind: 'granted'; readonly grant: Grant & { readonly sid: string } }
  | { readonly kind: 'refused' }
  /** A renewal was answered, or is worth nothing. */
  | { readonly kind: 'renewed'; readonly grant: Grant }
  | { readonly kind: 'lost' }
  | { readonly kind: 'event'; readonly notification: Notification }
  | { readonly kind: 'due' }
  | { readonly kind: 'anew' }
  | { readonly kind: 'close' };

/** To be done in order. A request that is still under way when the next one begins counts no more, and neither after `leave`. */
export type GenaEffect =
  | { readonly kind: 'subscribe' }
  | { readonly kind: 'renew'; readonly sid: string }
  | { readonly kind: 'leave'; readonly sid: string }
  | { readonly kind: 'tell'; readonly state: SubscriptionState }
  | { readonly kind: 'event'; readonly properties: ReadonlyMap<string, string> }
  | { readonly kind: 'missed'; readonly count: number };

export class GenaMachine {
  /** What was told last. */
  told: SubscriptionState = 'subscribing';
  private phase: Phase = 'resting';
  private readonly timing: GenaTiming;
  private readonly random: Random;
  /** Of the subscription that is held; the newest last: it may get another one at renewal. */
  private sids: readonly string[] = [];
  private expected = 0;
  private renewing = false;
  private early: Notification[] = [];
  private renewAt: number | undefined;
  /** When the phase ends by itself. */
  private turnAt: number | undefined;
  private refusals = 0;
  private gaps = 0;
  private liveSince = 0;
  private now = 0;
  private effects: GenaEffect[] = [];

  /** Begins with `anew`. */
  constructor({ random }: { readonly random: Random }, timing: GenaTiming) {
    this.random = random;
    this.timing = timing;
  }

  /** When `due` is to be put in. */
  get due(): number | undefined {
    const times = [this.renewAt, this.turnAt].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Whether a NOTIFY with this SID is, or may turn out to be, for this subscription. */
  knows(sid: string): boolean {
    return this.holds(sid) || this.phase === 'asking' || this.renewing;
  }

  take(input: GenaInput, now: number): readonly GenaEffect[] {
    this.now = now;
    this.effects = [];
    if (input.kind === 'granted') this.granted(input.grant);
    else if (input.kind === 'renewed') this.renewed(input.grant);
    else if (input.kind === 'event') this.event(input.notification);
    else if (input.kind === 'due') this.turn();
    else this.move(input.kind);
    return this.effects;
  }

  private holds(sid: string): boolean {
    return this.sids.some((one) => one.toLowerCase() === sid.toLowerCase());
  }

  private granted({ sid, timeout }: Grant & { readonly sid: string }): void {
    if (this.phase !== 'asking') return;
    const { early } = this;
    [this.sids, this.expected, this.refusals, this.early] = [[sid], 0, 0, []];
    this.scheduleRenewal(timeout);
    this.move('granted');
    this.replay(early);
  }

  private renewed({ sid, timeout }: Grant): void {
    if (!this.renewing) return;
    const { early } = this;
    [this.renewing, this.early] = [false, []];
    // COMPAT: one that changes here does not say which of the two it will use.
    if (sid !== undefined && !this.holds(sid)) this.sids = [...this.sids.slice(-1), sid];
    this.scheduleRenewal(timeout);
    this.replay(early);
  }

  private replay(early: readonly Notification[]): void {
    for (const notification of early) if (this.holds(notification.sid)) this.event(notification);
  }

  private scheduleRenewal(timeout: number | undefined): void {
    const { minTimeout, maxTimeout, assumedTimeout, renewAt } = this.timing;
    const lifetime = Math.min(maxTimeout, Math.max(minTimeout, timeout ?? assumedTimeout));
    this.renewAt = this.now + lifetime * 1000 * renewAt * (0.9 + 0.1 * this.random.fraction());
  }

  private event(notification: Notification): void {
    if (!this.holds(notification.sid)) {
      if (this.knows(notification.sid) && this.early.length < this.timing.earlyEvents) this.early.push(notification);
      return;
    }
    const { content } = notification;
    const move = this.moveBy(notification);
    // Whoever listens knows whether to rely on it: after a loss before the event, after the first one when it was heard.
    if (move !== 'first') this.move(move);
    if (content && content.properties.size > 0) this.effects.push({ kind: 'event', properties: content.properties });
    if (move === 'first') this.move(move);
  }

  private moveBy({ seq, content }: Notification): 'first' | 'next' | 'gap' {
    const { expected } = this;
    if (seq !== undefined) this.expected = successor(seq);
    const isInOrder = seq === undefined || seq === expected || (seq > 0 && successor(seq) === expected);
    if (isInOrder && content?.complete === true) return this.phase === 'live' ? 'next' : 'first';
    if (this.phase !== 'gapped') this.effects.push({ kind: 'missed', count: seq !== undefined && seq > expected ? seq - expected : 1 });
    return 'gap';
  }

  private turn(): void {
    if (this.turnAt !== undefined && this.turnAt <= this.now) this.move(this.phase === 'awaiting' ? 'patience' : 'retry');
    if (this.renewAt === undefined || this.renewAt > this.now) return;
    [this.renewing, this.renewAt] = [true, undefined];
    this.effects.push({ kind: 'renew', sid: this.sids.at(-1) as string });
  }

  private move(move: Move): void {
    const from = this.phase;
    const to = nextState(PHASES, from, move);
    if (to === undefined) return; // too late to matter
    this.phase = to;
    if (to === 'asking' || to === 'closed') this.drop(move);
    if (to === 'asking') this.ask(move);
    if (to === from) return;
    this.turnAt = this.endOf(to);
    const state = this.stateIn(to);
    if (state) this.tell(state);
    if (to === 'live') this.liveSince = this.now;
  }

  /** The device knows of no subscription any more, or is told. */
  private drop(move: Move): void {
    const sid = this.sids.at(-1);
    if (sid !== undefined && move !== 'lost') this.effects.push({ kind: 'leave', sid });
    [this.sids, this.early, this.renewing, this.renewAt] = [[], [], false, undefined];
  }

  private ask(move: Move): void {
    if (move === 'anew') [this.refusals, this.gaps] = [0, 0];
    if (this.told === 'live' || move === 'anew') this.tell('subscribing');
    this.effects.push({ kind: 'subscribe' });
  }

  private endOf(phase: Phase): number | undefined {
    const { patience, silentRetry, stableAfter } = this.timing;
    if (phase === 'awaiting') return this.now + patience;
    if (phase === 'silent') return this.now + silentRetry * this.jitter();
    if (phase === 'resting') return this.now + this.pause(this.refusals++);
    if (phase !== 'gapped') return undefined;
    if (this.told === 'live' && this.now - this.liveSince >= stableAfter) this.gaps = 0;
    this.gaps += 1;
    return this.now + (this.gaps === 1 ? 0 : this.pause(this.gaps - 2));
  }

  /** What a phase means to whoever listens; undefined: nothing new. */
  private stateIn(phase: Phase): SubscriptionState | undefined {
    if (phase === 'live' || phase === 'silent') return phase;
    if (phase === 'resting') return 'refused';
    if (phase === 'gapped' || (phase === 'awaiting' && this.told === 'refused')) return 'subscribing';
    return undefined;
  }

  private tell(state: SubscriptionState): void {
    if (state === this.told) return;
    this.told = state;
    this.effects.push({ kind: 'tell', state });
  }

  private pause(times: number): number {
    const { first, factor, max } = this.timing.backOff;
    return Math.min(max, first * factor ** times) * this.jitter();
  }

  private jitter(): number {
    return 0.75 + 0.5 * this.random.fraction();
  }
}

/** SEQ after the last is 1: 0 is kept for the first event. */
function successor(seq: number): number {
  return seq >= MAX_SEQ ? 1 : seq + 1;
}
