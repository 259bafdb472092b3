import type { XpmnError } from '../kernel/errors.ts';
import type { MediaItem } from '../model/media.ts';
import type { PlaybackState, PlaybackStatus, PlayingItem } from '../model/playback.ts';
import type { PlayerSnapshot } from '../ports/media-player.ts';
import { isLive, isTitleProblem } from './opened.ts';
import type { Opened } from './opened.ts';
import { currentTitle } from './play-list.ts';
import type { ListedTitle } from './play-list.ts';

/** What was closed: the player may show it for long, but it is nobody's any more. */
export interface Closed {
  readonly url: string | undefined;
  readonly problem: XpmnError | undefined;
}

export interface Seen {
  readonly opened: Opened | undefined;
  readonly closed: Closed | undefined;
  readonly snapshot: PlayerSnapshot;
  /** Names the picture of what the player shows; undefined: none, or not yet. */
  readonly cover: string | undefined;
  /** `Clock.monotonic`. */
  readonly now: number;
}

/** Playback as it is at this moment, from what was opened and what the player shows. */
export function statusOf(seen: Seen): PlaybackStatus {
  return seen.opened ? ourStatus(seen.opened, seen) : deviceStatus(seen);
}

export function itemOf(seen: Seen): PlayingItem | undefined {
  if (seen.opened) return ourItem(seen.opened, seen);
  const { media } = seen.snapshot;
  if (deviceState(seen) === 'idle' || !media) return undefined;
  const { title, artist, album, genre, track, duration } = media;
  return { item: { kind: 'item', id: 'current', parent: undefined, type: 'other', uid: undefined, title: title ?? '', artist, album, genre, track, cover: seen.cover, duration: known(duration) }, uri: undefined };
}

/** A title that was not looked for yet, as far as its list tells. */
export function listedItem({ uri, title, artist, duration }: ListedTitle, index: number): PlayingItem {
  const item: MediaItem = { kind: 'item', id: String(index), parent: undefined, type: 'other', uid: undefined, title: title ?? lastPart(uri), artist, duration };
  return { item, uri };
}

function ourItem({ list, media, isSeen }: Opened, { snapshot, cover }: Seen): PlayingItem {
  const title = currentTitle(list);
  if (!media) return listedItem(title, list.index);
  const shown = isSeen ? snapshot.media : undefined;
  const item = { ...media.item, cover: shown && cover, title: media.item.title || (title.title ?? lastPart(title.uri)), duration: media.item.duration ?? known(shown?.duration) };
  // A live source says by and by what it plays.
  return { item: isLive(media) && shown?.title !== undefined ? { ...item, title: shown.title, artist: shown.artist ?? item.artist } : item, uri: title.uri };
}

function ourStatus(opened: Opened, { snapshot, now }: Seen): PlaybackStatus {
  const { list, media, phase, startAt, isSeen, session, controller } = opened;
  const trouble = troubleOf(opened, snapshot);
  const state = trouble ? 'error' : ourState(opened, snapshot);
  const duration = media && isLive(media) ? undefined : known(isSeen ? snapshot.media?.duration : undefined) ?? known(media?.item.duration ?? currentTitle(list).duration);
  const isOn = phase === 'on' && state !== 'stopped';
  const position = startAt ?? (isOn ? positionOf(snapshot, now) : 0);
  const told = isSeen ? snapshot.abilities : { seek: true, pause: true };
  return {
    state, duration, position: clamp(position, duration), speed: isOn ? snapshot.speed : 1,
    index: list.index, count: list.titles.length, session, uri: currentTitle(list).uri, controller,
    seekable: media !== undefined && media.isSeekable && told.seek, pausable: media !== undefined && !isLive(media) && told.pause, error: trouble,
  };
}

function troubleOf({ phase, error }: Opened, { problem }: PlayerSnapshot): PlaybackStatus['error'] {
  if (phase === 'failed') return error;
  return problem && !isTitleProblem(problem) ? problem.code : undefined;
}

function ourState({ phase }: Opened, { state }: PlayerSnapshot): PlaybackState {
  if (phase === 'starting') return 'buffering';
  if (phase === 'failed') return 'error';
  if (phase !== 'on') return phase;
  return state === 'idle' ? 'stopped' : state;
}

function deviceStatus(seen: Seen): PlaybackStatus {
  const { snapshot, now } = seen;
  const state = deviceState(seen);
  const duration = state === 'idle' ? undefined : known(snapshot.media?.duration);
  const position = state === 'idle' ? undefined : state === 'stopped' ? 0 : positionOf(snapshot, now);
  const isThere = state !== 'idle' && state !== 'error';
  return {
    state, duration, position: clamp(position, duration), speed: isThere ? snapshot.speed : 1,
    index: undefined, count: undefined, session: undefined, uri: undefined, controller: undefined,
    seekable: isThere && snapshot.abilities.seek, pausable: isThere && snapshot.abilities.pause, error: state === 'error' ? snapshot.problem?.code : undefined,
  };
}

function deviceState({ closed, snapshot }: Seen): PlaybackState {
  const { state, media, problem } = snapshot;
  if (problem && problem.code !== closed?.problem?.code) return 'error';
  const isLeftover = closed !== undefined && (media?.url === undefined || media.url === closed.url);
  return state === 'stopped' && (isLeftover || !media) ? 'idle' : state;
}

/** Seconds from the start, at the time `now`. */
export function positionOf({ state, position, measured, speed }: PlayerSnapshot, now: number): number | undefined {
  return position === undefined || state !== 'playing' ? position : position + (speed * (now - measured)) / 1000;
}

function clamp(position: number | undefined, duration: number | undefined): number | undefined {
  return position === undefined ? undefined : Math.min(Math.max(0, position), duration ?? Infinity);
}

function known(duration: number | undefined): number | undefined {
  return duration !== undefined && Number.isFinite(duration) && duration > 0 ? duration : undefined;
}

/** The end of a URI's path, for people; nothing of a URI that has none. */
function lastPart(uri: string): string {
  const part = /^https?:\/\/[^?#]*\/([^/?#]+)/.exec(uri)?.[1] ?? '';
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
