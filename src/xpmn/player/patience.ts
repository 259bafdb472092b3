import type { Timer } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { PlayerMedia } from '../ports/player-feed.ts';
import { brokenOff } from './opened.ts';
import type { Opened } from './opened.ts';
import type { Stage } from './stage.ts';

export interface PatienceOptions {
  /** Milliseconds from `play` until something must be heard of the player. */
  readonly startTimeout: number;
  /** Milliseconds from `play` until one that gathers bytes must play. In the middle of a title: until it is looked whether there are any to come. */
  readonly bufferTimeout: number;
}

export interface PatienceDeps {
  readonly stage: Stage;
  /** It has lasted too long. */
  over(opened: Opened, problem: XpmnError): void;
}

/** How long a player may take to begin a title, and to go on with it when it stands still. */
export class Patience {
  private readonly deps: PatienceDeps;
  private readonly options: PatienceOptions;
  /** Runs while there is something to wait for. */
  private awaited: { readonly media: PlayerMedia; readonly timer: Timer } | undefined;

  constructor(deps: PatienceDeps, options: PatienceOptions) {
    [this.deps, this.options] = [deps, options];
  }

  /** Something is other than before: there may be something to wait for, or nothing any more. */
  plan(): void {
    const { media, phase } = this.opened ?? {};
    if (media === this.awaited?.media) return;
    this.end();
    if (!media) return;
    if (phase === 'on') this.wait(media, this.options.bufferTimeout, (opened) => this.onStill(opened, media));
    else this.wait(media, this.options.startTimeout, (opened) => this.onLate(opened, media));
  }

  end(): void {
    this.awaited?.timer.cancel();
    this.awaited = undefined;
  }

  /** What is waited for. */
  private get opened(): Opened | undefined {
    const { opened, isMoving, isHalting, player } = this.deps.stage;
    const isStill = opened?.phase === 'starting' || (opened?.phase === 'on' && player.snapshot.state === 'buffering');
    return isStill && !isMoving && !isHalting ? opened : undefined;
  }

  private wait(media: PlayerMedia, delay: number, work: (opened: Opened) => void): void {
    const timer = this.deps.stage.clock.after(delay, () => {
      this.awaited = undefined;
      if (this.opened) work(this.opened);
    });
    this.awaited = { media, timer };
  }

  /** It was told to play, took it, and does nothing. One that gathers bytes is waited for longer. */
  private onLate(opened: Opened, media: PlayerMedia): void {
    const { startTimeout, bufferTimeout } = this.options;
    const giveUp = (late: Opened): void => this.deps.over(late, brokenOff(media) ?? new XpmnError('timeout', 'The player has not begun to play.'));
    if (this.deps.stage.player.snapshot.state === 'buffering' && bufferTimeout > startTimeout) this.wait(media, bufferTimeout - startTimeout, giveUp);
    else giveUp(opened);
  }

  /** It may wait for a slow line as long as it likes: only that the bytes can't be had is a failure, and not one of a player that does not answer. */
  private onStill(opened: Opened, media: PlayerMedia): void {
    const problem = this.deps.stage.player.snapshot.problem ? undefined : brokenOff(media);
    if (problem) this.deps.over({ ...opened, hasBegun: true }, problem);
    else this.wait(media, this.options.bufferTimeout, (still) => this.onStill(still, media));
  }
}
