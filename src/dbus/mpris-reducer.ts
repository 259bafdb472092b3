import { isDeepStrictEqual } from 'node:util';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { STANDS_STILL, believed } from './mpris-belief.ts';
import type { Observation } from './mpris-belief.ts';
import { hasLoaded, lengthOf, placeBy } from './mpris-state.ts';
import type { Loaded, MprisState, Place } from './mpris-state.ts';

export interface Circumstances {
  /** What we have told it to do, since it last began to play; `play` if that was broken off. */
  readonly told: 'stop' | 'pause' | 'play' | undefined;
  /** The volume is being set by us. */
  readonly isVolumeOurs: boolean;
  /** Milliseconds. */
  readonly endTolerance: number;
}

export interface Reaction {
  readonly state: MprisState;
  /** URL of what has ended. */
  readonly ended: string | undefined;
}

type Following = Pick<MprisState, 'loaded' | 'problem'> & { readonly ended?: string };

/** Milliseconds of playing after which a position of 0 is none. */
const STUCK_AT_START = 3000;
/** Seconds from the end in which a player pauses that has come to it. */
const PAUSED_AT_END = 0.5;
/** Milliseconds of playing after which a position that is the same is one that stands still. */
const STUCK_AT_END = 1500;
/** Seconds within which what stops was not played at all. */
const NOT_PLAYED = 1;
/** Seconds in which a player may still name what it has, and by which it may err about its length. */
const SETTLING = 2;

/** What is known after a look. Pure. */
export function observe(before: MprisState, seen: Observation, circumstances: Circumstances): Reaction {
  const { position, now } = seen;
  const { reading, standing } = believed(before, seen);
  const expected = placeBy(before, now);
  const isPlaceless = saysNoPlace(before, { ...seen, reading });
  const place: Place = { position: reading.status === 'stopped' ? 0 : isPlaceless ? expected : position ?? expected, measured: now };
  const isStillMuted = circumstances.isVolumeOurs || reading.volume === 0 || reading.volume === undefined;
  const fixedVolume = before.fixedVolume === reading.volume ? before.fixedVolume : undefined;
  const next: MprisState = { ...before, reading, standing, place, isPlaceless, muted: isStillMuted ? before.muted : undefined, fixedVolume };
  const { ended, ...following } = follow(before, next, { ...circumstances, expected, isAsked: position !== undefined });
  return { state: { ...next, ...following }, ended };
}

/** COMPAT: players that say 0 whatever they play. One that still says it after seconds of the same title is one of them, until it says something else. */
function saysNoPlace({ reading: was, place, isPlaceless }: MprisState, { reading, position, now }: Observation): boolean {
  if (position === undefined || reading.status !== 'playing') return isPlaceless;
  const isStuck = place.position === 0 && now - place.measured >= STUCK_AT_START && isDeepStrictEqual(was.track, reading.track);
  return position === 0 && was.status === 'playing' && (isPlaceless || isStuck);
}

interface Facts extends Circumstances {
  /** Where it was to be by now, seconds. */
  readonly expected: number;
  readonly isAsked: boolean;
}

function follow(before: MprisState, next: MprisState, facts: Facts): Following {
  const { loaded, problem } = next;
  if (loaded?.phase === 'kept') return { loaded: keptBy(before, next, loaded), problem };
  if (loaded?.phase === 'begun') return next.reading.status === 'playing' && hasLoaded(next) ? { loaded: { ...loaded, phase: 'on' }, problem: undefined } : { loaded, problem };
  return loaded ? whilePlayed(before, next, loaded, facts) : { loaded, problem };
}

/** Somebody else plays something in its place, or plays just that. */
function keptBy(before: MprisState, { reading }: MprisState, loaded: Loaded): Loaded | undefined {
  const begins = reading.status === 'playing' && (before.reading.status !== 'playing' || before.reading.track.url !== reading.track.url);
  if (!begins) return loaded;
  return reading.track.url !== undefined && hasLoaded({ reading, loaded }) ? { ...loaded, phase: 'on' } : undefined;
}

function whilePlayed(before: MprisState, next: MprisState, loaded: Loaded, facts: Facts): Following {
  const { url } = loaded.media;
  const kept: Loaded = { ...loaded, phase: 'kept' };
  const { problem } = next;
  if (isReplaced(before, next, facts)) return isNearEnd(before, facts) ? { loaded: undefined, problem, ended: url } : { loaded: undefined, problem };
  if (next.reading.status === 'stopped') {
    if (facts.told === 'stop') return { loaded: kept, problem };
    if (hasEnded(before, loaded, facts)) return { loaded: kept, problem, ended: url };
    return { loaded: kept, problem: facts.expected < NOT_PLAYED ? new XpmnError('origin-unreachable', 'The player could not play it.') : problem };
  }
  return standsAtEnd(before, next, facts) ? { loaded: kept, problem, ended: url } : { loaded, problem };
}

/** COMPAT: of a player that names no addresses, only another track or another length tells. */
function isReplaced(before: MprisState, next: MprisState, { expected }: Facts): boolean {
  if (!hasLoaded(next)) return true;
  const [was, is] = [before.reading.track, next.reading.track];
  if (is.url !== undefined || was.url !== undefined) return false;
  if (was.id !== undefined && is.id !== undefined && was.id !== is.id && expected >= SETTLING) return true;
  const differs = (length: number | undefined): boolean => Math.abs((length ?? NaN) - (next.loaded?.media.item.duration ?? NaN)) > SETTLING;
  return differs(is.duration) && !differs(was.duration);
}

function isNearEnd(state: MprisState, { expected, endTolerance }: Facts): boolean {
  const length = lengthOf(state);
  return length !== undefined && expected >= length - Math.min(endTolerance / 1000, length / 2);
}

/** Whoever stops something of unknown length can't be told from its end, and a list is to go on; what is live has none. */
function hasEnded(before: MprisState, { media }: Loaded, facts: Facts): boolean {
  return isNearEnd(before, facts) || (lengthOf(before) === undefined && media.isSeekable && facts.expected >= NOT_PLAYED);
}

/** COMPAT: players that pause at the end (mpv with `keep-open`), or still claim to play. */
function standsAtEnd(before: MprisState, next: MprisState, { told, isAsked, endTolerance }: Facts): boolean {
  const length = lengthOf(next);
  if (length === undefined || !isAsked || next.isPlaceless) return false;
  const { position, measured } = next.place;
  if (next.reading.status === 'paused') return told !== 'pause' && before.reading.status === 'playing' && position >= length - Math.min(PAUSED_AT_END, length / 2);
  const stood = before.reading.status === 'playing' && Math.abs(position - before.place.position) < STANDS_STILL && measured - before.place.measured >= STUCK_AT_END;
  return stood && position >= length - Math.min(endTolerance / 1000, length / 2);
}
