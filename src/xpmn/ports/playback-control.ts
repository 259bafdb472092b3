import type { EventEmitter } from 'node:events';
import type { Jid } from '../model/jid.ts';
import type { Picture } from '../model/picture.ts';
import type { ControlName, ControlVariable, PlaybackStatus, PlayingItem, SeekTarget } from '../model/playback.ts';

export interface OpenRequest {
  /** What to play, in this order: items and playlists, by URI. At least one. */
  readonly uris: readonly string[];
  /** Whether it plays at once. */
  readonly autoplay: boolean;
  /** Seconds from the start of the first. */
  readonly position?: number | undefined;
}

export interface OpenedList {
  readonly session: string;
  readonly seekable: boolean;
  readonly pausable: boolean;
  /** All that the list has, or the first ones; the current one's metadata come by event, too. */
  readonly items: readonly PlayingItem[];
}

export interface PlaybackCall {
  /** Who asks, as it has proven itself. */
  readonly by: Jid;
  readonly signal: AbortSignal;
}

export interface PlaybackEvents {
  /** State, item or position (by a jump) have changed; never for plain progress. */
  status: [status: PlaybackStatus];
  /** Another item, or more is known of it; undefined: there is none. */
  item: [item: PlayingItem | undefined];
  variable: [variable: ControlVariable];
}

/**
 * A player as the profiles see it: a list of items, played one after another, on a device that others may use at the same time.
 * Commands are done one after another; the newest `open` wins over what is under way. They reject with:
 *
 * - `unexpected-request`: not in this state (WIRE §2.5); `next` and `previous` past an end.
 * - `not-seekable`, `not-pausable`, `unsupported-type`, `origin-unreachable`, `not-found`, `not-acceptable` (a position outside the item), `bad-request`.
 * - `unreachable`, `timeout` where the device does not answer.
 *
 * `play` while playing, `pause` while paused and `stop` while stopped are done, without an event; but `stop` takes back a place that was noted.
 */
export interface PlaybackControl extends Pick<EventEmitter<PlaybackEvents>, 'on' | 'off' | 'once'> {
  /** As of now: the position is that of this moment. */
  readonly status: PlaybackStatus;
  readonly item: PlayingItem | undefined;
  /** What an item of this player names as its `cover`, while it plays that, and for a while after. */
  picture(uri: string): Picture | undefined;
  /** Those that this device has, with their values as far as they are known. */
  readonly variables: readonly ControlVariable[];
  /** Names of the variables that this device has. */
  readonly controls: readonly ControlName[];
  open(request: OpenRequest, call: PlaybackCall): Promise<OpenedList>;
  play(call: PlaybackCall): Promise<void>;
  pause(call: PlaybackCall): Promise<void>;
  stop(call: PlaybackCall): Promise<void>;
  seek(target: SeekTarget, call: PlaybackCall): Promise<void>;
  next(call: PlaybackCall): Promise<void>;
  previous(call: PlaybackCall): Promise<void>;
  /** To an item of the list, by its place from 0. */
  jump(index: number, call: PlaybackCall): Promise<void>;
  /** Ends it, and forgets the list. */
  close(call: PlaybackCall): Promise<void>;
  /** All or none. @throws XpmnError `not-found` for a variable that this device does not have */
  setVariables(variables: readonly ControlVariable[], call: PlaybackCall): Promise<void>;
}
