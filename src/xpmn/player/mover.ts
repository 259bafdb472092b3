import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { throwIfAborted } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { PlayerMedia } from '../ports/player-feed.ts';
import { failed, isTitleProblem } from './opened.ts';
import type { Opened } from './opened.ts';
import { hasPlace } from './play-list.ts';
import type { PlayList } from './play-list.ts';
import type { PlayerCalls } from './player-calls.ts';
import { insideOf } from './seek-target.ts';
import type { Stage } from './stage.ts';
import type { FoundTitle, TitleFinder } from './title-finder.ts';

/** Where to go in a list, and what is to happen there. */
export interface Goal {
  readonly session: string;
  readonly controller: Jid;
  readonly list: PlayList;
  /** Seconds from the start of that title. */
  readonly startAt: number | undefined;
  readonly plays: boolean;
  /** Which one is tried when this one fails: the next or the one before. */
  readonly step: 1 | -1;
  /** Titles in a row that have failed before it. */
  readonly failures: number;
  /** The player has this title already. */
  readonly loaded?: PlayerMedia | undefined;
}

export interface MoverOptions {
  /** Titles of a list in a row that may fail; then no other is tried. */
  readonly titleFailures: number;
}

export interface MoverDeps {
  readonly stage: Stage;
  readonly calls: PlayerCalls;
  readonly finder: TitleFinder;
  /** Looks at what has become of it, and tells what is new. */
  refresh(): void;
}

/** Brings a title of a list to the player, or the nearest one that can be had; once at a time. */
export class Mover {
  private readonly deps: MoverDeps;
  private readonly options: MoverOptions;

  constructor(deps: MoverDeps, options: MoverOptions) {
    [this.deps, this.options] = [deps, options];
  }

  /**
   * Until the player was told something, what went on before goes on.
   * @throws XpmnError what was wrong with the first title, if all that were tried have failed; what is wrong with the player; `not-acceptable` for
   * a place outside the title; the signal's reason
   */
  async go(goal: Goal, signal: AbortSignal): Promise<void> {
    const { stage, refresh } = this.deps;
    const before = stage.opened;
    const attempt = new Attempt(this.deps, this.options, before);
    try {
      await attempt.go(goal, signal);
    } catch (error) {
      if (attempt.isTouched && !attempt.isOver) stage.opened = broken(stage.opened, error, signal);
      // While another list was only looked for, this one went on: what has become of it since counts.
      else if (!attempt.isOver && before?.session === goal.session) stage.opened = before;
      throw error;
    } finally {
      stage.isMoving = false;
      refresh();
    }
  }
}

/** The player was told something, and it is not known what has become of it. */
function broken(opened: Opened | undefined, error: unknown, signal: AbortSignal): Opened | undefined {
  if (!opened) return undefined;
  return signal.aborted ? { ...opened, phase: 'stopped', startAt: undefined } : failed(opened, asXpmnError(error));
}

/** One way through the list, once. */
class Attempt {
  /** The player was told something. */
  isTouched = false;
  /** All that could be tried was tried, and that is what is shown. */
  isOver = false;
  private readonly deps: MoverDeps;
  private readonly options: MoverOptions;
  private readonly before: Opened | undefined;

  constructor(deps: MoverDeps, options: MoverOptions, before: Opened | undefined) {
    [this.deps, this.options, this.before] = [deps, options, before];
  }

  async go(goal: Goal, signal: AbortSignal): Promise<void> {
    let at = goal;
    for (let first: XpmnError | undefined; ;) {
      if (this.shows(goal)) this.place(at, undefined);
      const found = await this.find(at, signal);
      const failure = found instanceof XpmnError ? found : await this.bring((at = { ...at, list: found.list }), found.media, signal);
      if (!failure) return;
      first ??= failure;
      const list = { ...at.list, index: at.list.index + at.step };
      const failures = at.failures + 1;
      const isLast = !hasPlace(list, list.index) || failures >= this.options.titleFailures;
      // While something else goes on that was opened before, nobody is told of this one.
      const isShown = this.shows(goal) || (isLast && !this.before);
      if (isShown) this.fail(at, failure, found instanceof XpmnError ? undefined : found.media);
      this.isOver = isLast && isShown;
      if (isLast) throw first;
      at = { ...goal, list, failures, startAt: undefined, loaded: undefined };
    }
  }

  /** Whether what becomes of it is what is played now: as soon as it takes the place of something else. */
  private shows({ session }: Goal): boolean {
    return this.isTouched || this.before?.session === session;
  }

  private async find({ list, loaded }: Goal, signal: AbortSignal): Promise<FoundTitle | XpmnError> {
    if (loaded) return { list, media: loaded };
    try {
      return await this.deps.finder.find(list, this.deps.stage.player.feed, signal);
    } catch (error) {
      throwIfAborted(signal);
      return asXpmnError(error);
    }
  }

  /** What is wrong with the title, if anything. @throws XpmnError what is wrong with all else */
  private async bring(goal: Goal, media: PlayerMedia, signal: AbortSignal): Promise<XpmnError | undefined> {
    const { stage: { player }, calls } = this.deps;
    if (goal.startAt !== undefined && !goal.loaded) insideOf(goal.startAt, media.item.duration);
    this.isTouched = true;
    this.place(goal, media);
    try {
      if (!goal.loaded) await calls.run(signal, (call) => player.load(media, call));
      if (goal.plays) await calls.run(signal, (call) => player.play(call));
      return undefined;
    } catch (error) {
      throwIfAborted(signal);
      const reason = asXpmnError(error);
      if (isTitleProblem(reason)) return reason;
      throw reason;
    }
  }

  private place(goal: Goal, media: PlayerMedia | undefined): void {
    const { stage, refresh } = this.deps;
    const { session, controller, list, startAt, plays, failures, loaded } = goal;
    const { snapshot } = stage.player;
    stage.isMoving = true;
    const known = loaded && stage.opened ? stage.opened : { isSeen: false, before: snapshot.media?.url, following: undefined };
    stage.opened = {
      ...known, session, controller, list, startAt, media: media ?? loaded,
      phase: plays ? 'starting' : 'opened', hasBegun: false, oldProblem: snapshot.problem, error: undefined, failures,
    };
    // What is only made ready is told when it is.
    if (plays) refresh();
  }

  private fail(goal: Goal, failure: XpmnError, media: PlayerMedia | undefined): void {
    const { stage, refresh } = this.deps;
    const { session, controller, list, startAt, failures } = goal;
    stage.opened = failed({
      session, controller, list, startAt: undefined, media, phase: 'failed', isSeen: false, before: stage.player.snapshot.media?.url,
      hasBegun: false, oldProblem: stage.player.snapshot.problem, following: undefined, error: undefined, failures,
    }, failure, startAt);
    refresh();
  }
}
