import { isDeepStrictEqual } from 'node:util';
import type { XpmnError } from '../kernel/errors.ts';
import type { PlayerSnapshot } from '../ports/media-player.ts';
import type { Announcer } from './announcer.ts';
import type { Cover } from './cover.ts';
import { ACTIVE, judge } from './device-news.ts';
import type { Follower } from './follower.ts';
import type { MoverOptions } from './mover.ts';
import { brokenOff, failed } from './opened.ts';
import type { Opened } from './opened.ts';
import { Patience } from './patience.ts';
import type { PatienceOptions } from './patience.ts';
import { hasPlace } from './play-list.ts';
import { positionOf } from './player-view.ts';
import type { Stage } from './stage.ts';

export interface PlayerNewsOptions extends MoverOptions, PatienceOptions {}

export interface PlayerNewsDeps {
  readonly stage: Stage;
  readonly cover: Pick<Cover, 'look'>;
  readonly announcer: Announcer;
  readonly follower: Follower;
  /** Whether anybody wants to know. */
  hears(): boolean;
  /** Whether another title is on its way, or about to be. */
  isGoing(): boolean;
  /** Another title is to come, in the place where the list is now. */
  advance(opened: Opened): void;
  /** It plays, and is to go on at its `startAt`. */
  goOn(opened: Opened): void;
}

/** Follows the player: what its news mean, what comes of them, and what others are told. */
export class PlayerNews {
  private readonly deps: PlayerNewsDeps;
  private readonly options: PlayerNewsOptions;
  private last: PlayerSnapshot;
  /** When it was at some place of a title. */
  private active: PlayerSnapshot;
  private isOver = false;
  private isDue = false;
  private unwatch: (() => void) | undefined;
  private readonly patience: Patience;

  constructor(deps: PlayerNewsDeps, options: PlayerNewsOptions) {
    [this.deps, this.options] = [deps, options];
    const { stage, stage: { player } } = deps;
    this.patience = new Patience({ stage, over: (opened, problem) => this.giveUp(opened, problem) }, options);
    this.last = this.active = player.snapshot;
    player.on('changed', this.onChanged);
    player.on('ended', this.onEnded);
  }

  /** Looks at how it is now, and tells what is new. */
  refresh(): void {
    if (this.isOver) return;
    this.isDue = false;
    this.look();
    this.deps.announcer.announce();
    this.deps.follower.plan();
    this.patience.plan();
    this.watch();
  }

  /** What must be asked for is asked for while somebody listens, or a list goes on. */
  watch(): void {
    const phase = this.deps.stage.opened?.phase;
    const isHeard = !this.isOver && this.deps.hears();
    if (isHeard) this.deps.cover.look();
    const isWanted = !this.isOver && (isHeard || phase === 'starting' || phase === 'on');
    if (isWanted) this.unwatch ??= this.deps.stage.player.watched();
    else {
      this.unwatch?.();
      this.unwatch = undefined;
    }
  }

  end(): void {
    const { player } = this.deps.stage;
    this.isOver = true;
    player.off('changed', this.onChanged);
    player.off('ended', this.onEnded);
    this.patience.end();
    this.watch();
  }

  private readonly onChanged = (snapshot: PlayerSnapshot): void => {
    // A player tells of nothing but changes: if that is all, it is a jump.
    const [before, now] = [this.last, snapshot].map((one) => ({ ...one, position: 0, measured: 0 }));
    if (isDeepStrictEqual(before, now)) this.deps.announcer.jumped();
    this.last = snapshot;
    if (ACTIVE[snapshot.state]) this.active = snapshot;
    this.deps.stage.hear(snapshot);
    this.refreshSoon();
  };

  private readonly onEnded = (url: string): void => {
    const { stage, advance } = this.deps;
    const { opened } = stage;
    if (!opened?.media || opened.media.url !== url || (opened.phase !== 'on' && opened.phase !== 'starting')) return;
    const index = opened.list.index + 1;
    const problem = brokenOff(opened.media);
    if (problem) this.fail(opened, problem);
    else if (hasPlace(opened.list, index)) {
      stage.opened = { ...opened, list: { ...opened.list, index }, media: undefined, phase: 'starting', startAt: undefined, isSeen: false, before: url, hasBegun: false, following: undefined, failures: 0 };
      advance(stage.opened);
    } else stage.opened = { ...opened, phase: 'stopped', startAt: undefined };
    this.refreshSoon();
  };

  /** The end of a title follows the news that the player has stopped: told at once, it would look as if somebody had stopped it. */
  private refreshSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    queueMicrotask(() => {
      if (this.isDue) this.refresh();
    });
  }

  private look(): void {
    const { stage } = this.deps;
    const { snapshot } = stage.player;
    if (!stage.opened || stage.isMoving) return;
    // It was looked for, and is not any more.
    if (stage.opened.phase === 'starting' && !stage.opened.media && !this.deps.isGoing()) stage.opened = { ...stage.opened, phase: 'stopped' };
    const before = stage.opened;
    const { opened, effect, problem } = judge(before, snapshot, stage.isHalting);
    // What the player shows is the next title's already.
    if (effect === 'followed' && problem) this.show(failed({ ...before, isSeen: false }, problem));
    stage.opened = opened;
    if (effect === 'taken') [stage.opened, stage.closed] = [undefined, undefined];
    else if (effect === 'failed' && problem) this.fail(opened, problem);
    else if (effect === 'begun' && opened.startAt !== undefined) this.deps.goOn(opened);
  }

  /** Told as it is; then the next one is tried, if there is one. */
  private fail(opened: Opened, problem: XpmnError): void {
    const index = opened.list.index + 1;
    const { failures } = this.show(failed(opened, problem, this.reached(opened)));
    if (hasPlace(opened.list, index) && failures < this.options.titleFailures) this.deps.advance({ ...opened, list: { ...opened.list, index }, failures });
  }

  /** Where a title is whose bytes broke off: it goes on there when it is played again. */
  private reached({ phase, media }: Opened): number | undefined {
    const { player, clock } = this.deps.stage;
    if (phase !== 'on' || !media?.isSeekable || !brokenOff(media) || this.active.media?.url !== media.url) return undefined;
    const position = positionOf(this.active, clock.monotonic());
    const duration = media.item.duration ?? player.snapshot.media?.duration;
    return position !== undefined && position < (duration ?? Infinity) ? position : undefined;
  }

  private show(opened: Opened): Opened {
    this.deps.stage.opened = opened;
    this.deps.announcer.announce();
    return opened;
  }

  private giveUp(opened: Opened, problem: XpmnError): void {
    this.fail(opened, problem);
    this.refresh();
  }
}
