import { XpmnError } from '../kernel/errors.ts';
import type { PlaybackState, PlaybackStatus, PlayerCommand } from '../model/playback.ts';

export type PlaybackCommand = Exclude<PlayerCommand['name'], 'set'>;

/**
 * What a command comes to. `done`: it is so already. `begin`: from the start, or from the place that was noted. `note`: the
 * place counts once it is played. `go`: to another title. All else is what the device is told.
 */
export type PlaybackAction = 'done' | 'begin' | 'resume' | 'pause' | 'stop' | 'seek' | 'note' | 'go' | 'close';

type Row = Readonly<Partial<Record<PlaybackCommand, PlaybackAction>>>;

const OTHER = { next: 'go', previous: 'go', jump: 'go', close: 'close' } as const;

/**
 * States of playback x commands; what is missing is `unexpected-request`.
 *
 * ```
 *  idle -open-> opened -play-> buffering <-> playing <-> paused
 *                  ^              |  stop, end   |         |
 *                  +--- go -------+---> stopped <+---------+      error: from anywhere, and on with go, play, stop
 * ```
 */
export const PLAYBACK: Readonly<Record<PlaybackState, Row>> = {
  // It may have a list of its own that it does not show.
  idle: { play: 'begin', stop: 'done', close: 'done' },
  opened: { ...OTHER, play: 'begin', stop: 'stop', seek: 'note' },
  buffering: { ...OTHER, play: 'done', pause: 'pause', stop: 'stop', seek: 'seek' },
  playing: { ...OTHER, play: 'done', pause: 'pause', stop: 'stop', seek: 'seek' },
  paused: { ...OTHER, play: 'resume', pause: 'done', stop: 'stop', seek: 'seek' },
  // Where what it was told has been broken off, nobody knows whether it is so.
  stopped: { ...OTHER, play: 'begin', stop: 'stop', seek: 'note' },
  error: { ...OTHER, play: 'begin', stop: 'stop' },
};

/** Whether another title is to be heard at once: it is if this one was, or was to be. */
export const GOES_ON: Readonly<Record<PlaybackState, boolean>> = { idle: false, opened: false, buffering: true, playing: true, paused: false, stopped: false, error: true };

/** Why there is no such action; in the words of whoever has the player before him. */
const NOTHING: Readonly<Partial<Record<PlaybackCommand, string>>> = {
  pause: 'Nothing plays that could be paused.',
  seek: 'Nothing plays that has another place to go to.',
  next: 'Nothing was opened that has a next title.',
  previous: 'Nothing was opened that has a title before.',
};

/**
 * @throws XpmnError `unexpected-request` in a state where that makes no sense; `unreachable` where it is one because the player is away;
 * `not-pausable`, `not-seekable` where the item has no such thing
 */
export function decide({ state, pausable, seekable, error }: Pick<PlaybackStatus, 'state' | 'pausable' | 'seekable'> & Partial<Pick<PlaybackStatus, 'error'>>, command: PlaybackCommand): PlaybackAction {
  const action = PLAYBACK[state][command];
  if (action === undefined && error === 'unreachable') throw new XpmnError('unreachable', 'The player can\'t be reached.');
  if (action === undefined) throw new XpmnError('unexpected-request', NOTHING[command] ?? 'Nothing was opened here.');
  if (action === 'pause' && !pausable) throw new XpmnError('not-pausable', 'What plays can\'t be paused.');
  if ((action === 'seek' || action === 'note') && !seekable) throw new XpmnError('not-seekable', 'What plays has no other place to go to.');
  return action;
}
