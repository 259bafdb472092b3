import { isSameUrl } from '../mapping/mpris.ts';
import type { MprisReading, MprisTrack } from '../mapping/mpris.ts';
import type { XpmnError } from '../xpmn/kernel/errors.ts';
import type { CurrentMedia, PlayerAbilities, PlayerSnapshot, PlayerState } from '../xpmn/ports/media-player.ts';
import { pictureName } from '../xpmn/model/picture.ts';
import type { PlayerMedia } from '../xpmn/ports/player-feed.ts';

/**
 * What was loaded, and how far it has come:
 *
 * ```
 *   load ──▶ kept ──play──▶ begun ──it plays──▶ on
 *             ▲               │                  │
 *             └──it failed────┴──stopped, ended──┘       replaced by somebody: forgotten
 * ```
 */
export interface Loaded {
  readonly media: PlayerMedia;
  /** `kept`: not given to the player, or not any more; `begun`: given; `on`: it was seen to play it. */
  readonly phase: 'kept' | 'begun' | 'on';
}

/** A place in what is played, at a moment of `Clock.monotonic`. */
export interface Place {
  readonly position: number;
  readonly measured: number;
}

/** All that is known of a player. */
export interface MprisState {
  /** What it says, but for what is not so. */
  readonly reading: MprisReading;
  /** Where it was when it was last looked whether it gets on though it says that it has stopped; undefined: it does not say so, or has nothing. */
  readonly standing: Place | undefined;
  /** Where it was when it was last asked. */
  readonly place: Place;
  /** It always says 0. */
  readonly isPlaceless: boolean;
  readonly loaded: Loaded | undefined;
  /** What the volume was before we turned it to 0, as MPRIS has no mute. */
  readonly muted: number | undefined;
  /** What volume it says, and does not change when it is told to; undefined: it was never seen to. */
  readonly fixedVolume: number | undefined;
  readonly problem: XpmnError | undefined;
}

/** Where a player is by now. */
export function placeBy({ reading, place }: Pick<MprisState, 'reading' | 'place'>, now: number): number {
  const passed = reading.status === 'playing' ? ((now - place.measured) * reading.rate) / 1000 : 0;
  return Math.min(place.position + passed, Math.max(place.position, reading.track.duration ?? Infinity));
}

/** Whether the player has what was loaded. One that tells no addresses is believed to. */
export function hasLoaded({ reading: { track }, loaded }: Pick<MprisState, 'reading' | 'loaded'>): boolean {
  return loaded !== undefined && (track.url === undefined ? loaded.phase !== 'kept' : isSameUrl(track.url, loaded.media.url));
}

/** Whether it has anything. Not by an id: that of mpv that has nothing is `/noplaylist`. */
export function hasTrack({ url, title, artist, album, duration }: MprisTrack): boolean {
  return [url, title, artist, album, duration].some((one) => one !== undefined);
}

/** Characters of an address, from its beginning and its end, that tell it from another one as long: `data:` may be megabytes, and is looked at for each change. */
const TELLING = 4096;

/** COMPAT: some write each title's to the same place, so the title counts, too. */
export function pictureOf({ art, url, title, album }: MprisTrack): string | undefined {
  if (art === undefined) return undefined;
  return pictureName(art.slice(0, TELLING), art.slice(-TELLING), String(art.length), url, title, album);
}

/** Whether it has a volume that can be set. COMPAT: browsers say 1.0, and do nothing with any other. */
export function knowsVolume({ reading: { volume }, fixedVolume }: Pick<MprisState, 'reading' | 'fixedVolume'>): boolean {
  return volume !== undefined && volume !== fixedVolume;
}

/** Seconds. */
export function lengthOf({ reading: { track }, loaded }: Pick<MprisState, 'reading' | 'loaded'>): number | undefined {
  return loaded?.phase === 'kept' ? loaded.media.item.duration : track.duration ?? loaded?.media.item.duration;
}

export function snapshotOf(state: MprisState): PlayerSnapshot {
  const { reading, place, isPlaceless, muted, problem } = state;
  const hasVolume = knowsVolume(state);
  const shown = shownState(state);
  return {
    state: shown,
    media: mediaOf(state, shown),
    position: shown === 'idle' || (isPlaceless && shown !== 'stopped') ? undefined : shown === 'stopped' || shown === 'buffering' ? 0 : place.position,
    measured: place.measured,
    speed: reading.rate,
    abilities: abilitiesOf(state),
    volume: hasVolume ? muted ?? reading.volume : undefined,
    mute: hasVolume ? muted !== undefined : undefined,
    problem,
  };
}

function shownState({ reading: { status, track }, loaded }: MprisState): PlayerState {
  if (loaded?.phase === 'kept') return 'stopped';
  if (loaded?.phase === 'begun') return 'buffering';
  if (status !== 'stopped') return status;
  return hasTrack(track) ? 'stopped' : 'idle';
}

function mediaOf({ reading: { track }, loaded }: MprisState, shown: PlayerState): CurrentMedia | undefined {
  const { url, title, artist, album, genre, track: number, duration } = track;
  const picture = pictureOf(track);
  if (loaded) {
    // What the library says of it is better than what the player makes of our URL.
    const { item, url: ours } = loaded.media;
    const length = loaded.phase === 'on' ? duration ?? item.duration : item.duration;
    return { url: ours, title: item.title, artist: item.artist, album: item.album, genre: item.genre, track: item.track, duration: length, picture: loaded.phase === 'on' ? picture : undefined };
  }
  return shown === 'idle' ? undefined : { url, title, artist, album, genre, track: number, duration, picture };
}

/** What was loaded and does not play yet can do what it looks like; what plays, what the player says. */
function abilitiesOf(state: MprisState): PlayerAbilities {
  const { reading, loaded } = state;
  const isWaiting = loaded !== undefined && loaded.phase !== 'on';
  const volume = reading.canControl && knowsVolume(state);
  return {
    seek: isWaiting ? reading.canControl && loaded.media.isSeekable : reading.canSeek,
    pause: isWaiting ? reading.canControl : reading.canPause,
    next: !isWaiting && reading.canGoNext,
    previous: !isWaiting && reading.canGoPrevious,
    volume,
    mute: volume,
  };
}
