import type { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { XpmnError } from '../kernel/errors.ts';
import type { Picture } from '../model/picture.ts';
import type { FeedTarget, PlayerMedia } from './player-feed.ts';

/** What a player does. `buffering`: it is to play, and does not yet. `stopped`: it has something that `play` would begin anew. */
export type PlayerState = 'idle' | 'stopped' | 'buffering' | 'playing' | 'paused';

/** What the player could do with what it has now; what nobody can tell is taken to work. */
export interface PlayerAbilities {
  readonly seek: boolean;
  readonly pause: boolean;
  /** To another title of a list of its own. */
  readonly next: boolean;
  readonly previous: boolean;
  readonly volume: boolean;
  readonly mute: boolean;
}

/** What the player says it has; `url` as it was given, or its own. */
export interface CurrentMedia {
  readonly url: string | undefined;
  readonly title: string | undefined;
  readonly artist?: string | undefined;
  readonly album?: string | undefined;
  readonly genre?: string | undefined;
  readonly track?: number | undefined;
  /** Names its picture, for `MediaPlayer.picture`; opaque: where that lies is nobody else's business. Another one has another name. */
  readonly picture?: string | undefined;
  /** Seconds; undefined where it does not say. */
  readonly duration?: number | undefined;
}

export interface PlayerSnapshot {
  readonly state: PlayerState;
  /** Undefined in state `idle`, and while nobody knows. */
  readonly media: CurrentMedia | undefined;
  /** Seconds from the start of the media at `measured`; undefined where the player does not say. */
  readonly position: number | undefined;
  /** `Clock.monotonic` of that moment. */
  readonly measured: number;
  /** Seconds of media in a second, while playing. */
  readonly speed: number;
  readonly abilities: PlayerAbilities;
  /** 0 to 100, whole; undefined where the player has none or does not say. */
  readonly volume: number | undefined;
  readonly mute: boolean | undefined;
  /** Why it is not known how the player is, or what it could not play; the rest is the last that was known. */
  readonly problem: XpmnError | undefined;
}

/** Whether there is something to tell: anything but plain progress. `jump`: the seconds by which a position is another place. */
export function isNews(before: PlayerSnapshot, after: PlayerSnapshot, jump: number): boolean {
  const rest = (snapshot: PlayerSnapshot): object => ({ ...snapshot, position: 0, measured: 0, problem: snapshot.problem?.code });
  if (!isDeepStrictEqual(rest(before), rest(after))) return true;
  if (before.position === undefined || after.position === undefined) return before.position !== after.position;
  const passed = before.state === 'playing' ? (before.speed * (after.measured - before.measured)) / 1000 : 0;
  return Math.abs(Math.min(before.position + passed, before.media?.duration ?? Infinity) - after.position) > jump;
}

export interface MediaPlayerEvents {
  /** Something other than plain progress has changed, by whomever. Never twice the same; a jump in the position counts. */
  changed: [snapshot: PlayerSnapshot];
  /** What was loaded under that URL has played to its end: not stopped, and not replaced. After the `changed` that tells of it, or without one. */
  ended: [url: string];
}

/**
 * A player of the legacy side: one title at a time, as far as we go. Lists are kept above it. Contract:
 *
 * - `snapshot` is what is known now, without asking. It is right soon after somebody else changed something, also where the
 *   player tells nothing by itself (then it is asked, while `watched` is called for); a device that tells is never asked.
 * - Commands resolve when the player has taken them; that it has also done it shows in `snapshot`. They reject with `unreachable`,
 *   `timeout`, `not-supported`, `not-acceptable`, `unexpected-request` (not in this state), `unsupported-type`, `origin-unreachable` (it could
 *   not fetch the media), `not-seekable`, `not-pausable`, or the signal's reason. Nothing is swallowed: a command that did nothing is a failure.
 *   One at a time: whoever calls sees to that. `stop` and `pause` do no harm where there is nothing to do.
 * - `load` makes `media` what `play` begins; nothing is heard before. Players that can't be told without playing keep it until then. What played before ends.
 * - `play` begins, or goes on after `pause`. It resolves while the player may still be buffering.
 * - `preload` names what follows, so that the player goes on without a gap; undefined takes it back. Without it, or where it is not understood,
 *   `ended` comes and the next one is loaded. A player that goes on by itself shows it in `snapshot.media`, and no `ended` comes.
 * - After its device has gone, commands reject `unreachable`, and no event follows.
 */
export interface MediaPlayer extends Pick<EventEmitter<MediaPlayerEvents>, 'on' | 'off' | 'once'> {
  readonly snapshot: PlayerSnapshot;
  /** Where it fetches from, and what it insists on; may change when it moves. */
  readonly feed: FeedTarget;
  /** It plays only what is chosen at it (browsers): `load` is `not-supported`, and nothing need be looked for. May change. */
  readonly takesNothing?: boolean;
  load(media: PlayerMedia, options: PlayerCall): Promise<void>;
  preload?(media: PlayerMedia | undefined, options: PlayerCall): Promise<void>;
  play(options: PlayerCall): Promise<void>;
  pause(options: PlayerCall): Promise<void>;
  stop(options: PlayerCall): Promise<void>;
  /** To so many seconds from the start. */
  seek(position: number, options: PlayerCall): Promise<void>;
  /** Of the list that is its own. @throws XpmnError `not-supported` where it has none */
  next(options: PlayerCall): Promise<void>;
  previous(options: PlayerCall): Promise<void>;
  /** 0 to 100. */
  setVolume(volume: number, options: PlayerCall): Promise<void>;
  setMute(mute: boolean, options: PlayerCall): Promise<void>;
  /**
   * The picture of what it plays now. `name`: as `snapshot.media` has it; there is nothing else to ask for. Without this it has none.
   * @throws XpmnError `not-found` if it is not that any more; as `PictureLoader.load`
   */
  picture?(name: string, options: PlayerCall): Promise<Picture>;
  /** Somebody looks from now on, until the returned function is called: what must be asked for is asked for. */
  watched(): () => void;
}

export interface PlayerCall {
  readonly signal: AbortSignal;
}
