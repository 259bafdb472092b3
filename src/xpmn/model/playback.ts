import type { ErrorCode } from '../kernel/errors.ts';
import type { Jid } from './jid.ts';
import type { MediaItem } from './media.ts';

/** States of Media Playback Control (WIRE §2.5). `opened`: the item is known and ready; nothing has been played of it. */
export type PlaybackState = 'idle' | 'opened' | 'buffering' | 'playing' | 'paused' | 'stopped' | 'error';

/** How playback was at one moment; nobody tells of plain progress, it follows from position and speed. */
export interface PlaybackStatus {
  readonly state: PlaybackState;
  /** Seconds from the start of the item at that moment; undefined where nobody knows. */
  readonly position: number | undefined;
  /** Seconds of the item; undefined of a live one, and where nobody knows. */
  readonly duration: number | undefined;
  /** Seconds of the item that pass in a second, while playing. */
  readonly speed: number;
  /** Place of the item in the list that was opened, from 0; undefined for what the device plays by itself. */
  readonly index: number | undefined;
  /** Items of that list. */
  readonly count: number | undefined;
  /** Names what was opened: each `open` gets another. Undefined for what the device plays by itself. */
  readonly session: string | undefined;
  /** As it was given to `open`. */
  readonly uri: string | undefined;
  /** Who opened it. */
  readonly controller: Jid | undefined;
  readonly seekable: boolean;
  readonly pausable: boolean;
  /** Why, in state `error`. */
  readonly error: ErrorCode | undefined;
}

/** An item of a list that is played, and the URI that names its bytes, where it has one. */
export interface PlayingItem {
  readonly item: MediaItem;
  readonly uri: string | undefined;
}

/** Where to go on: seconds from the start, seconds from here, or a hundredth of the whole (WIRE §2.5, R-P4). */
export type SeekTarget = { readonly position: number } | { readonly offset: number } | { readonly percent: number };

/** A variable of Media Rendering Control (WIRE §2.6). */
export type ControlVariable =
  /** A whole number, 0 to 100. */
  | { readonly name: 'volume'; readonly value: number }
  | { readonly name: 'mute'; readonly value: boolean };

export type ControlName = ControlVariable['name'];

/** What a controller can ask of a player, beside opening something. */
export type PlayerCommand =
  | { readonly name: 'play' | 'pause' | 'stop' | 'next' | 'previous' | 'close' }
  | { readonly name: 'seek'; readonly target: SeekTarget }
  | { readonly name: 'jump'; readonly index: number }
  | { readonly name: 'set'; readonly variable: ControlVariable };

/** A player as a controller elsewhere sees it. */
export interface PlayerView {
  /** Grows with each change. */
  readonly revision: number;
  readonly device: Jid;
  /** `lost`: it can't be reached now, and all else is the last that was known. */
  readonly reach: 'connecting' | 'there' | 'lost';
  /** Undefined until it has been heard. */
  readonly status: PlaybackStatus | undefined;
  /** When the status was heard, Unix ms: its position goes on from there. */
  readonly heard: number;
  readonly item: PlayingItem | undefined;
  /** Undefined where the device has none, or has not said. */
  readonly volume: number | undefined;
  readonly mute: boolean | undefined;
}

/** Seconds into the item at `now` (Unix ms), undefined where nobody knows: nobody tells of plain progress. */
export function positionAt({ status, heard }: Pick<PlayerView, 'status' | 'heard'>, now: number): number | undefined {
  if (status?.position === undefined || status.state !== 'playing') return status?.position;
  const position = Math.max(0, status.position + (status.speed * Math.max(0, now - heard)) / 1000);
  return status.duration === undefined ? position : Math.min(position, Math.max(status.duration, status.position));
}
