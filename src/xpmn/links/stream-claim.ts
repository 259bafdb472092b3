import { asXpmnError } from '../kernel/errors.ts';
import type { XpmnError } from '../kernel/errors.ts';
import type { IncomingStream, MediaSink } from '../ports/peer-link.ts';
import type { ByteSession } from './dialer.ts';

/**
 * A stream that may come on any of the sessions to a peer: claimed on each, until the first byte, or the end, shows on
 * which. A session that breaks before that may have been the one: the stream has failed.
 */
export class StreamClaim implements IncomingStream {
  private readonly id: string;
  private readonly sink: MediaSink;
  private readonly size: number | undefined;
  private readonly settled: () => void;
  private readonly tries = new Map<ByteSession, IncomingStream>();
  private chosen: ByteSession | undefined;
  private over = false;

  /** `settled` is called once: from then on no further session matters. */
  constructor(id: string, sink: MediaSink, { size, settled }: { readonly size: number | undefined; readonly settled: () => void }) {
    this.id = id;
    this.sink = sink;
    this.size = size;
    this.settled = settled;
  }

  /** @throws XpmnError as `ByteStreams.receive` */
  claimOn(session: ByteSession): void {
    if (this.over || session.closed.aborted) return;
    const stream = session.receive(this.id, {
      write: (chunk) => {
        this.choose(session);
        if (!this.over) this.sink.write(chunk);
      },
      end: () => this.finish(session, () => this.sink.end()),
      fail: (error) => this.failed(session, error),
    }, { size: this.size });
    this.tries.set(session, stream);
  }

  /** The same for a session that opens while the stream is awaited: one that has given it up already was the one. */
  claimLate(session: ByteSession): void {
    try {
      this.claimOn(session);
    } catch (error) {
      this.failed(session, asXpmnError(error));
    }
  }

  consumed(count: number): void {
    if (this.chosen) this.tries.get(this.chosen)?.consumed(count);
  }

  cancel(): void {
    if (this.over) return;
    this.over = true;
    if (!this.chosen) this.settled();
    for (const stream of this.tries.values()) stream.cancel();
  }

  private choose(session: ByteSession): void {
    if (this.chosen || this.over) return;
    this.chosen = session;
    this.settled();
    for (const [other, stream] of this.tries) if (other !== session) stream.cancel();
  }

  private finish(session: ByteSession, tell: () => void): void {
    this.choose(session);
    if (this.over || this.chosen !== session) return;
    this.over = true;
    tell();
  }

  private failed(session: ByteSession, error: XpmnError): void {
    this.finish(session, () => this.sink.fail(error));
  }
}
