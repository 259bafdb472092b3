import type { Timer } from '../kernel/clock.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { PlayerMedia } from '../ports/player-feed.ts';
import { hasPlace } from './play-list.ts';
import type { ListedTitle, PlayList } from './play-list.ts';
import type { MoverDeps, MoverOptions } from './mover.ts';

export interface FollowerOptions extends MoverOptions {
  /** Milliseconds before the end of a title when the next one is made available. */
  readonly prefetchLead: number;
}

interface FollowerDeps extends MoverDeps {
  readonly tasks: TaskGroup;
}

/** Makes the next title available while the current one plays, and tells the player of it where it goes on by itself. */
export class Follower {
  private readonly deps: FollowerDeps;
  private readonly options: FollowerOptions;
  private timer: Timer | undefined;
  /** What it is being done for, or was: once for each title. */
  private title: ListedTitle | undefined;
  private abort: AbortController | undefined;

  constructor(deps: FollowerDeps, options: FollowerOptions) {
    [this.deps, this.options] = [deps, options];
  }

  /** Something is other than before: there may be another time for it, or another title. */
  plan(): void {
    const { stage } = this.deps;
    this.timer?.cancel();
    const list = stage.opened?.list;
    const next = list?.titles[list.index + 1];
    if (this.title && next !== this.title) this.forget();
    if (!next || next === this.title || stage.isMoving || stage.status.state !== 'playing') return;
    // So many have failed that none is tried before this one was played to its end: the player would not wait for that.
    if (stage.opened && stage.opened.failures >= this.options.titleFailures) return;
    const left = this.remaining();
    if (left !== undefined) this.timer = stage.clock.after(Math.max(0, left - this.options.prefetchLead), () => this.begin(next));
  }

  /** What follows is not wanted any more. */
  forget(): void {
    this.timer?.cancel();
    this.abort?.abort(new XpmnError('aborted', 'It does not follow any more.'));
    [this.timer, this.title, this.abort] = [undefined, undefined, undefined];
  }

  /** Milliseconds to the end; none where nobody knows, undefined where there is no end. */
  private remaining(): number | undefined {
    const { position, duration, speed, seekable } = this.deps.stage.status;
    if (duration === undefined || position === undefined || speed <= 0) return seekable ? 0 : undefined;
    return ((duration - position) * 1000) / speed;
  }

  private begin(title: ListedTitle): void {
    const abort = new AbortController();
    [this.title, this.abort] = [title, abort];
    this.deps.tasks.run((signal) => this.prepare(AbortSignal.any([signal, abort.signal])));
  }

  private async prepare(signal: AbortSignal): Promise<void> {
    const { stage, finder } = this.deps;
    const list = stage.opened?.list;
    if (!list || !hasPlace(list, list.index + 1)) return;
    const found = await finder.find({ ...list, index: list.index + 1 }, stage.player.feed, signal);
    if (signal.aborted || stage.opened?.list !== list) return;
    const title = found.list.titles[found.list.index] as ListedTitle;
    finder.keep(title, found.media);
    this.title = title;
    const grown: PlayList = { titles: found.list.titles, index: list.index };
    stage.opened = { ...stage.opened, list: found.list.titles === list.titles ? list : grown };
    this.deps.refresh();
    await this.preload(found.media, signal);
  }

  /** A player that is told the same URL again could not show that it has gone on. */
  private async preload(media: PlayerMedia, signal: AbortSignal): Promise<void> {
    const { stage, calls } = this.deps;
    const { player, opened } = stage;
    if (!player.preload || !opened || opened.media?.url === media.url) return;
    stage.opened = { ...opened, following: media };
    try {
      await calls.run(signal, async (call) => player.preload?.(media, call));
    } catch (error) {
      if (stage.opened?.following === media) stage.opened = { ...stage.opened, following: undefined };
      throw error;
    }
  }
}
