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
  idle: { stop: 'done', close: 'done' },
  opened: { ...OTHER, play: 'begin', stop: 'stop', seek: 'note' },
  buffering: { ...OTHER, play: 'done', pause: 'pause', stop: 'stop', seek: 'seek' },
  playing: { ...OTHER, play: 'done', pause: 'pause', stop: 'stop', seek: 'seek' },
  paused: { ...OTHER, play: 'resume', pause: 'done', stop: 'stop', seek: 'seek' },
  stopped: { ...OTHER, play: 'begin', stop: 'done', seek: 'note' },
  error: { ...OTHER, play: 'begin', stop: 'stop' },
};

/** Whether another title is to be heard at once: it is if this one was, or was to be. */
export const GOES_ON: Readonly<Record<PlaybackState, boolean>> = { idle: false, opened: false, buffering: true, playing: true, paused: false, stopped: false, error: true };

/** @throws XpmnError `unexpected-request` in a state where that makes no sense; `not-pausable`, `not-seekable` where the item has no such thing */
export function decide({ state, pausable, seekable }: Pick<PlaybackStatus, 'state' | 'pausable' | 'seekable'>, command: PlaybackCommand): PlaybackAction {
  const action = PLAYBACK[state][command];
  if (action === undefined) throw new XpmnError('unexpected-request', `That is not possible now: the player is ${state}.`);
  if (action === 'pause' && !pausable) throw new XpmnError('not-pausable', 'That can\'t be paused.');
  if ((action === 'seek' || action === 'note') && !seekable) throw new XpmnError('not-seekable', 'One can\'t go to another place of that.');
  return action;
}
