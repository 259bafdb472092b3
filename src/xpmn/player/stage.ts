import type { Clock } from '../kernel/clock.ts';
import type { PlaybackStatus, PlayingItem } from '../model/playback.ts';
import type { MediaPlayer, PlayerSnapshot } from '../ports/media-player.ts';
import type { Cover } from './cover.ts';
import { isTitleProblem } from './opened.ts';
import type { Opened } from './opened.ts';
import { itemOf, statusOf } from './player-view.ts';
import type { Closed, Seen } from './player-view.ts';

/** What is played, and on what: what the parts of a session share. */
export class Stage {
  readonly player: MediaPlayer;
  readonly clock: Clock;
  opened: Opened | undefined;
  closed: Closed | undefined;
  /** `opened` names a title that is on its way: what the player shows meanwhile means nothing for it. */
  isMoving = false;
  /** It is being stopped: that it stops is no failure. */
  isHalting = false;
  /** Since when the player does not answer, `Clock.monotonic`: what is shown of it is how it was then. */
  private silentSince: number | undefined;
  private readonly cover: Pick<Cover, 'uriOf'>;

  constructor(player: MediaPlayer, clock: Clock, cover: Pick<Cover, 'uriOf'>) {
    [this.player, this.clock, this.cover] = [player, clock, cover];
  }

  get status(): PlaybackStatus {
    return statusOf(this.seen);
  }

  get item(): PlayingItem | undefined {
    return itemOf(this.seen);
  }

  /** Nothing that was opened here counts any more; what the player shows now is a leftover of it. */
  clear(): void {
    const { media, problem } = this.player.snapshot;
    [this.opened, this.closed] = [undefined, { url: media?.url, problem }];
  }

  /** What the player has told. */
  hear({ problem }: PlayerSnapshot): void {
    if (!problem || isTitleProblem(problem)) this.silentSince = undefined;
    else this.silentSince ??= this.clock.monotonic();
    if (!problem) this.forgive();
  }

  /** The player has no problem now: the next one is a new one, though it may look the same. */
  private forgive(): void {
    if (this.opened?.oldProblem) this.opened = { ...this.opened, oldProblem: undefined };
    if (this.closed?.problem) this.closed = { ...this.closed, problem: undefined };
  }

  private get seen(): Seen {
    const { snapshot } = this.player;
    return { opened: this.opened, closed: this.closed, snapshot, cover: this.cover.uriOf(snapshot.media), now: this.silentSince ?? this.clock.monotonic() };
  }
}
