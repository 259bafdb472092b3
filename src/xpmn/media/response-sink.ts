import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { XpmnError } from '../kernel/errors.ts';
import type { MediaSink } from '../ports/peer-link.ts';

export interface ResponseSinkEvents {
  /** `count` more bytes have left for the player. */
  consumed(count: number): void;
  /** All bytes were handed to the player's connection. */
  ended(): void;
  failed(error: XpmnError): void;
}

/**
 * An HTTP response as a sink, without copying: slices are corked and go out once per turn of the event loop (TLS gives
 * 16 KiB at a time; one write each would cost more than the encryption). Bytes count as consumed when the player's
 * connection has taken them, so a player that stalls stops its own stream, and no other.
 */
export class ResponseSink implements MediaSink {
  private readonly response: ServerResponse;
  private readonly events: ResponseSinkEvents;
  private isGathering = false;
  /** Corked itself, not by its response: of what comes in chunks, some versions of Node would say that there is no room, and never that there is again. */
  private corked: Socket | null = null;
  private waiting = 0;

  constructor(response: ServerResponse, events: ResponseSinkEvents) {
    this.response = response;
    this.events = events;
    response.on('drain', () => this.drained());
  }

  write(chunk: Buffer): void {
    this.waiting += chunk.length;
    if (!this.isGathering) {
      this.isGathering = true;
      this.corked = this.response.socket;
      this.corked?.cork();
      setImmediate(() => this.flush());
    }
    this.response.write(chunk);
  }

  end(): void {
    this.flush();
    this.response.end();
    this.events.ended();
  }

  fail(error: XpmnError): void {
    this.events.failed(error);
  }

  private flush(): void {
    if (!this.isGathering) return;
    this.isGathering = false;
    this.corked?.uncork();
    if (!this.response.writableNeedDrain) this.drained();
  }

  private drained(): void {
    if (this.isGathering) return;
    const count = this.waiting;
    this.waiting = 0;
    if (count > 0) this.events.consumed(count);
  }
}
