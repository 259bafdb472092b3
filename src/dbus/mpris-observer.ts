import { PLAYER_PROPERTIES, readIdentity, readPlayer } from '../mapping/mpris.ts';
import type { MprisIdentity, MprisProperties } from '../mapping/mpris.ts';
import { readStatus, readTime } from '../mapping/mpris-values.ts';
import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { SerialQueue, abortable, withDeadline } from '../xpmn/kernel/tasks.ts';
import { isNews } from '../xpmn/ports/media-player.ts';
import type { PlayerSnapshot } from '../xpmn/ports/media-player.ts';
import type { MessageBus } from './bus.ts';
import type { MprisPlayerOptions } from './mpris-options.ts';
import { observe } from './mpris-reducer.ts';
import type { Circumstances } from './mpris-reducer.ts';
import { MprisRemote } from './mpris-remote.ts';
import { untilLook } from './mpris-schedule.ts';
import { hasLoaded, hasTrack, placeBy, snapshotOf } from './mpris-state.ts';
import type { MprisState } from './mpris-state.ts';
import { News } from './news.ts';

export interface ObserverEvents {
  changed(snapshot: PlayerSnapshot): void;
  ended(url: string): void;
}

const NOWHERE = 'The player is not there.';
/** How often it is looked whether a player is where its signal said. */
const SEEKED_LOOKS = 3;

/**
 * Knows how a player is: from what it tells, and by looking where it does not. Keeps what is known over the player's absence;
 * one that is back is looked at anew.
 */
export class MprisObserver {
  /** Undefined while it is away. */
  remote: MprisRemote | undefined;
  /** What it was told to do, since it last began to play. */
  told: Circumstances['told'];
  isVolumeOurs = false;
  /** It said that it has what was loaded, if only for a moment. */
  wasSighted = false;
  /** Not there, or there and not read yet. */
  isAway = true;
  identity: MprisIdentity = readIdentity({}, { text: 0 });
  /** It does not know how, whatever schemes it names. */
  opensNothing = false;
  private isClosed = false;
  /** Why it is not known how it is. */
  private trouble: XpmnError | undefined = new XpmnError('unreachable', NOWHERE);
  private known: MprisState;
  private shown: PlayerSnapshot;
  private raw: Record<string, unknown> = {};
  /** What it told while it was asked for all: newer than the answer, or the same. */
  private toldMeanwhile: Record<string, unknown> = {};
  private presence = new AbortController();
  private readonly looks = new SerialQueue();
  private nextLook: { isFull: boolean; readonly done: Promise<void> } | undefined;
  private timer: Timer | undefined;
  /** When it was last asked for all. */
  private askedAt = -Infinity;
  /** When it last told of what it does or has; when it was found, or somebody began to watch. */
  private toldAt = -Infinity;
  private watchers = 0;
  private hasToldChanges = false;
  private seeked: unknown;
  /** Until it is looked once more whether it is where it said. */
  private seekedTimer: Timer | undefined;
  private readonly news: News;
  private readonly bus: MessageBus;
  readonly clock: Clock;
  private readonly options: MprisPlayerOptions;
  private readonly events: ObserverEvents;

  constructor({ bus, clock }: { readonly bus: MessageBus; readonly clock: Clock }, options: MprisPlayerOptions, events: ObserverEvents) {
    [this.bus, this.clock, this.options, this.events] = [bus, clock, options, events];
    this.news = new News(clock);
    const place = { position: 0, measured: clock.monotonic() };
    this.known = { reading: readPlayer({}, options), standing: undefined, place, isPlaceless: false, loaded: undefined, muted: undefined, fixedVolume: undefined, problem: undefined };
    this.shown = snapshotOf({ ...this.known, problem: this.trouble });
  }

  get state(): MprisState {
    return this.known;
  }

  get snapshot(): PlayerSnapshot {
    return this.shown;
  }

  /** Where it is by now, seconds. */
  get here(): number {
    return placeBy(this.known, this.clock.monotonic());
  }

  /** It runs, under that unique name. @throws XpmnError if it can't be read */
  async attach(owner: string, signal: AbortSignal): Promise<void> {
    this.leave();
    this.presence = new AbortController();
    const call = { signal: AbortSignal.any([this.presence.signal, signal]) };
    const remote = new MprisRemote(this.bus, owner, {
      changed: (properties, invalidated) => this.hear(properties, invalidated),
      seeked: (value) => {
        this.seeked = value;
        void this.lookForSeeked(readTime(value), SEEKED_LOOKS);
      },
    });
    this.remote = remote;
    try {
      this.identity = readIdentity(await remote.identity(call), this.options);
      this.askedAt = this.clock.monotonic();
      this.take(await remote.properties(PLAYER_PROPERTIES, call));
      this.beginAnew();
      this.toldAt = this.clock.monotonic();
      await this.observe(remote);
      void this.learnOpening(remote);
      if (this.hasToldChanges) void this.look(false);
    } catch (error) {
      if (this.remote === remote) this.detach();
      throw error;
    }
  }

  /** It does not run any more. */
  detach(): void {
    if (!this.remote) return;
    this.leave();
    this.trouble = new XpmnError('unreachable', NOWHERE);
    this.publish();
  }

  /** Nothing is told any more. */
  close(): void {
    this.isClosed = true;
    this.leave();
  }

  update(change: Partial<MprisState>): void {
    this.known = { ...this.known, ...change };
    this.publish();
  }

  watch(): () => void {
    let isLooking = true;
    this.watchers += 1;
    if (this.watchers === 1) {
      this.toldAt = this.clock.monotonic();
      this.arm();
    }
    return () => {
      if (!isLooking) return;
      isLooking = false;
      this.watchers -= 1;
      this.arm();
    };
  }

  /** Waits until it is so, and looks now and then; false: not within so many milliseconds. @throws XpmnError `unreachable` if it goes away meanwhile */
  async until(condition: () => boolean, ms: number, signal: AbortSignal): Promise<boolean> {
    const { remote, clock } = this;
    const end = clock.monotonic() + ms;
    for (;;) {
      if (!remote || this.remote !== remote) throw new XpmnError('unreachable', NOWHERE);
      if (condition()) return true;
      const left = end - clock.monotonic();
      if (left <= 0) return false;
      if (!(await this.news.within(Math.min(left, this.options.lookInterval), signal))) await abortable(this.look(true), signal);
    }
  }

  /** Resolves when it has been looked at, after now. `isFull`: at all of it, else at its place. */
  look(isFull: boolean): Promise<void> {
    if (this.nextLook) {
      this.nextLook.isFull ||= isFull;
      return this.nextLook.done;
    }
    const done = this.looks.run(() => {
      const { isFull: all } = this.nextLook ?? { isFull };
      this.nextLook = undefined;
      return this.lookNow(all);
    });
    this.nextLook = { isFull, done };
    return done;
  }

  private leave(): void {
    // Whoever is late hears at once that it has stopped, and that it is gone.
    if (!this.isAway && this.saysItIsOver) this.conclude(undefined);
    this.timer?.cancel();
    this.seekedTimer?.cancel();
    this.remote?.close();
    this.remote = undefined;
    this.presence.abort(new XpmnError('unreachable', NOWHERE));
    [this.raw, this.toldMeanwhile, this.hasToldChanges, this.seeked, this.told, this.isVolumeOurs] = [{}, {}, false, undefined, undefined, false];
    [this.isAway, this.opensNothing] = [true, false];
    this.news.tell();
  }

  private hear(properties: MprisProperties, invalidated: readonly string[]): void {
    this.hasToldChanges = true;
    const known = pick(properties);
    if ('Metadata' in known && hasLoaded({ reading: readPlayer(known, this.options), loaded: this.known.loaded })) this.wasSighted = true;
    // What it says now of itself is new, whatever it did before.
    if ('PlaybackStatus' in known) this.known = { ...this.known, standing: undefined };
    if ('PlaybackStatus' in known || 'Metadata' in known) this.toldAt = this.clock.monotonic();
    Object.assign(this.raw, known);
    Object.assign(this.toldMeanwhile, known);
    const isHidden = invalidated.some((name) => (PLAYER_PROPERTIES as readonly string[]).includes(name));
    void this.look(isHidden);
  }

  /** COMPAT: Audacious names schemes, and has no OpenUri. Nobody waits for that: some answer nothing to it. */
  private async learnOpening(remote: MprisRemote): Promise<void> {
    const lacks = await remote.lacksOpenUri({ signal: this.presence.signal }).catch(() => false);
    if (this.remote === remote && lacks) this.opensNothing = true;
  }

  /** COMPAT: Audacious tells of a jump a moment before it says the new position; others say another unit, so that only looking helps. */
  private async lookForSeeked(said: number | undefined, looks: number): Promise<void> {
    await this.look(false);
    const { clock, options: { jump, lookInterval } } = this;
    // Many jumps are one look.
    this.seekedTimer?.cancel();
    if (said === undefined || looks <= 1 || !this.remote || Math.abs(this.here - said) * 1000 <= jump) return;
    this.seekedTimer = clock.after(lookInterval, () => void this.lookForSeeked(said, looks - 1));
  }

  private take(properties: MprisProperties): void {
    this.raw = { ...pick(properties), ...this.toldMeanwhile };
  }

  private async lookNow(isFull: boolean): Promise<void> {
    const { remote } = this;
    // Before all was read, what it has told is not the whole of it.
    if (!remote || this.isAway) return;
    try {
      if (isFull) {
        this.toldMeanwhile = {};
        this.askedAt = this.clock.monotonic();
        const all = await remote.properties(PLAYER_PROPERTIES, { signal: this.presence.signal });
        if (this.remote !== remote) return;
        this.take(all);
      }
      await this.observe(remote);
    } catch (error) {
      if (this.remote !== remote) return;
      this.trouble = asXpmnError(error);
      this.publish();
    }
  }

  /** Nothing of what a former program played is played by this one; what was loaded can be given to it again. */
  private beginAnew(): void {
    const { loaded } = this.known;
    const place = { position: 0, measured: this.clock.monotonic() };
    this.known = { ...this.known, reading: readPlayer({}, this.options), standing: undefined, place, isPlaceless: false, loaded: loaded && { ...loaded, phase: 'kept' }, fixedVolume: undefined, problem: undefined };
  }

  private async observe(remote: MprisRemote): Promise<void> {
    const position = this.saysItIsOver ? undefined : await this.askPosition(remote);
    if (this.remote === remote) this.conclude(position);
  }

  /** That it has stopped counts at once: it may be about to leave. Whether it gets on all the same is looked at later. */
  private get saysItIsOver(): boolean {
    const { status, track } = readPlayer(this.raw, this.options);
    return status === 'stopped' && (!hasTrack(track) || !this.known.standing);
  }

  private conclude(position: number | undefined): void {
    const now = this.clock.monotonic();
    const reading = readPlayer(this.raw, this.options);
    const { told, isVolumeOurs, options: { endTolerance } } = this;
    const { state, ended } = observe(this.known, { reading, position, now }, { told, isVolumeOurs, endTolerance });
    if (state.reading.status === 'playing' && this.known.reading.status !== 'playing') this.told = undefined;
    [this.known, this.trouble, this.isAway] = [state, undefined, false];
    this.publish();
    if (ended !== undefined && !this.isClosed) this.events.ended(ended);
    this.news.tell();
  }

  /** COMPAT: of a player that always says 0, what it said in its last signal counts. */
  private async askPosition(remote: MprisRemote): Promise<number | undefined> {
    const { clock, options: { positionTimeout: delay } } = this;
    const said = readTime(this.seeked);
    this.seeked = undefined;
    try {
      const position = await withDeadline({ clock, signal: this.presence.signal, delay, what: 'The position' }, (signal) => remote.position({ signal }));
      return position === 0 && this.known.isPlaceless ? said || position : position;
    } catch {
      // It is somewhere; where it was to be counts.
      return undefined;
    }
  }

  private publish(): void {
    this.arm();
    const snapshot = snapshotOf({ ...this.known, problem: this.trouble ?? this.known.problem });
    if (this.isClosed || !isNews(this.shown, snapshot, this.options.jump / 1000)) return;
    this.shown = snapshot;
    this.events.changed(snapshot);
  }

  private arm(): void {
    this.timer?.cancel();
    const { known: state, watchers, hasToldChanges: tells, askedAt, toldAt, clock } = this;
    const claimsToPlay = readStatus(this.raw['PlaybackStatus']) === 'playing';
    const delay = untilLook({ state, watchers, claimsToPlay, tells, askedAt, toldAt }, clock.monotonic(), this.options);
    if (!this.remote || delay === Infinity) return;
    this.timer = clock.after(delay, () => void this.look(true));
  }
}

/** Those that are looked at: a player may send any number of others. */
function pick(properties: MprisProperties): Record<string, unknown> {
  return Object.fromEntries(PLAYER_PROPERTIES.filter((name) => Object.hasOwn(properties, name)).map((name) => [name, properties[name]]));
}
