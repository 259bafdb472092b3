import type { Clock, Timer } from '../../src/xpmn/kernel/clock.ts';
import type { BusPeer } from './bus-rig.ts';

const PLAYER = 'org.mpris.MediaPlayer2.Player';
const PATH = '/org/mpris/MediaPlayer2';
const MICRO = 1_000_000;

type Answered = { readonly error: string } | { readonly signature: string; readonly body: readonly unknown[] };

interface Value {
  readonly signature: string;
  readonly value: unknown;
}

/** What is wrong with a player, by what players have been seen to do. */
export interface MprisDefects {
  readonly noSeeked?: boolean;
  readonly noChanges?: boolean;
  /** Names of what has changed, without values. */
  readonly onlyInvalidates?: boolean;
  readonly ignoresSetPosition?: boolean;
  readonly ignoresSeek?: boolean;
  readonly seekIsAbsolute?: boolean;
  readonly seekedInMilliseconds?: boolean;
  /** Audacious 4.2: that it has jumped, it tells so many milliseconds before its position is another. */
  readonly seekedBefore?: number;
  readonly alwaysAtZero?: boolean;
  readonly noPosition?: boolean;
  readonly trackId?: 'none' | 'text' | 'stale';
  readonly length?: 'int32' | 'double' | 'uint64' | 'text';
  readonly artist?: 'text' | 'list';
  readonly noUrl?: boolean;
  /** mpv-mpris 0.7 without a file at its start: stopped, until it is paused and played. */
  readonly staleStatus?: boolean;
  /** mpv-mpris 0.7: that it has nothing, since it was stopped, it tells so many milliseconds after it has got the next. */
  readonly tellsEndLate?: number;
  readonly onlyLoads?: boolean;
  /** It begins what it opens so many milliseconds later, unless it is stopped before. */
  readonly opensIn?: number;
  /** mpv: what is opened while it is paused is paused. */
  readonly staysPaused?: boolean;
  readonly volumeIsNotTold?: boolean;
  readonly noVolume?: boolean;
  readonly ignoresVolume?: boolean;
  readonly refusesGetAll?: boolean;
  readonly pausesAtEnd?: boolean;
  readonly claimsToPlayAtEnd?: boolean;
  /** It has what can't be fetched for so many milliseconds, then nothing; else it never has it. */
  readonly showsMissing?: number;
  readonly ignores?: readonly string[];
}

export interface ScriptedTrack {
  readonly url: string;
  readonly seconds: number | undefined;
  readonly title?: string;
  /** Where its picture is. */
  readonly art?: string;
}

/** A player on a message bus, which plays by its clock, and with the habits it is given. */
export class ScriptedMpris {
  defects: MprisDefects;
  /** Members that were called, in order, with their arguments. */
  readonly calls: string[] = [];
  /** How often it was asked for its properties, or one of them. */
  asked = 0;
  readonly missing = new Set<string>();
  readonly lengths = new Map<string, number | undefined>();
  /** Properties of the two interfaces that are other than usual. */
  root: Record<string, Value> = {};
  more: Record<string, Value> = {};
  /** The members that are refused next, by what error. */
  refusals = new Map<string, string>();
  /** Audacious, Strawberry: what it plays when it is told to, and does not show while it is stopped. */
  stoppedList: readonly ScriptedTrack[] = [];
  /** What it says of its methods; undefined: nothing. */
  introspection: string | undefined;
  isStalled = false;
  /** Members that it does not answer. */
  readonly silent = new Set<string>();
  status: string = 'Stopped';
  volume = 0.5;
  loop = 'None';
  private list: readonly ScriptedTrack[] = [];
  private at = 0;
  private place = 0;
  private since = 0;
  private shown = 'Stopped';
  private count = 0;
  private timer: Timer | undefined;
  private opening: Timer | undefined;
  private readonly peer: BusPeer;
  private readonly clock: Clock;

  constructor(peer: BusPeer, clock: Clock, defects: MprisDefects = {}) {
    [this.peer, this.clock, this.defects] = [peer, clock, defects];
    peer.answer((member, body) => this.answer(member, body));
  }

  get track(): ScriptedTrack | undefined {
    return this.list[this.at];
  }

  get position(): number {
    const passed = this.status === 'Playing' ? (this.clock.monotonic() - this.since) / 1000 : 0;
    return Math.min(this.place + passed, this.track?.seconds ?? Infinity);
  }

  /** Somebody at the machine plays that. */
  playList(list: readonly ScriptedTrack[], at = 0, status = 'Playing'): void {
    [this.list, this.at] = [list, at];
    this.begin(status);
  }

  play(): void {
    if (!this.track && this.stoppedList.length > 0) this.playList(this.stoppedList);
    else if (this.track && this.status !== 'Playing') this.setStatus('Playing', this.status === 'Stopped' ? 0 : this.position);
  }

  /** It plays, and goes on saying that it has stopped. */
  playSilently(): void {
    this.status = 'Playing';
    this.go(this.place);
  }

  pause(): void {
    if (this.status === 'Playing') this.setStatus('Paused', this.position);
  }

  stop(): void {
    this.opening?.cancel();
    this.setStatus('Stopped', 0);
  }

  seek(seconds: number): void {
    const { noSeeked, seekedInMilliseconds, seekedBefore } = this.defects;
    if (seekedBefore === undefined) this.go(seconds);
    else this.clock.after(seekedBefore, () => this.go(seconds));
    if (noSeeked) return;
    const unit = seekedInMilliseconds ? 1000 : MICRO;
    void this.peer.signal({ path: PATH, interface: PLAYER, member: 'Seeked', signature: 'x', body: [BigInt(Math.round(seconds * unit))] });
  }

  setVolume(volume: number): void {
    if (this.defects.ignoresVolume) return;
    this.volume = volume;
    if (!this.defects.volumeIsNotTold) this.tell('Volume');
  }

  /** Tells of properties that a test has changed by hand. */
  tell(...names: string[]): void {
    if (this.defects.noChanges) return;
    const all = this.properties();
    const values = Object.fromEntries(names.map((name) => [name, all[name]]));
    if (this.defects.onlyInvalidates) this.changed({}, names);
    else this.changed(values);
  }

  close(): void {
    this.timer?.cancel();
    this.opening?.cancel();
  }

  private changed(values: Record<string, unknown>, hidden: readonly string[] = []): void {
    void this.peer.signal({ path: PATH, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', signature: 'sa{sv}as', body: [PLAYER, values, hidden] });
  }

  private begin(status: string): void {
    this.count += 1;
    this.place = 0;
    this.tell('Metadata', 'CanGoNext', 'CanGoPrevious');
    this.setStatus(status, 0);
  }

  private setStatus(status: string, place: number): void {
    this.status = status;
    this.go(place);
    if (!this.defects.staleStatus || status === 'Stopped' || status === 'Paused' || this.shown === 'Paused') this.shown = status;
    this.tell('PlaybackStatus');
  }

  private go(place: number): void {
    [this.place, this.since] = [place, this.clock.monotonic()];
    this.timer?.cancel();
    const left = (this.track?.seconds ?? Infinity) - place;
    if (this.status === 'Playing' && left <= 0) this.end();
    else if (this.status === 'Playing' && left !== Infinity) this.timer = this.clock.after(left * 1000, () => this.end());
  }

  private end(): void {
    if (this.defects.claimsToPlayAtEnd) return;
    if (this.defects.pausesAtEnd) return this.setStatus('Paused', this.track?.seconds ?? 0);
    if (this.at + 1 < this.list.length) return this.playList(this.list, this.at + 1);
    this.setStatus('Stopped', 0);
    this.list = [];
    this.tell('Metadata');
  }

  private answer(member: string, body: readonly unknown[]): Answered | undefined {
    if (member === 'Ping') return { signature: '', body: [] };
    if (member === 'Introspect') return this.introspection === undefined ? { error: 'org.freedesktop.DBus.Error.UnknownMethod' } : { signature: 's', body: [this.introspection] };
    if (this.isStalled || this.silent.has(member)) return undefined;
    if (member === 'GetAll' || member === 'Get') this.asked += 1;
    if (member === 'GetAll') return this.all(String(body[0]));
    if (member === 'Get') return this.one(String(body[1]));
    this.calls.push([member, ...body.map(String)].join(' '));
    const refusal = this.refusals.get(member);
    this.refusals.delete(member);
    if (refusal) return { error: refusal };
    if (!(this.defects.ignores ?? []).includes(member)) this.take(member, body);
    return { signature: '', body: [] };
  }

  private take(member: string, body: readonly unknown[]): void {
    const [first, second, third] = body;
    const seconds = (value: unknown): number => Number(value) / MICRO;
    switch (member) {
      case 'OpenUri': return this.openSoon(String(first));
      case 'Play': return this.play();
      case 'Pause': return this.pause();
      case 'Stop': return this.stop();
      case 'Next': return this.at + 1 < this.list.length ? this.playList(this.list, this.at + 1) : undefined;
      case 'Previous': return this.at > 0 ? this.playList(this.list, this.at - 1) : undefined;
      case 'Seek': return this.defects.ignoresSeek ? undefined : this.seek(this.defects.seekIsAbsolute ? seconds(first) : this.position + seconds(first));
      case 'SetPosition': return this.defects.ignoresSetPosition || first !== this.trackId ? undefined : this.seek(seconds(second));
      case 'Set':
        if (second === 'Volume') this.setVolume(Number(valueOf(third)));
        if (second === 'LoopStatus') this.loop = String(valueOf(third));
    }
  }

  private openSoon(url: string): void {
    const { opensIn } = this.defects;
    this.opening?.cancel();
    if (opensIn === undefined) this.open(url);
    else this.opening = this.clock.after(opensIn, () => this.open(url));
  }

  private open(url: string): void {
    const { tellsEndLate } = this.defects;
    if (tellsEndLate !== undefined && this.status === 'Stopped') this.clock.after(tellsEndLate, () => this.changed({ Metadata: { signature: 'a{sv}', value: NOTHING } }));
    const staysPaused = this.defects.staysPaused === true && this.status === 'Paused';
    if (!this.missing.has(url)) return this.playList([{ url, seconds: this.lengths.get(url) }], 0, this.defects.onlyLoads || staysPaused ? 'Paused' : 'Playing');
    const { showsMissing } = this.defects;
    if (showsMissing === undefined) return this.stop();
    this.list = [{ url, seconds: undefined }];
    this.tell('Metadata');
    const drop = (): void => {
      this.list = [];
      this.tell('Metadata');
    };
    if (showsMissing === 0) drop();
    else this.clock.after(showsMissing, drop);
  }

  private get trackId(): string {
    return `/org/xpmn/track${this.count}`;
  }

  private all(of: string): Answered {
    if (this.defects.refusesGetAll && of === PLAYER) return { error: 'org.freedesktop.DBus.Error.Failed' };
    const usual = { Identity: { signature: 's', value: 'Scripted' }, DesktopEntry: { signature: 's', value: 'scripted' }, SupportedUriSchemes: { signature: 'as', value: ['http', 'file'] } };
    return { signature: 'a{sv}', body: [of === PLAYER ? this.properties() : { ...usual, ...this.root }] };
  }

  private one(name: string): Answered {
    const value = name === 'Position' ? this.positionValue() : this.properties()[name];
    return value ? { signature: 'v', body: [value] } : { error: 'org.freedesktop.DBus.Error.UnknownProperty' };
  }

  private positionValue(): Value | undefined {
    if (this.defects.noPosition) return undefined;
    return { signature: 'x', value: this.defects.alwaysAtZero ? 0n : BigInt(Math.round(this.position * MICRO)) };
  }

  private properties(): Record<string, Value> {
    const flag = (value: boolean): Value => ({ signature: 'b', value });
    return {
      PlaybackStatus: { signature: 's', value: this.shown },
      LoopStatus: { signature: 's', value: this.loop },
      Rate: { signature: 'd', value: 1 },
      Metadata: { signature: 'a{sv}', value: this.metadata() },
      ...(this.defects.noVolume ? {} : { Volume: { signature: 'd', value: this.volume } }),
      ...(this.defects.noPosition ? {} : { Position: this.positionValue() as Value }),
      CanControl: flag(true), CanPlay: flag(true), CanPause: flag(true), CanSeek: flag(true),
      CanGoNext: flag(this.at + 1 < this.list.length), CanGoPrevious: flag(this.at > 0),
      ...this.more,
    };
  }

  private metadata(): Record<string, Value> {
    const { track, defects } = this;
    if (!track) return NOTHING;
    const ids: Record<string, Record<string, Value>> = {
      none: {}, text: { 'mpris:trackid': { signature: 's', value: 'scripted:track:7' } }, stale: { 'mpris:trackid': { signature: 'o', value: '/org/xpmn/track0' } },
    };
    const micros = Math.round((track.seconds ?? 0) * MICRO);
    const lengths: Record<string, Value> = {
      int32: { signature: 'i', value: micros % 2 ** 31 }, double: { signature: 'd', value: micros }, uint64: { signature: 't', value: BigInt(micros) }, text: { signature: 's', value: String(micros) },
    };
    return {
      ...(ids[defects.trackId ?? ''] ?? { 'mpris:trackid': { signature: 'o', value: this.trackId } }),
      ...(track.seconds === undefined ? {} : { 'mpris:length': lengths[defects.length ?? ''] ?? { signature: 'x', value: BigInt(micros) } }),
      ...(defects.noUrl ? {} : { 'xesam:url': { signature: 's', value: track.url } }),
      'xesam:title': { signature: 's', value: track.title ?? track.url },
      'xesam:artist': defects.artist === 'text' ? { signature: 's', value: 'Mercutio' } : { signature: 'as', value: ['Mercutio'] },
      'mpris:artUrl': { signature: 's', value: track.art ?? 'file:///var/cache/covers/secret.jpg' },
    };
  }
}

const NOTHING: Record<string, Value> = { 'mpris:trackid': { signature: 'o', value: '/org/mpris/MediaPlayer2/TrackList/NoTrack' } };

/** A variant as the wire's library wraps it, or not. */
function valueOf(variant: unknown): unknown {
  return typeof variant === 'object' && variant !== null && 'value' in variant ? variant.value : variant;
}
