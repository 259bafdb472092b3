import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../src/xpmn/kernel/clock.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { abortable, sleep, throwIfAborted } from '../../src/xpmn/kernel/tasks.ts';
import type { Picture } from '../../src/xpmn/model/picture.ts';
import type { CurrentMedia, MediaPlayer, MediaPlayerEvents, PlayerAbilities, PlayerCall, PlayerSnapshot } from '../../src/xpmn/ports/media-player.ts';
import type { FeedTarget, PlayerMedia } from '../../src/xpmn/ports/player-feed.ts';

export type FakeCommand = 'picture' | 'load' | 'preload' | 'play' | 'pause' | 'stop' | 'seek' | 'next' | 'previous' | 'setVolume' | 'setMute';

export interface FakeMediaPlayerOptions {
  /** Whether it understands what follows. */
  readonly preload?: boolean;
  /** Whether it takes what is loaded only when it plays it. */
  readonly lazy?: boolean;
  /** Milliseconds from `play` until something is heard. */
  readonly buffering?: number;
  /** Milliseconds from a command until it is done, also if nobody waits for it any more. */
  readonly answersIn?: number;
  readonly volume?: number | undefined;
  readonly mute?: boolean | undefined;
}

/** What the device itself does, without anybody having asked through us. */
export interface FakeHand {
  play(): void;
  pause(): void;
  stop(): void;
  seek(position: number): void;
  setVolume(volume: number): void;
  setMute(mute: boolean): void;
  /** Plays this; a `list` of its own goes on with what follows, and can be gone through. */
  playOther(media: CurrentMedia, list?: readonly CurrentMedia[]): void;
  /** What plays is at its end. */
  finish(): void;
  /** It has nothing left to play, and waits for more until it is told to play something anew. */
  starve(): void;
  /** Nobody knows how it is, until `recover`. */
  trouble(code: ErrorCode): void;
  recover(): void;
  vanish(): void;
  /** The next time that it is told to, it refuses. */
  refuse(command: FakeCommand, code: ErrorCode): void;
  /** It refuses nothing any more, and has no problem. */
  forgive(): void;
  /** From now on it does not answer this. */
  stall(command: FakeCommand): void;
  /** What is behind `url` can't be played: told by rejecting `play`, or later by `problem`. */
  spoil(url: string, code: ErrorCode, how?: 'reject' | 'problem'): void;
}

const TARGET: FeedTarget = { address: '192.0.2.50', profile: { length: 'exact', mimeTypes: {}, dlnaAlways: false, keepAlive: true } };
const ALL: PlayerAbilities = { seek: true, pause: true, next: false, previous: false, volume: true, mute: true };

export function createFakeMediaPlayer(clock: Clock, options: FakeMediaPlayerOptions = {}): FakeMediaPlayer {
  return new FakeMediaPlayer(clock, options);
}

/** A player without sound: what it plays passes by its clock. */
export class FakeMediaPlayer extends EventEmitter<MediaPlayerEvents> implements MediaPlayer {
  feed: FeedTarget = TARGET;
  takesNothing = false;
  readonly preload?: NonNullable<MediaPlayer['preload']>;
  /** What it was told, in order, for whoever wants to know. */
  readonly told: string[] = [];
  /** The pictures that it can show, by what `CurrentMedia.picture` names them. */
  readonly pictures = new Map<string, Picture>();
  /** Which of them it shows for what it was given. */
  shows: (url: string) => string | undefined = () => undefined;
  /** How many look. */
  watchers = 0;
  private readonly clock: Clock;
  private readonly options: FakeMediaPlayerOptions;
  private known: PlayerSnapshot;
  private loaded: PlayerMedia | undefined;
  private following: PlayerMedia | undefined;
  private list: readonly CurrentMedia[] = [];
  private timer: Timer | undefined;
  private isGone = false;
  private isStarved = false;
  private readonly refusals = new Map<FakeCommand, XpmnError>();
  private readonly stalled = new Set<FakeCommand>();
  private readonly spoilt = new Map<string, { readonly error: XpmnError; readonly how: 'reject' | 'problem' }>();

  constructor(clock: Clock, options: FakeMediaPlayerOptions) {
    super();
    this.clock = clock;
    this.options = options;
    const volume = 'volume' in options ? options.volume : 50;
    const mute = 'mute' in options ? options.mute : false;
    this.known = {
      state: 'idle', media: undefined, position: undefined, measured: clock.monotonic(), speed: 1, volume, mute, problem: undefined,
      abilities: { ...ALL, volume: volume !== undefined, mute: mute !== undefined },
    };
    if (options.preload !== false) this.preload = (media, call) => this.command('preload', call, () => void (this.following = media), media?.url);
  }

  get snapshot(): PlayerSnapshot {
    return this.known;
  }

  watched(): () => void {
    let isLooking = true;
    this.watchers += 1;
    return () => {
      if (isLooking) this.watchers -= 1;
      isLooking = false;
    };
  }

  load(media: PlayerMedia, call: PlayerCall): Promise<void> {
    return this.command('load', call, () => {
      [this.loaded, this.following, this.list] = [media, undefined, []];
      const taken = this.options.lazy ? { state: 'idle', media: undefined, position: undefined } as const : { state: 'stopped', media: this.mediaOf(media), position: 0 } as const;
      this.set({ ...taken, problem: undefined, abilities: { ...this.known.abilities, seek: true, pause: true, next: false, previous: false } });
    }, media.url);
  }

  play(call: PlayerCall): Promise<void> {
    return this.command('play', call, () => {
      const { state, media } = this.known;
      if (state === 'playing' || state === 'buffering') return;
      if (state === 'paused') return this.begin();
      if (!media && !this.loaded) throw new XpmnError('unexpected-request', 'There is nothing to play.');
      this.start(media ?? this.mediaOf(this.loaded as PlayerMedia));
    });
  }

  pause(call: PlayerCall): Promise<void> {
    return this.command('pause', call, () => {
      if (!this.isOn) return;
      if (!this.known.abilities.pause) throw new XpmnError('not-pausable', 'That can\'t be paused.');
      this.hand.pause();
    });
  }

  stop(call: PlayerCall): Promise<void> {
    return this.command('stop', call, () => this.hand.stop());
  }

  seek(position: number, call: PlayerCall): Promise<void> {
    return this.command('seek', call, () => {
      const { state, abilities, media } = this.known;
      if (state === 'idle' || state === 'stopped') throw new XpmnError('unexpected-request', 'Nothing is played.');
      if (!abilities.seek) throw new XpmnError('not-seekable', 'That has no places to go to.');
      if (position < 0 || position > (media?.duration ?? Infinity)) throw new XpmnError('not-acceptable', 'There is no such place.');
      this.hand.seek(position);
    }, String(position));
  }

  next(call: PlayerCall): Promise<void> {
    return this.command('next', call, () => this.step(1));
  }

  previous(call: PlayerCall): Promise<void> {
    return this.command('previous', call, () => this.step(-1));
  }

  setVolume(volume: number, call: PlayerCall): Promise<void> {
    return this.command('setVolume', call, () => this.vary({ volume }), String(volume));
  }

  setMute(mute: boolean, call: PlayerCall): Promise<void> {
    return this.command('setMute', call, () => this.vary({ mute }), String(mute));
  }

  async picture(name: string, call: PlayerCall): Promise<Picture> {
    await this.command('picture', call, () => undefined, name);
    const picture = this.known.media?.picture === name ? this.pictures.get(name) : undefined;
    if (!picture) throw new XpmnError('not-found', 'It does not show that picture now.');
    return picture;
  }

  readonly hand: FakeHand = {
    play: () => (this.known.state === 'paused' ? this.begin() : this.known.media && this.start(this.known.media)),
    pause: () => void (this.isOn && this.set({ state: 'paused', position: this.here() })),
    stop: () => void (this.known.state !== 'idle' && this.known.state !== 'stopped' && this.set({ state: 'stopped', position: 0 })),
    seek: (position) => this.set({ position }, true),
    setVolume: (volume) => this.set({ volume }),
    setMute: (mute) => this.set({ mute }),
    playOther: (media, list = []) => {
      [this.loaded, this.following, this.list] = [undefined, undefined, list];
      this.start(media);
    },
    finish: () => this.end(),
    starve: () => {
      this.isStarved = true;
      this.set({ state: 'buffering' });
    },
    trouble: (code) => this.set({ problem: new XpmnError(code, 'The player has a problem.') }),
    recover: () => this.set({ problem: undefined }),
    vanish: () => {
      this.isGone = true;
      this.timer?.cancel();
    },
    refuse: (command, code) => void this.refusals.set(command, new XpmnError(code, 'The player refuses.')),
    forgive: () => {
      this.refusals.clear();
      this.hand.recover();
    },
    stall: (command) => void this.stalled.add(command),
    spoil: (url, code, how = 'problem') => void this.spoilt.set(url, { error: new XpmnError(code, 'It can\'t be played.'), how }),
  };

  private async command(name: FakeCommand, { signal }: PlayerCall, work: () => void, argument?: string): Promise<void> {
    throwIfAborted(signal);
    this.told.push(argument === undefined ? name : `${name} ${argument}`);
    const { answersIn } = this.options;
    if (answersIn === undefined) await abortable(Promise.resolve(), signal);
    const done = answersIn === undefined ? this.obey(name, signal, work) : sleep(this.clock, answersIn).then(() => this.obey(name, signal, work));
    await abortable(done, signal);
  }

  private async obey(name: FakeCommand, signal: AbortSignal, work: () => void): Promise<void> {
    if (this.isGone) throw new XpmnError('unreachable', 'The player has gone.');
    if (this.stalled.has(name)) await abortable(new Promise<never>(() => undefined), signal);
    const refusal = this.refusals.get(name);
    this.refusals.delete(name);
    if (refusal) throw refusal;
    work();
  }

  private get isOn(): boolean {
    return this.known.state === 'playing' || this.known.state === 'buffering';
  }

  private here(): number | undefined {
    const { state, position, measured, speed, media } = this.known;
    if (state !== 'playing' || position === undefined) return position;
    return Math.min(position + (speed * (this.clock.monotonic() - measured)) / 1000, media?.duration ?? Infinity);
  }

  private vary(change: { readonly volume: number } | { readonly mute: boolean }): void {
    const has = 'volume' in change ? this.known.abilities.volume : this.known.abilities.mute;
    if (!has) throw new XpmnError('not-supported', 'The player has no such thing.');
    this.set(change);
  }

  /** Plays `media` from its beginning. */
  private start(media: CurrentMedia): void {
    const spoilt = media.url === undefined ? undefined : this.spoilt.get(media.url);
    if (spoilt?.how === 'reject') throw spoilt.error;
    const at = this.list.findIndex(({ url }) => url === media.url);
    const abilities = { ...this.known.abilities, next: at >= 0 && at + 1 < this.list.length, previous: at > 0 };
    if (spoilt) return this.set({ state: 'stopped', media, position: 0, problem: spoilt.error, abilities });
    this.set({ state: this.options.buffering ? 'buffering' : 'playing', media, position: 0, problem: undefined, abilities }, true);
  }

  private begin(): void {
    this.set({ state: this.options.buffering ? 'buffering' : 'playing' });
  }

  private step(by: number): void {
    const at = this.list.findIndex(({ url }) => url === this.known.media?.url);
    const other = at < 0 ? undefined : this.list[at + by];
    if (!other) throw new XpmnError('not-supported', 'The player has no list of its own.');
    this.start(other);
  }

  private end(): void {
    const following = this.following ? this.mediaOf(this.following) : this.list[this.list.findIndex(({ url }) => url === this.known.media?.url) + 1];
    const { media } = this.known;
    if (following && media) {
      this.following = undefined;
      this.start(following);
      return;
    }
    this.set({ state: 'stopped', position: 0 });
    if (media?.url !== undefined && !this.isGone) this.emit('ended', media.url);
  }

  private set(change: Partial<PlayerSnapshot>, isJump = false): void {
    if (this.isGone) return;
    const before = this.known;
    this.known = { ...before, position: this.here(), ...change, measured: this.clock.monotonic() };
    this.timer?.cancel();
    this.timer = this.nextTimer();
    const [then, now] = [before, this.known].map((snapshot) => ({ ...snapshot, measured: 0, position: 0 }));
    if (isJump || !isDeepStrictEqual(then, now)) this.emit('changed', this.known);
  }

  private mediaOf({ url, item: { title, artist, album, genre, track, duration } }: PlayerMedia): CurrentMedia {
    return { url, title, artist, album, genre, track, duration, picture: this.shows(url) };
  }

  private nextTimer(): Timer | undefined {
    const { state, media, position, speed } = this.known;
    this.isStarved &&= state === 'buffering';
    if (this.isStarved) return undefined;
    if (state === 'buffering') return this.clock.after(this.options.buffering ?? 0, () => this.set({ state: 'playing' }));
    if (state !== 'playing' || media?.duration === undefined || position === undefined) return undefined;
    return this.clock.after(((media.duration - position) * 1000) / speed, () => this.end());
  }
}
