import type { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { PlayingItem } from '../model/playback.ts';
import type { PlaybackEvents } from '../ports/playback-control.ts';
import { VariableTeller } from './control-variables.ts';
import type { Stage } from './stage.ts';
import { StatusTeller } from './status-teller.ts';
import type { TellerOptions } from './status-teller.ts';

/** Tells what is other than was told last. */
export class Announcer {
  private readonly stage: Stage;
  private readonly to: EventEmitter<PlaybackEvents>;
  private readonly status: StatusTeller;
  private readonly variables: VariableTeller;
  private item: PlayingItem | undefined;
  private hasJumped = false;

  constructor(stage: Stage, to: EventEmitter<PlaybackEvents>, options: TellerOptions) {
    [this.stage, this.to, this.item] = [stage, to, stage.item];
    this.status = new StatusTeller(stage.status, stage.clock.monotonic(), options);
    this.variables = new VariableTeller(stage.player.snapshot);
  }

  /** The place is another one, however near; told when all is looked at. */
  jumped(): void {
    this.hasJumped = true;
  }

  announce(): void {
    const { status, item, player } = this.stage;
    const isNews = this.status.isNews(status, this.stage.clock.monotonic(), this.hasJumped);
    this.hasJumped = false;
    if (isNews) this.to.emit('status', status);
    if (!isDeepStrictEqual(item, this.item)) {
      this.item = item;
      this.to.emit('item', item);
    }
    for (const variable of this.variables.news(player.snapshot)) this.to.emit('variable', variable);
  }
}
