import type { Clock } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { sleep } from '../kernel/tasks.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../ports/media-source.ts';
import type { IncomingStream, MediaSink } from '../ports/peer-link.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import { RecentBytes } from './recent-bytes.ts';

export interface ResumeOptions {
  /** Bytes that are fetched again and compared before a transfer goes on. */
  readonly overlap: number;
  /** Attempts in a row that bring no new byte. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled each time. */
  readonly firstDelay: number;
  readonly maxDelay: number;
}

export type OpenRemote = (request: { range: RangeRequest | undefined; ifMatch: string | undefined }, signal: AbortSignal) => Promise<RemoteTransfer>;

/**
 * A transfer that survives the path: when it breaks, it is taken up again where it stopped, if the entity is still the
 * same (its tag, and a stretch of bytes that must be equal). The sink sees a pause, or a failure; never mixed bytes.
 */
export class ResumingTransfer {
  private readonly clock: Clock;
  private readonly options: ResumeOptions;
  private readonly open: OpenRemote;
  private readonly recent: RecentBytes;
  private readonly abort = new AbortController();
  private transfer: RemoteTransfer;
  private stream: IncomingStream | undefined;
  private sink: MediaSink | undefined;
  private delivered = 0;
  /** Given to the sink and not consumed, of the stream now, and of streams that are gone. */
  private lying = 0;
  private stale = 0;
  private attempt = 0;
  private over = false;

  constructor(first: RemoteTransfer, deps: { readonly clock: Clock; readonly open: OpenRemote }, options: ResumeOptions) {
    this.transfer = first;
    this.clock = deps.clock;
    this.open = deps.open;
    this.options = options;
    this.recent = new RecentBytes(options.overlap);
  }

  get entity(): MediaEntity {
    return this.transfer.entity;
  }

  get range(): ByteRange | undefined {
    return this.transfer.range;
  }

  /** Begins to deliver, once. */
  receive(sink: MediaSink): void {
    this.sink = sink;
    this.attach(this.transfer, Buffer.alloc(0), this.transfer.range);
  }

  consumed(count: number): void {
    const old = Math.min(this.stale, count);
    this.stale -= old;
    this.lying -= count - old;
    if (count > old) this.stream?.consumed(count - old);
  }

  /** Nobody wants it any more. Idempotent. */
  cancel(): void {
    if (this.over) return;
    this.over = true;
    this.abort.abort(new XpmnError('aborted', 'Nobody wants the file any more.'));
    this.transfer.abort();
  }

  private attach(transfer: RemoteTransfer, expected: Buffer, whole: ByteRange | undefined): void {
    try {
      this.stream = transfer.receive(this.compare(expected, whole));
    } catch (error) {
      // The session ended before the stream could be claimed.
      this.broken(asXpmnError(error), whole);
    }
  }

  /** Delivers what comes after `expected`, which must come first. */
  private compare(expected: Buffer, whole: ByteRange | undefined): MediaSink {
    let left = expected;
    return {
      write: (chunk) => {
        if (left.length === 0) {
          this.deliver(chunk);
          return;
        }
        const compared = Math.min(left.length, chunk.length);
        if (!chunk.subarray(0, compared).equals(left.subarray(0, compared))) {
          this.fail(new XpmnError('entity-changed', 'The media has changed since.'));
          return;
        }
        left = left.subarray(compared);
        this.stream?.consumed(compared);
        if (compared < chunk.length) this.deliver(chunk.subarray(compared));
      },
      end: () => this.end(),
      fail: (error) => this.broken(error, whole),
    };
  }

  private deliver(chunk: Buffer): void {
    if (this.over) return;
    this.attempt = 0;
    this.delivered += chunk.length;
    this.lying += chunk.length;
    this.recent.push(chunk);
    this.sink?.write(chunk);
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.sink?.end();
  }

  private fail(error: XpmnError): void {
    if (this.over) return;
    this.over = true;
    this.transfer.abort();
    this.sink?.fail(error);
  }

  private broken(error: XpmnError, whole: ByteRange | undefined): void {
    if (this.over) return;
    this.stale += this.lying;
    this.lying = 0;
    this.stream = undefined;
    const { etag } = this.transfer.entity;
    const canResume = whole !== undefined && etag !== '' && (error.retryable || error.code === 'truncated');
    if (!canResume || whole === undefined) this.fail(error);
    else this.resume(whole, etag, error).catch((reason: unknown) => this.fail(asXpmnError(reason)));
  }

  private async resume(whole: ByteRange, etag: string, because: XpmnError): Promise<void> {
    if (this.attempt >= this.options.attempts) throw because;
    this.attempt += 1;
    if (this.attempt > 1) await sleep(this.clock, Math.min(this.options.firstDelay * 2 ** (this.attempt - 2), this.options.maxDelay), this.abort.signal);
    const expected = this.recent.tail();
    const from = whole.from + this.delivered - expected.length;
    let transfer: RemoteTransfer;
    try {
      transfer = await this.open({ range: { from, to: whole.to }, ifMatch: etag }, this.abort.signal);
    } catch (error) {
      const reason = asXpmnError(error);
      if (this.over || !reason.retryable) throw reason;
      await this.resume(whole, etag, reason);
      return;
    }
    if (this.over) {
      transfer.abort();
      return;
    }
    this.transfer = transfer;
    const same = transfer.entity.etag === etag && transfer.range?.from === from && transfer.range.to === whole.to;
    if (!same) throw new XpmnError('entity-changed', 'The media has changed since.');
    this.attach(transfer, expected, whole);
  }
}
