import type { Clock } from '../kernel/clock.ts';
import { asXpmnError } from '../kernel/errors.ts';
import { SerialQueue, abortable, throwIfAborted, withDeadline } from '../kernel/tasks.ts';
import type { PlayerCall } from '../ports/media-player.ts';

export interface PlayerCallsOptions {
  /** Milliseconds for a player to take a command. */
  readonly commandTimeout: number;
}

/** What a player is told: one thing at a time, each within its time. */
export class PlayerCalls {
  private readonly clock: Clock;
  private readonly options: PlayerCallsOptions;
  private readonly queue = new SerialQueue();

  constructor(clock: Clock, options: PlayerCallsOptions) {
    this.clock = clock;
    this.options = options;
  }

  /** @throws XpmnError as the player, `timeout`, or the signal's reason */
  async run<T>(signal: AbortSignal, command: (call: PlayerCall) => Promise<T>): Promise<T> {
    const told = this.queue.run(() => withDeadline({ clock: this.clock, signal, delay: this.options.commandTimeout, what: 'A command to the player' }, (within) => command({ signal: within })));
    try {
      return await abortable(told, signal);
    } catch (error) {
      throwIfAborted(signal);
      throw asXpmnError(error);
    }
  }
}
