import type { Clock } from '../kernel/clock.ts';
import type { PlaybackStatus, PlayingItem } from '../model/playback.ts';
import type { MediaPlayer } from '../ports/media-player.ts';
import type { Opened } from './opened.ts';
import { itemOf, statusOf } from './player-view.ts';
import type { Closed, Seen } from './player-view.ts';

/** What is played, and on what: what the parts of a session share. */
export class Stage {
  readonly player: MediaPlayer;
  readonly clock: Clock;
  opened: Opened | undefined;
  closed: Closed | undefined;
  /** Another title is on its way: what the player shows meanwhile means nothing. */
  isMoving = false;

  constructor(player: MediaPlayer, clock: Clock) {
    [this.player, this.clock] = [player, clock];
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

  private get seen(): Seen {
    return { opened: this.opened, closed: this.closed, snapshot: this.player.snapshot, now: this.clock.monotonic() };
  }
}
