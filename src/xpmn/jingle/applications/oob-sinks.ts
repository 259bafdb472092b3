import { Readable, type Writable } from 'node:stream';
import type { XpmnError } from '../../kernel/errors.ts';
import type { ByteStreams, IncomingStream, MediaSink } from '../../ports/peer-link.ts';

export interface SinkOptions {
  /** The announced length, if there is one. */
  readonly size?: number | undefined;
  /** Bytes that may lie in the node stream before credit is held back. */
  readonly full: number;
  /** The node stream's other user went away first: the peer should be told to abort. */
  readonly cancelled?: (() => void) | undefined;
}

/** Receives stream `id` as a Readable. It holds `full` and a window at most. Its destruction cancels the stream. */
export function receiveReadable(streams: ByteStreams, id: string, options: SinkOptions): Readable {
  const sink = new ReadableSink(options);
  sink.stream = streams.receive(id, sink, { size: options.size });
  return sink;
}

class ReadableSink extends Readable implements MediaSink {
  stream: IncomingStream | undefined;
  private readonly cancelled: (() => void) | undefined;
  private given = 0;
  private reported = 0;

  constructor(options: SinkOptions) {
    super({ highWaterMark: options.full });
    this.cancelled = options.cancelled;
  }

  write(chunk: Buffer): void {
    this.given += chunk.length;
    this.push(chunk);
    this.report();
  }

  end(): void {
    this.stream = undefined;
    this.push(null);
  }

  fail(error: XpmnError): void {
    this.stream = undefined;
    this.destroy(error);
  }

  /** Every way of reading comes through here; `_read` is called before the bytes have left, and only once per push. */
  override read(size?: number): unknown {
    const chunk = super.read(size) as unknown;
    this.report();
    return chunk;
  }

  override _read(): void {
    // The sender sends by its credit.
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { stream } = this;
    this.stream = undefined;
    if (stream) {
      stream.cancel();
      this.cancelled?.();
    }
    callback(error);
  }

  /** What has been read, or lies below the mark, is as good as used. */
  private report(): void {
    const lying = Math.max(0, this.readableLength - this.readableHighWaterMark);
    const news = this.given - lying - this.reported;
    if (news <= 0) return;
    this.reported += news;
    this.stream?.consumed(news);
  }
}

/**
 * Receives stream `id` into `writable`, such as an HTTP response: without copies, and with one write to the socket for
 * all that arrives in a turn of the event loop. Ends it at the end, destroys it on failure; if it closes before, the
 * stream is cancelled.
 */
export function receiveInto(writable: Writable, streams: ByteStreams, id: string, options: SinkOptions): void {
  const sink = new WritableSink(writable, options);
  sink.stream = streams.receive(id, sink, { size: options.size });
}

class WritableSink implements MediaSink {
  stream: IncomingStream | undefined;
  private readonly writable: Writable;
  private readonly full: number;
  private corked = false;
  /** Bytes written that may not have left yet. */
  private lying = 0;
  private readonly uncork: () => void;

  constructor(writable: Writable, options: SinkOptions) {
    this.writable = writable;
    this.full = options.full;
    this.uncork = () => {
      this.corked = false;
      writable.uncork();
    };
    writable.on('drain', () => this.drained());
    writable.once('close', () => {
      const { stream } = this;
      if (!stream) return;
      this.stream = undefined;
      stream.cancel();
      options.cancelled?.();
    });
  }

  write(chunk: Buffer): void {
    if (!this.corked) {
      this.corked = true;
      this.writable.cork();
      setImmediate(this.uncork);
    }
    const hasRoom = this.writable.write(chunk);
    this.lying += chunk.length;
    // Only a writable that said "full" will say that it has drained.
    if (hasRoom || this.writable.writableLength < this.full) this.drained();
  }

  end(): void {
    this.stream = undefined;
    this.writable.end();
  }

  fail(error: XpmnError): void {
    this.stream = undefined;
    this.writable.destroy(error);
  }

  private drained(): void {
    const count = this.lying;
    this.lying = 0;
    if (count > 0) this.stream?.consumed(count);
  }
}
