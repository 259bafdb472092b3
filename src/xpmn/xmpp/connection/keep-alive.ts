import type { Clock, Timer } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';

export interface KeepAliveOptions {
  /** ms without a stanza from the server before it is asked whether it is there. */
  readonly idle: number;
  /** ms it may take to answer. */
  readonly timeout: number;
}

/** Notices a server that has gone without saying so: asks after silence, and gives up on no answer. Any stanza is one. */
export class KeepAlive {
  private readonly clock: Clock;
  private readonly options: KeepAliveOptions;
  private readonly ask: () => void;
  private readonly onDead: (reason: XpmnError) => void;
  private timer!: Timer;
  private last: number;

  constructor(
    { clock, ask, onDead }: { readonly clock: Clock; ask(): void; onDead(reason: XpmnError): void },
    options: KeepAliveOptions,
  ) {
    this.clock = clock;
    this.options = options;
    this.ask = ask;
    this.onDead = onDead;
    this.last = clock.monotonic();
    this.listen(options.idle);
  }

  /** The server said something. Cheap: the timer finds out by itself. */
  heard(): void {
    this.last = this.clock.monotonic();
  }

  stop(): void {
    this.timer.cancel();
  }

  private listen(delay: number): void {
    this.timer = this.clock.after(delay, () => {
      const silence = this.clock.monotonic() - this.last;
      if (silence < this.options.idle) this.listen(this.options.idle - silence);
      else this.askNow();
    });
  }

  private askNow(): void {
    const { idle, timeout } = this.options;
    const { last } = this;
    this.timer = this.clock.after(timeout, () => {
      if (this.last !== last) this.listen(idle);
      else this.onDead(new XpmnError('connection-lost', `The server did not answer within ${timeout} ms.`));
    });
    this.ask();
  }
}
