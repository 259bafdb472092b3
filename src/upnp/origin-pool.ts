import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { OriginConnection } from './origin-connection.ts';

export interface OriginPoolOptions {
  /** Idle connections kept in all; the oldest is closed for a newer one. */
  readonly idleConnections: number;
  /** Milliseconds an idle connection is kept: players come back quickly, or not at all. */
  readonly idleTimeout: number;
  /** Bytes of an answer's head, and of the buffer that takes it. */
  readonly headBytes: number;
}

/** Connections that wait for another request to the same origin. */
export class OriginPool {
  private readonly clock: Clock;
  private readonly options: OriginPoolOptions;
  private readonly idle = new Map<OriginConnection, Timer>();

  constructor(clock: Clock, options: OriginPoolOptions) {
    this.clock = clock;
    this.options = options;
  }

  /** A connection to the URL's host; `reused` ones may turn out to be dead. */
  take(url: URL): { connection: OriginConnection; reused: boolean } {
    for (const [connection, timer] of this.idle) {
      if (connection.host !== url.host) continue;
      this.idle.delete(connection);
      timer.cancel();
      if (connection.isOpen) return { connection, reused: true };
    }
    const connection = new OriginConnection(url, this.options.headBytes);
    connection.whenClosed(() => this.drop(connection));
    return { connection, reused: false };
  }

  give(connection: OriginConnection): void {
    connection.release();
    if (!connection.isOpen) return;
    this.idle.set(connection, this.clock.after(this.options.idleTimeout, () => this.drop(connection)));
    const oldest = this.idle.keys().next().value;
    if (this.idle.size > this.options.idleConnections && oldest) this.drop(oldest);
  }

  close(): void {
    for (const connection of [...this.idle.keys()]) this.drop(connection);
  }

  private drop(connection: OriginConnection): void {
    const timer = this.idle.get(connection);
    if (!timer) return;
    timer.cancel();
    this.idle.delete(connection);
    connection.destroy();
  }
}
