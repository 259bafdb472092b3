import type { XpmnError } from '../kernel/errors.ts';
import type { PlayerSnapshot, PlayerState } from '../ports/media-player.ts';
import { brokenOff, isTitleProblem } from './opened.ts';
import type { Opened } from './opened.ts';

/**
 * What news of the player mean for what was opened. `taken`: somebody else plays something there. `failed`: it can't play the title, or its bytes broke off (`problem`).
 * `followed`: it went on by itself, though the title before may have broken off (`problem`). `begun`: it plays; where there is a place to begin at, that is to be gone to now.
 */
export interface Judgement {
  readonly opened: Opened;
  readonly effect: 'none' | 'taken' | 'failed' | 'followed' | 'begun';
  readonly problem?: XpmnError | undefined;
}

export const ACTIVE: Readonly<Record<PlayerState, boolean>> = { idle: false, stopped: false, buffering: true, playing: true, paused: true };

/** `isHalting`: it was told to stop. */
export function judge(opened: Opened, snapshot: PlayerSnapshot, isHalting = false): Judgement {
  const url = snapshot.media?.url;
  const { media, following } = opened;
  if (following && url === following.url && url !== media?.url) return followed(opened, media && brokenOff(media));
  if (url !== undefined && url !== media?.url) return { opened, effect: isTaken(opened, snapshot, url) ? 'taken' : 'none' };
  const isSeen = opened.isSeen || url !== undefined || ACTIVE[snapshot.state];
  const seen = isSeen === opened.isSeen ? opened : { ...opened, isSeen };
  const problem = problemOf(seen, snapshot, isHalting);
  return problem ? { opened: seen, effect: 'failed', problem } : progress(seen, snapshot.state);
}

/** A player that is told something else may show what it had for a while. What is not played may be a leftover, but in the place of what was. */
function isTaken({ isSeen, before, phase }: Opened, { state }: PlayerSnapshot, url: string): boolean {
  if (!isSeen && url === before) return false;
  return ACTIVE[state] || (phase === 'on' && isSeen && state === 'stopped');
}

function followed(opened: Opened, problem: XpmnError | undefined): Judgement {
  const { list, following } = opened;
  const failures = problem ? opened.failures + 1 : 0;
  const next: Opened = { ...opened, list: { ...list, index: list.index + 1 }, media: following, following: undefined, phase: 'on', startAt: undefined, isSeen: true, error: undefined, failures };
  return { opened: next, effect: 'followed', problem };
}

function problemOf({ phase, media, oldProblem }: Opened, { problem, state }: PlayerSnapshot, isHalting: boolean): XpmnError | undefined {
  if (!media || phase === 'failed' || phase === 'stopped') return undefined;
  if (problem && problem.code !== oldProblem?.code && isTitleProblem(problem)) return problem;
  return phase === 'on' && !ACTIVE[state] && !isHalting ? brokenOff(media) : undefined;
}

/** What the player does with our title. */
function progress(opened: Opened, state: PlayerState): Judgement {
  const { phase, media, hasBegun } = opened;
  if (!media) return { opened, effect: 'none' };
  const on = { opened: { ...opened, phase: 'on', error: undefined }, effect: 'none' } as const;
  // It goes on by itself after all, where it is.
  if (state === 'playing' && phase === 'failed') return { ...on, opened: { ...on.opened, startAt: undefined }, effect: 'begun' };
  if (state === 'playing') return phase === 'on' && opened.startAt === undefined ? { opened, effect: 'none' } : { ...on, effect: 'begun' };
  if (phase === 'on') return { opened, effect: 'none' };
  if (phase === 'starting') {
    // STOPPED comes before the beginning, too; afterwards somebody has stopped it.
    if (state === 'buffering') return { opened: { ...opened, hasBegun: true }, effect: 'none' };
    return state === 'paused' || hasBegun ? on : { opened, effect: 'none' };
  }
  // It was given up while it gathered bytes, and still does: only what it does anew counts.
  if (phase === 'failed' && hasBegun) return { opened: { ...opened, hasBegun: state === 'buffering' }, effect: 'none' };
  return state === 'buffering' ? { opened: { ...opened, phase: 'starting', hasBegun: true, error: undefined }, effect: 'none' } : { opened, effect: 'none' };
}
