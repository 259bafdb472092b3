import { EventEmitter } from 'node:events';
import type { MprisIdentity, MprisReading } from '../mapping/mpris.ts';
import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../xpmn/kernel/errors.ts';
import { abortable, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { Picture } from '../xpmn/model/picture.ts';
import type { MediaPlayer, MediaPlayerEvents, PlayerCall, PlayerSnapshot } from '../xpmn/ports/media-player.ts';
import type { PictureLoader } from '../xpmn/ports/picture-loader.ts';
import { PLAIN_PROFILE } from '../xpmn/ports/player-feed.ts';
import type { FeedTarget, PlayerMedia } from '../xpmn/ports/player-feed.ts';
import type { MessageBus } from './bus.ts';
import { MprisObserver } from './mpris-observer.ts';
import type { MprisPlayerOptions } from './mpris-options.ts';
import { isRefusal } from './mpris-remote.ts';
import type { MprisRemote } from './mpris-remote.ts';
import { MprisSeek } from './mpris-seek.ts';
import { MprisStart } from './mpris-start.ts';
import { hasTrack, lengthOf, pictureOf } from './mpris-state.ts';
import { MprisVolume } from './mpris-volume.ts';

/** It is on this machine, and knows HTTP. */
const FEED: FeedTarget = { address: undefined, profile: PLAIN_PROFILE };

export interface MprisPlayerDeps {
  readonly bus: MessageBus;
  readonly clock: Clock;
  /** Undefined: it has none. */
  readonly pictures?: PictureLoader | undefined;
}

type Flag = 'canControl' | 'canPlay' | 'canPause' | 'canSeek' | 'canGoNext' | 'canGoPrevious';

/**
 * A player on a message bus. It may go and come back (`detach`, `attach`) and stays the same; while it is away, commands are
 * `unreachable`. OpenUri plays at once, so what is loaded is kept until `play`.
 * @spec MPRIS v2.2 §Player_Interface
 */
export class MprisPlayer extends EventEmitter<MediaPlayerEvents> implements MediaPlayer {
  readonly feed = FEED;
  readonly picture?: NonNullable<MediaPlayer['picture']>;
  private readonly observer: MprisObserver;
  private readonly volume: MprisVolume;
  private readonly options: MprisPlayerOptions;

  constructor(deps: MprisPlayerDeps, options: MprisPlayerOptions) {
    super();
    const { pictures } = deps;
    if (pictures) this.picture = (name, call) => this.loadPicture(name, pictures, call);
    this.options = options;
    this.observer = new MprisObserver(deps, options, {
      changed: (snapshot) => this.emit('changed', snapshot),
      ended: (url) => this.emit('ended', url),
    });
    this.volume = new MprisVolume(this.observer, (isDone, call) => this.confirm(isDone, call));
  }

  get snapshot(): PlayerSnapshot {
    return this.observer.snapshot;
  }

  get identity(): MprisIdentity {
    return this.observer.identity;
  }

  /** By the specification, a player without schemes need not know OpenUri: browsers ignore it, and mpDris2 fails. */
  get takesNothing(): boolean {
    const { isAway, opensNothing, identity: { schemes } } = this.observer;
    return !isAway && (opensNothing || schemes?.length === 0);
  }

  /** It runs, under that unique name; all is read anew. @throws XpmnError if it can't be read */
  attach(owner: string, { signal }: PlayerCall): Promise<void> {
    return this.observer.attach(owner, signal);
  }

  detach(): void {
    this.observer.detach();
  }

  /** It is gone for good. */
  close(): void {
    this.observer.close();
  }

  watched(): () => void {
    return this.observer.watch();
  }

  async load(media: PlayerMedia, call: PlayerCall): Promise<void> {
    const remote = await this.ready(call);
    this.checkOpens(media.url);
    try {
      await this.makeRoom(remote, call);
    } catch (error) {
      // What is opened takes the place of whatever there is.
      if (asXpmnError(error).code !== 'not-acceptable') throw error;
    }
    this.observer.update({ loaded: { media, phase: 'kept' }, problem: undefined });
  }

  async play(call: PlayerCall): Promise<void> {
    const remote = await this.ready(call);
    try {
      await this.begin(remote, call);
    } catch (error) {
      if (call.signal.aborted) this.observer.told = 'play';
      throw error;
    }
  }

  async pause(call: PlayerCall): Promise<void> {
    const remote = await this.ready(call);
    if (this.observer.state.reading.status !== 'playing') return;
    await this.insist('canPause', 'not-pausable', call);
    await this.halt(remote, call);
  }

  async stop(call: PlayerCall): Promise<void> {
    const remote = await this.ready(call);
    const { told, state: { loaded, reading: { status } } } = this.observer;
    // What was paused to make room is not there for those who look.
    if (loaded?.phase === 'kept' && status === 'paused' && told !== 'play') return;
    try {
      await this.silence(remote, call);
    } catch (error) {
      // Who leaves for that has stopped.
      if (this.observer.remote === remote || asXpmnError(error).code !== 'unreachable') throw error;
    }
  }

  async seek(position: number, call: PlayerCall): Promise<void> {
    const remote = await this.ready(call);
    const { observer } = this;
    const { reading, loaded } = observer.state;
    if (reading.status === 'stopped' || loaded?.phase === 'kept' || loaded?.phase === 'begun') throw new XpmnError('unexpected-request', 'Nothing is played.');
    if (!(position >= 0) || position > (lengthOf(observer.state) ?? Infinity)) throw new XpmnError('not-acceptable', 'There is no such place.');
    await this.insist('canSeek', 'not-seekable', call);
    await new MprisSeek(observer, remote, this.options.seekTimeout, call).to(position);
  }

  async next(call: PlayerCall): Promise<void> {
    const remote = await this.ready(call);
    await this.insist('canGoNext', 'not-supported', call);
    await remote.tell('Next', call);
    await abortable(this.observer.look(true), call.signal);
  }

  async previous(call: PlayerCall): Promise<void> {
    const remote = await this.ready(call);
    await this.insist('canGoPrevious', 'not-supported', call);
    await remote.tell('Previous', call);
    await abortable(this.observer.look(true), call.signal);
  }

  async setVolume(volume: number, call: PlayerCall): Promise<void> {
    await this.volume.set(volume, await this.ready(call), call);
  }

  async setMute(mute: boolean, call: PlayerCall): Promise<void> {
    await this.volume.mute(mute, await this.ready(call), call);
  }

  private async begin(remote: MprisRemote, call: PlayerCall): Promise<void> {
    const { observer } = this;
    const { loaded, reading } = observer.state;
    if (loaded?.phase === 'kept') {
      await this.dontRepeat(remote, call);
      return new MprisStart(observer, remote, this.options, call).begin(loaded.media);
    }
    if (reading.status === 'playing' || loaded?.phase === 'begun') return;
    try {
      await this.insist('canPlay', 'not-acceptable', call);
      await remote.tell('Play', call);
      await this.confirm(({ status }) => status === 'playing', call);
    } catch (error) {
      // A list of its own many do not show while they are stopped (Audacious, Strawberry): only trying helps.
      if (reading.status !== 'stopped' || hasTrack(reading.track) || !isRefusal(error)) throw error;
      throw new XpmnError('unexpected-request', 'There is nothing to play.', { cause: error });
    }
  }

  /** SECURITY: whatever is asked for, only what the player itself names now is fetched. */
  private async loadPicture(name: string, pictures: PictureLoader, call: PlayerCall): Promise<Picture> {
    const { isAway, state: { reading: { track } } } = this.observer;
    if (isAway || track.art === undefined || pictureOf(track) !== name) throw new XpmnError('not-found', 'It does not show that picture now.');
    return pictures.load(track.art, call);
  }

  private checkOpens(url: string): void {
    const { identity: { schemes } } = this;
    if (this.takesNothing) throw new XpmnError('not-supported', 'The player can\'t be told what to play.');
    const scheme = url.slice(0, url.indexOf(':')).toLowerCase();
    if (schemes && !schemes.includes(scheme)) throw new XpmnError('unsupported-type', 'The player does not know HTTP.');
  }

  /** There, and to be controlled: what it says of that is not for ever. */
  private async ready({ signal }: PlayerCall): Promise<MprisRemote> {
    throwIfAborted(signal);
    const { remote } = this.observer;
    if (!remote || this.observer.isAway) throw new XpmnError('unreachable', 'The player is not there.');
    await this.insist('canControl', 'not-supported', { signal });
    return remote;
  }

  /** COMPAT: whether CanControl has changed, nobody is told, and other flags are forgotten; so what is refused is asked for once more. */
  private async insist(flag: Flag, code: ErrorCode, { signal }: PlayerCall): Promise<void> {
    const { observer } = this;
    if (!observer.state.reading[flag]) await abortable(observer.look(true), signal);
    if (!observer.state.reading[flag]) throw new XpmnError(code, 'The player says that it can\'t.');
  }

  /** COMPAT: mpv that its user has started with a file leaves when it is stopped. What is opened takes the place of what is paused, too. */
  private async makeRoom(remote: MprisRemote, call: PlayerCall): Promise<void> {
    const { reading: { status, canPause }, loaded } = this.observer.state;
    if (!canPause || loaded?.phase === 'begun' || this.observer.told === 'play') await this.silence(remote, call);
    else if (status === 'playing') await this.halt(remote, call);
  }

  private async halt(remote: MprisRemote, call: PlayerCall): Promise<void> {
    this.observer.told = 'pause';
    await this.tellOrForget(() => remote.tell('Pause', call));
    await this.confirm(({ status }) => status !== 'playing', call);
  }

  /** Ends what plays, also what has not come to playing, or was to and was broken off. COMPAT: what can't be stopped is paused. */
  private async silence(remote: MprisRemote, call: PlayerCall): Promise<void> {
    const { observer } = this;
    const { reading: { status }, loaded } = observer.state;
    if (status === 'stopped' && loaded?.phase !== 'begun' && observer.told !== 'play') return;
    observer.told = 'stop';
    await this.tellOrForget(() => remote.tell('Stop', call));
    await this.confirm((reading) => reading.status !== 'playing', call);
    const { loaded: still } = observer.state;
    if (still) observer.update({ loaded: { ...still, phase: 'kept' } });
  }

  /** A list is kept above the player: it would play the first of it for ever. What it says to that is looked at where it matters, at its end. */
  private async dontRepeat(remote: MprisRemote, call: PlayerCall): Promise<void> {
    if (this.observer.state.reading.repeats) await remote.set('LoopStatus', { signature: 's', value: 'None' }, call);
  }

  /** @throws XpmnError `not-acceptable` if it took a command and did nothing */
  private async confirm(isDone: (reading: MprisReading) => boolean, { signal }: PlayerCall): Promise<void> {
    const { observer, options: { confirmTimeout } } = this;
    if (!(await observer.until(() => isDone(observer.state.reading), confirmTimeout, signal))) throw new XpmnError('not-acceptable', 'The player did nothing.');
  }

  private async tellOrForget(tell: () => Promise<void>): Promise<void> {
    try {
      await tell();
    } catch (error) {
      this.observer.told = undefined;
      throw error;
    }
  }
}
