import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { deferred } from '../kernel/tasks.ts';
import type { Deferred } from '../kernel/tasks.ts';
import type { Lease, MediaEntity, MediaSource, OpenMedia } from '../ports/media-source.ts';
import type { IncomingStream, MediaSink } from '../ports/peer-link.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import type { OpenItem } from './read-ahead.ts';

export interface LocalTransferOptions {
  /** Bytes of a buffer that is read into. */
  readonly chunk: number;
  /** Bytes that are read ahead of the sink. */
  readonly window: number;
}

/** A transfer of something that lies on this machine: the same as from another device, without a stream between. @throws XpmnError as `MediaSource.open`; `entity-changed` */
export async function openLocally(
  source: MediaSource,
  { range, ifMatch }: Parameters<OpenItem>[1],
  { signal, options }: { readonly signal: AbortSignal; readonly options: LocalTransferOptions },
): Promise<RemoteTransfer> {
  const media = await source.open({ range, signal }).catch(async (error: unknown) => {
    // The tag counts before the range: a range of something else means nothing.
    if (ifMatch !== undefined && asXpmnError(error).code === 'range-not-satisfiable') checkTag(await source.probe({ signal }), ifMatch);
    throw error;
  });
  try {
    if (ifMatch !== undefined) checkTag(media.entity, ifMatch);
  } catch (error) {
    media.close();
    throw error;
  }
  return new LocalTransfer(media, options);
}

class LocalTransfer implements RemoteTransfer {
  private readonly media: OpenMedia;
  private readonly options: LocalTransferOptions;
  private readonly ending = new AbortController();
  private unconsumed = 0;
  private room: Deferred<void> | undefined;
  private isReceived = false;

  constructor(media: OpenMedia, options: LocalTransferOptions) {
    this.media = media;
    this.options = options;
  }

  get entity(): MediaEntity {
    return this.media.entity;
  }

  get range(): RemoteTransfer['range'] {
    return this.media.range;
  }

  receive(sink: MediaSink): IncomingStream {
    if (this.isReceived) throw new XpmnError('internal', 'A transfer can be received once.');
    this.isReceived = true;
    const { signal } = this.ending;
    // In the next turn: whoever receives knows the stream before the first byte.
    setImmediate(() => {
      this.media.read(this.lease(sink), { signal }).then(
        () => signal.aborted || sink.end(),
        (error: unknown) => signal.aborted || sink.fail(asXpmnError(error)),
      );
    });
    return { consumed: (count) => this.consumed(count), cancel: () => this.abort() };
  }

  abort(): void {
    this.ending.abort(new XpmnError('aborted', 'Nobody wants the file any more.'));
    this.room?.reject(this.ending.signal.reason as Error);
    this.media.close();
  }

  /** What is given away is the sink's: what is left of a buffer is used while it is worth a read. */
  private lease(sink: MediaSink): Lease {
    const { chunk, window } = this.options;
    let buffer = Buffer.allocUnsafeSlow(chunk);
    return {
      buffer: () => buffer,
      filled: (count) => {
        this.unconsumed += count;
        sink.write(buffer.subarray(0, count));
        buffer = buffer.length - count >= chunk / 2 ? buffer.subarray(count) : Buffer.allocUnsafeSlow(chunk);
        if (this.unconsumed < window) return undefined;
        this.room = deferred();
        return this.room.promise;
      },
    };
  }

  private consumed(count: number): void {
    this.unconsumed -= count;
    if (this.unconsumed < this.options.window) this.room?.resolve();
  }
}

function checkTag({ etag }: MediaEntity, wanted: string): void {
  if (etag !== wanted) throw new XpmnError('entity-changed', 'The media has changed since.', { details: { etag } });
}
