import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import type { Logger } from '../../kernel/log.ts';
import { TaskGroup } from '../../kernel/tasks.ts';
import { HalfOpen } from './half-open.ts';
import type { HalfOpenOptions } from './half-open.ts';

export interface HandshakesDeps {
  readonly log: Logger;
  /** For logs: `A SOCKS5 handshake`. */
  readonly what: string;
  /** Brings a connection to whom it is for, or ends it; never rejects. It counts as half open until it is released. */
  serve(socket: Socket, signal: AbortSignal): Promise<void>;
}

/** Connections that a listener has accepted, on their way to whom they are for: so many at a time, and none after `close`. */
export class Handshakes {
  private readonly deps: HandshakesDeps;
  private readonly halfOpen: HalfOpen;
  private readonly tasks: TaskGroup;

  constructor(deps: HandshakesDeps, options: HalfOpenOptions) {
    const { log, what } = deps;
    this.deps = deps;
    this.halfOpen = new HalfOpen(options);
    this.tasks = new TaskGroup((error) => log.error(`${what} failed for a reason that was not foreseen.`, { error }));
    // Every connection listens for the end, and there may be many.
    setMaxListeners(0, this.tasks.signal);
  }

  /** Connections that are not released yet. */
  get size(): number {
    return this.halfOpen.size;
  }

  admit(socket: Socket): void {
    if (this.tasks.signal.aborted) socket.destroy();
    else if (this.halfOpen.admit(socket)) this.tasks.run((signal) => this.deps.serve(socket, signal));
    else this.deps.log.debug('A connection was refused: too many of its address.', { address: socket.remoteAddress });
  }

  /** The other end has shown what it is for, or has failed to. */
  release(socket: Socket): Socket {
    return this.halfOpen.release(socket);
  }

  /** Ends what is not released. Idempotent. */
  async close(): Promise<void> {
    this.halfOpen.destroy();
    await this.tasks.close();
  }
}
