import { setMaxListeners } from 'node:events';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { abortable, deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { OpenMedia } from '../../src/xpmn/ports/media-source.ts';
import type { ByteStreams, IncomingStream, MediaSink } from '../../src/xpmn/ports/peer-link.ts';

interface Claim {
  readonly sink: MediaSink;
  readonly size: number | undefined;
  lying: number;
  cancelled: boolean;
  more: () => void;
}

/** Of a stream that may be sent before it is claimed. */
interface Place {
  readonly made: Deferred<Claim>;
  claim: Claim | undefined;
}

interface Sent {
  readonly abort: AbortController;
  count: number;
}

/** Byte streams without bytes on a wire: what `b` sends goes to the sinks of `a`, `window` bytes ahead at most. */
export class FakeStreams {
  readonly a: ByteStreams;
  readonly b: ByteStreams;
  window = 65536;
  chunk = 16384;
  maxSends = 64;
  isOpen = true;
  /** Called before each chunk is given to a sink, with what went before it. */
  beforeChunk: (sent: number) => void = () => undefined;
  /** Set: whoever wants streams waits for this. */
  opening: Promise<ByteStreams> | undefined;
  /** Ids, in the order they were sent, and what is being sent now. */
  readonly ids: string[] = [];
  readonly sending = new Map<string, Sent>();
  /** Sizes that receivers announced. */
  readonly announced = new Map<string, number | undefined>();
  readonly cancelled: string[] = [];
  readonly closed = new AbortController();
  private readonly claims = new Map<string, Place>();

  constructor() {
    setMaxListeners(0, this.closed.signal);
    const end: ByteStreams = {
      send: (id, media, { signal }) => this.send(id, media, signal),
      sendBytes: (id, content, { signal }) => this.send(id, bytesMedia(content), signal),
      receive: (id, sink, { size }) => this.receive(id, sink, size),
      closed: this.closed.signal,
      canSend: true,
    };
    const canSend = (): boolean => this.sending.size < this.maxSends;
    this.a = Object.defineProperty({ ...end }, 'canSend', { get: canSend });
    this.b = Object.defineProperty({ ...end }, 'canSend', { get: canSend });
  }

  /** The session is gone. */
  lose(error = new XpmnError('connection-lost', 'Gone.')): void {
    this.isOpen = false;
    this.closed.abort(error);
  }

  abort(id: string): boolean {
    const sent = this.sending.get(id);
    sent?.abort.abort(new XpmnError('aborted', 'The receiver wants no more.'));
    return sent !== undefined;
  }

  /** The sender has said that the rest will never come. */
  abandon(id: string): boolean {
    const { claim } = this.claims.get(id) ?? {};
    if (!claim || claim.cancelled) return false;
    claim.cancelled = true;
    claim.sink.fail(new XpmnError('truncated', 'The sender could not send the rest.'));
    return true;
  }

  private async send(id: string, media: OpenMedia, signal: AbortSignal): Promise<void> {
    if (this.sending.size >= this.maxSends) {
      media.close();
      throw new XpmnError('resource-limit', 'Full.');
    }
    const sent: Sent = { abort: new AbortController(), count: 0 };
    this.ids.push(id);
    this.sending.set(id, sent);
    const forward = (): void => sent.abort.abort(signal.reason);
    for (const one of [signal, this.closed.signal]) one.addEventListener('abort', forward, { once: true });
    let claim: Claim | undefined;
    try {
      claim = await abortable(this.claimOf(id).made.promise, sent.abort.signal);
      await this.deliver(media, claim, sent);
      if (!claim.cancelled) this.end(claim, sent.count);
    } catch (error) {
      if (claim && !claim.cancelled) claim.sink.fail(this.closed.signal.aborted ? this.closed.signal.reason as XpmnError : new XpmnError('truncated', 'Too early.'));
      throw error;
    } finally {
      this.sending.delete(id);
      media.close();
    }
  }

  private deliver(media: OpenMedia, claim: Claim, sent: Sent): Promise<void> {
    let buffer = Buffer.alloc(this.chunk);
    return media.read({
      buffer: () => buffer,
      filled: (count) => {
        const chunk = buffer.subarray(0, count);
        buffer = Buffer.alloc(this.chunk);
        this.beforeChunk(sent.count);
        if (sent.abort.signal.aborted) throw sent.abort.signal.reason as Error;
        sent.count += count;
        if (claim.cancelled) return new Promise(() => undefined);
        claim.lying += count;
        claim.sink.write(chunk);
        return claim.lying < this.window ? undefined : new Promise((resolve) => (claim.more = resolve));
      },
    }, { signal: sent.abort.signal });
  }

  private end({ size, sink }: Claim, count: number): void {
    if (size === undefined || size === count) sink.end();
    else sink.fail(new XpmnError('truncated', 'Not as announced.'));
  }

  private receive(id: string, sink: MediaSink, size: number | undefined): IncomingStream {
    if (this.closed.signal.aborted) throw this.closed.signal.reason as Error;
    this.announced.set(id, size);
    const claim: Claim = { sink, size, lying: 0, cancelled: false, more: () => undefined };
    const place = this.claimOf(id);
    place.claim = claim;
    place.made.resolve(claim);
    return {
      consumed: (count) => {
        claim.lying -= count;
        if (claim.lying < this.window) claim.more();
      },
      cancel: () => {
        claim.cancelled = true;
        this.cancelled.push(id);
      },
    };
  }

  private claimOf(id: string): Place {
    const place = this.claims.get(id) ?? { made: deferred<Claim>(), claim: undefined };
    this.claims.set(id, place);
    return place;
  }
}

function bytesMedia(content: Uint8Array): OpenMedia {
  return {
    entity: { size: content.length, type: 'text/xml', etag: '' },
    range: content.length > 0 ? { from: 0, to: content.length - 1 } : undefined,
    close: () => undefined,
    read: async (lease, { signal }) => {
      for (let at = 0; at < content.length; ) {
        const buffer = lease.buffer();
        const part = content.subarray(at, at + buffer.length);
        buffer.set(part);
        at += part.length;
        await abortable(lease.filled(part.length) ?? Promise.resolve(), signal);
      }
    },
  };
}
