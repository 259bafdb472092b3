import { ERROR_CODES, XpmnError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import type { PlayerMedia } from '../ports/player-feed.ts';
import type { PlayList } from './play-list.ts';

/**
 * How far the current title has come. `opened`: loaded. `starting`: it is to play, and the player does not show it yet. `on`: what
 * the player does counts. `stopped`: at its beginning, or where it will begin. `failed`: it can't be played.
 */
export type Phase = 'opened' | 'starting' | 'on' | 'stopped' | 'failed';

/** A list that was opened here, with its current title. Never changed: another state is another object. */
export interface Opened {
  readonly session: string;
  readonly controller: Jid;
  readonly list: PlayList;
  /** What the player was given; undefined while it is looked for, and where that failed. */
  readonly media: PlayerMedia | undefined;
  readonly phase: Phase;
  /** Seconds from the start: where it goes on as soon as it plays. */
  readonly startAt: number | undefined;
  /** The player has shown it. Until then it may still show what it had before. */
  readonly isSeen: boolean;
  readonly before: string | undefined;
  /** It has begun since it was told to play. */
  readonly hasBegun: boolean;
  /** What was wrong with the player before: not this title's fault. */
  readonly oldProblem: XpmnError | undefined;
  /** What the player was told that follows. */
  readonly following: PlayerMedia | undefined;
  /** Why it failed. */
  readonly error: ErrorCode | undefined;
  /** Titles in a row that have failed, this one included, since one was played to its end, or somebody wanted one. */
  readonly failures: number;
}

/** Nobody can go to another place of it, and it has no end. */
export function isLive({ isSeekable, size, item }: PlayerMedia): boolean {
  return !isSeekable && size === undefined && item.duration === undefined;
}

/** Whether it is about what was played, and another title may do; otherwise it is about the player. */
export function isTitleProblem({ code }: { readonly code: ErrorCode }): boolean {
  return code === 'origin-unreachable' || ERROR_CODES[code] !== 'unreachable';
}

/** Why a title's bytes have ended, if not with the title: the player shows no more than an end. */
export function brokenOff({ failure }: PlayerMedia): XpmnError | undefined {
  const error = failure?.();
  // What can't be reached is the title's device, not the player.
  return error && !isTitleProblem(error) ? new XpmnError('origin-unreachable', 'The bytes of the title do not come any more.', { cause: error }) : error;
}

/** The title can't be played; `startAt`: it was, up to there. */
export function failed(opened: Opened, { code }: { readonly code: ErrorCode }, startAt?: number): Opened {
  return { ...opened, phase: 'failed', error: code, startAt, failures: opened.failures + 1 };
}
