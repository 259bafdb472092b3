import type { CurrentMedia as DeviceMedia, TransportFacts, TransportPhase } from '../mapping/transport-facts.ts';
import type { XpmnError } from '../xpmn/kernel/errors.ts';
import { pictureName } from '../xpmn/model/picture.ts';
import type { CurrentMedia, PlayerAbilities, PlayerSnapshot, PlayerState } from '../xpmn/ports/media-player.ts';
import type { PlayerMedia } from '../xpmn/ports/player-feed.ts';

/** What is known of a renderer. Decided here alone, from what events and answers say, and from time; nothing is asked here. */
export interface RendererState {
  readonly phase: TransportPhase;
  /** What it says was set, and what it is at; `''` where it has none, or says nothing. */
  readonly uri: string;
  readonly trackUri: string;
  /** What was loaded here, as long as nobody has put something else in its place. */
  readonly own: PlayerMedia | undefined;
  /** `own` is not set yet: it would play. */
  readonly isKept: boolean;
  /** What it was told to go on with. */
  readonly following: PlayerMedia | undefined;
  /** What was there before `own`: its last events may still come, until `staleUntil`. */
  readonly staleUri: string;
  readonly staleUntil: number;
  readonly media: DeviceMedia | undefined;
  readonly duration: number | undefined;
  readonly position: number | undefined;
  /** Of the position; monotonic milliseconds. */
  readonly measured: number;
  readonly speed: number;
  readonly actions: ReadonlySet<string> | undefined;
  readonly tracks: number;
  readonly volume: number | undefined;
  readonly mute: boolean | undefined;
  /** `own` has been heard: only then can it come to an end. */
  readonly wasHeard: boolean;
  /** We have stopped it: that is no end. */
  readonly isStopped: boolean;
  /** It was told to play: until then, that it does not is taken for old news. */
  readonly expectedUntil: number | undefined;
  /** It is at its end whatever it says: that it plays counts again when it has said something else. */
  readonly isOver: boolean;
  /** When and where it began, or went on, to play, as it says; undefined once its position has been seen to go on since. */
  readonly began: { readonly at: number; readonly position: number } | undefined;
  /** Where it was when it stopped, or was given something else; undefined since it was told to go somewhere. */
  readonly left: number | undefined;
  /** It says that it plays, and stands still: at which second. */
  readonly stalledAt: number | undefined;
  /** It could not play what it has. */
  readonly failure: XpmnError | undefined;
  /** It can't be reached. */
  readonly lost: XpmnError | undefined;
}

export function initialState(now: number): RendererState {
  return {
    phase: 'idle', uri: '', trackUri: '', own: undefined, isKept: false, following: undefined, staleUri: '', staleUntil: now, media: undefined, duration: undefined, position: undefined, measured: now,
    speed: 1, actions: undefined, tracks: 0, volume: undefined, mute: undefined, wasHeard: false, isStopped: false, expectedUntil: undefined,
    isOver: false, began: undefined, left: undefined, stalledAt: undefined, failure: undefined, lost: undefined,
  };
}

/** `media` has been set. */
export function afterLoad(state: RendererState, media: PlayerMedia, now: number, stale: number): RendererState {
  return {
    ...initialState(now), phase: 'stopped', uri: media.url, own: media, position: 0, staleUri: currentUri(state), staleUntil: now + stale,
    left: state.wasHeard ? positionAt(state, now) : state.left, volume: state.volume, mute: state.mute, lost: state.lost,
  };
}

/** `media` is to be set when it is to play. */
export function afterKeep(state: RendererState, media: PlayerMedia, now: number, stale: number): RendererState {
  return { ...afterLoad(state, media, now, stale), uri: state.uri, trackUri: state.trackUri, isKept: true };
}

/** It has been told to play, and may not have said that it does; `patience`: milliseconds until that means something. */
export function afterPlay(state: RendererState, now: number, patience: number): RendererState {
  const isPlaying = state.phase === 'playing';
  return { ...at(state, now), phase: isPlaying ? 'playing' : 'buffering', expectedUntil: isPlaying ? undefined : now + patience, isStopped: false, isOver: false, failure: undefined };
}

/** It is about to be told to stop. */
export function beforeStop(state: RendererState): RendererState {
  return { ...state, isStopped: true, expectedUntil: undefined };
}

export function afterSeek(state: RendererState, position: number, now: number): RendererState {
  return { ...state, position, measured: now, isOver: false, left: undefined, began: state.began && { at: now, position } };
}

/** What was loaded is at its end, though the device does not say so. */
export function afterEnd(state: RendererState, now: number): RendererState {
  return { ...state, phase: 'stopped', position: 0, measured: now, isOver: true, wasHeard: false };
}

/** It says that it plays, and its position stands still at `position`: it does not play yet. */
export function afterStall(state: RendererState, position: number, now: number, failure: XpmnError | undefined): RendererState {
  return { ...at(state, now), phase: 'buffering', stalledAt: position, failure: failure ?? state.failure };
}

export interface FactsOptions {
  /** Seconds by which the device's own position may differ from what is taken for true: most tell whole seconds. */
  readonly slack: number;
  /** Milliseconds of a title within which that it has stopped is no one's wish: nobody is as quick. */
  readonly falseStart: number;
  /** Milliseconds after which one that still says that it is where it began may only not know where it is. */
  readonly startPatience: number;
  /** Milliseconds until it is looked whether that stays so. */
  readonly settle: number;
  readonly failure: () => XpmnError;
}

/** `state` with what was said at `now`. */
export function withFacts(known: RendererState, said: TransportFacts, now: number, options: FactsOptions): RendererState {
  const [state, facts] = known.own && known.isKept ? whileKept(known, said, now) : [known, said];
  const placed = withUris(state, facts, now);
  const phased = withPhase(placed, facts, now, options);
  const told: RendererState = {
    ...phased,
    media: facts.media ?? phased.media, duration: facts.duration ?? facts.media?.duration ?? phased.duration,
    failure: failureOf(placed, phased, facts) ? (phased.failure ?? options.failure()) : phased.phase === 'playing' ? undefined : phased.failure,
    speed: facts.speed ?? phased.speed, tracks: facts.tracks ?? phased.tracks,
    actions: facts.actions === 'unknown' ? undefined : (facts.actions ?? phased.actions),
  };
  return facts.position === undefined ? told : withPosition(told, facts.position, now, options.slack);
}

/** What plays then is something else, unless it is the last word of what was there before. */
function whileKept(state: RendererState, facts: TransportFacts, now: number): readonly [RendererState, TransportFacts] {
  const { phase, ...rest } = facts;
  if (phase !== 'playing' && phase !== 'buffering') return [state, facts];
  return now < state.staleUntil ? [state, rest] : [{ ...fresh(state, now), own: undefined, isKept: false }, facts];
}

/** It says so; or it was told to play, and was never heard. */
function failureOf(before: RendererState, after: RendererState, { hasFailed }: TransportFacts): boolean {
  const isSilent = after.phase === 'stopped' || after.phase === 'idle';
  return isSilent && (hasFailed === true || (before.expectedUntil !== undefined && before.phase === 'buffering' && !before.wasHeard));
}

/** Whose item it is at, and whether that is another one now. */
function withUris(state: RendererState, facts: TransportFacts, now: number): RendererState {
  const isStale = (uri: string): boolean => uri !== '' && now < state.staleUntil && sameUri(uri, state.staleUri) && !sameUri(uri, state.own?.url);
  const [uri, trackUri] = [facts.uri ?? state.uri, facts.trackUri ?? state.trackUri].map((one, i) => (isStale(one) ? [state.uri, state.trackUri][i] as string : one)) as [string, string];
  const next: RendererState = { ...state, uri, trackUri };
  const { own, following } = state;
  if (following && (sameUri(facts.uri, following.url) || sameUri(facts.trackUri, following.url))) {
    return { ...fresh(next, now), own: following, wasHeard: false, isOver: false };
  }
  if (own && uri !== '' && uri !== state.uri && !sameUri(uri, own.url)) return { ...fresh(next, now), own: undefined, wasHeard: false, isOver: false, expectedUntil: undefined };
  const isAnother = !sameUri(currentUri(next), currentUri(state)) && !sameUri(currentUri(next), own?.url) && currentUri(next) !== '';
  return isAnother && !own ? fresh(next, now) : next;
}

/** Another item: what was known of the one before does not hold. */
function fresh(state: RendererState, now: number): RendererState {
  const position = state.phase === 'playing' || state.phase === 'buffering' ? 0 : undefined;
  return { ...state, following: undefined, media: undefined, duration: undefined, position, measured: now, failure: undefined };
}

function withPhase(state: RendererState, { phase, hasFailed, position }: TransportFacts, now: number, options: FactsOptions): RendererState {
  if (phase === 'playing' && state.stalledAt !== undefined && !hasMoved(state.stalledAt, position)) return state;
  if (phase === undefined || phase === state.phase) return phase === 'playing' && !state.wasHeard ? { ...state, wasHeard: true } : state;
  const isOn = phase === 'playing' || phase === 'buffering';
  const isSilent = phase === 'stopped' || phase === 'idle';
  if (state.isOver && isOn) return state;
  // COMPAT: that it has stopped for what was set is told late by some, after it was told to play.
  if (isSilent && state.expectedUntil !== undefined && now < state.expectedUntil && hasFailed !== true) return state;
  const here = at(state, now);
  if (isSilent && hasFailed !== true && isFalseStart(state, now, options)) return { ...here, phase: 'buffering', wasHeard: false, stalledAt: undefined, began: undefined, expectedUntil: now + options.settle };
  const wasOn = state.phase === 'playing' || state.phase === 'buffering';
  return {
    ...here, phase, isOver: false,
    position: isSilent ? (phase === 'idle' && !state.own ? undefined : 0) : state.stalledAt === undefined ? here.position : (position ?? here.position),
    wasHeard: phase === 'playing' || (state.wasHeard && !isSilent),
    isStopped: isOn && !wasOn ? false : state.isStopped,
    stalledAt: undefined,
    left: isSilent && state.wasHeard ? here.position : state.left,
    began: phase === 'playing' && state.own ? { at: now, position: here.position ?? 0 } : undefined,
    expectedUntil: phase === 'buffering' ? state.expectedUntil : undefined,
    ...(phase === 'idle' && !state.own ? { media: undefined, duration: undefined } : {}),
  };
}

/**
 * COMPAT: some say that they play before they have opened what they were given, and that they have stopped when they can't. It is as if they had just
 * been told to play: whether they do is looked at.
 */
function isFalseStart(state: RendererState, now: number, { falseStart, startPatience }: FactsOptions): boolean {
  const { own, wasHeard, isStopped, began, stalledAt } = state;
  const isBeginning = began !== undefined && now < began.at + startPatience;
  if (!own || !wasHeard || isStopped || (!isBeginning && stalledAt === undefined)) return false;
  const [played, duration] = [positionAt(state, now) ?? 0, durationOf(state) ?? Infinity];
  const margin = falseStart / 1000;
  return (stalledAt !== undefined || played < margin) && duration - played > margin;
}

/** A position of the device counts where it can't be what we think: else nothing would ever be still. */
function withPosition(state: RendererState, position: number, now: number, slack: number): RendererState {
  if (state.phase === 'stopped' || state.phase === 'idle') return state;
  if (isLeftover(state, position, now, slack)) return state;
  const expected = positionAt(state, now);
  const began = state.began && position <= state.began.position + 1 ? { ...state.began, position: Math.min(state.began.position, position) } : undefined;
  const isRight = expected !== undefined && expected >= position - slack && expected <= position + (Number.isInteger(position) ? 1 : 0) + slack;
  return isRight ? { ...state, began } : { ...state, began, position, measured: now };
}

/** COMPAT: until they have opened a title, some tell where they were in the one before. */
function isLeftover({ began, left }: RendererState, position: number, now: number, slack: number): boolean {
  return began !== undefined && left !== undefined && Math.abs(position - left) <= 2 && position > began.position + (now - began.at) / 1000 + 1 + slack;
}

/** Most tell whole seconds, and some begin to count at 1. */
function hasMoved(from: number, to: number | undefined): boolean {
  return to !== undefined && Math.abs(to - from) > 1;
}

/** The same, with the position of `now`. */
function at(state: RendererState, now: number): RendererState {
  return { ...state, position: positionAt(state, now), measured: now };
}

/** Seconds; undefined where nobody knows. */
export function positionAt(state: RendererState, now: number): number | undefined {
  const { phase, position, measured, speed } = state;
  if (position === undefined || phase !== 'playing') return position;
  return Math.max(0, Math.min(position + (speed * (now - measured)) / 1000, durationOf(state) ?? Infinity));
}

/** Seconds; what the library says is better than what the device has guessed. */
export function durationOf({ own, duration }: RendererState): number | undefined {
  return own?.item.duration ?? duration;
}

/** The URL of `own` if it has ended between the two: it was heard, was not stopped, and could have come to its end. */
export function endedBetween(before: RendererState, after: RendererState, now: number, margin: number): string | undefined {
  const { own, wasHeard, phase } = before;
  const wasOn = phase === 'playing' || phase === 'buffering';
  const isSilent = after.phase === 'stopped' || after.phase === 'idle';
  if (!own || !wasHeard || !wasOn || !isSilent || after.own !== own || before.isStopped || after.failure) return undefined;
  return isNearEnd(before, now, margin) ? own.url : undefined;
}

/** Also where nobody can tell. */
export function isNearEnd(state: RendererState, now: number, margin: number): boolean {
  const [position, duration] = [positionAt(state, now), durationOf(state)];
  return position === undefined || duration === undefined || duration - position <= margin;
}

function currentUri({ uri, trackUri }: RendererState): string {
  return trackUri === '' ? uri : trackUri;
}

/** COMPAT: devices write URLs otherwise than they were given them. */
function sameUri(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined || one === '' || other === '') return false;
  return one === other || normalised(one) === normalised(other);
}

function normalised(uri: string): string {
  try {
    return decodeURI(new URL(uri).href);
  } catch {
    return uri;
  }
}

/** As players are seen. */
export function snapshotOf(state: RendererState, abilities: PlayerAbilities): PlayerSnapshot {
  return {
    state: stateOf(state), media: currentMedia(state), position: state.position, measured: state.measured, speed: state.speed, abilities,
    volume: state.volume, mute: state.mute, problem: state.lost ?? state.failure,
  };
}

function stateOf({ phase, own, uri, trackUri }: RendererState): PlayerState {
  if (phase !== 'idle' && phase !== 'stopped') return phase;
  // What was loaded is loaded again, should the device have forgotten it.
  return own || (phase === 'stopped' && (uri !== '' || trackUri !== '')) ? 'stopped' : 'idle';
}

function currentMedia(state: RendererState): CurrentMedia | undefined {
  const { own, media } = state;
  const duration = durationOf(state);
  if (own) {
    const { title, artist, album, genre, track } = own.item;
    return { url: own.url, title, artist, album, genre, track, duration };
  }
  if (stateOf(state) === 'idle') return undefined;
  return { url: currentUri(state) || undefined, title: media?.title, artist: media?.artist, album: media?.album, genre: media?.genre, track: media?.track, duration, picture: media?.art === undefined ? undefined : pictureName(media.art, media.title, currentUri(state)) };
}
