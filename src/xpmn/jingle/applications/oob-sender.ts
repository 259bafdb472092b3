import type { Duplex } from 'node:stream';
import type { Clock } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { abortReason, throwIfAborted } from '../../kernel/tasks.ts';
import type { OpenMedia } from '../../ports/media-source.ts';
import { CREDIT_ID, READY_ID } from './oob-credit.ts';
import type { FlowTerms } from './oob-description.ts';
import { isStreamId } from './oob-frames.ts';
import { OutgoingStream, type OutgoingDeps } from './oob-outgoing.ts';
import type { SendPool } from './oob-pool.ts';
import { PathRate, type RateOptions } from './oob-rate.ts';
import { FrameScheduler } from './oob-scheduler.ts';

export interface SenderDeps {
  readonly clock: Clock;
  readonly pool: SendPool;
  /** Called when the last stream under way has ended. */
  idle(): void;
}

export interface SenderOptions extends RateOptions {
  /** What the peer accepts; undefined without flow control: then one stream at a time, in small chunks. */
  readonly terms: FlowTerms | undefined;
  /** The stream below copies what it is given before it calls back. */
  readonly reuse: boolean;
  /** Bytes that may wait in the socket. */
  readonly writeAhead: number;
}

/** The sending half of a session. */
export class Sender {
  readonly scheduler: FrameScheduler;
  private readonly deps: SenderDeps;
  private readonly options: SenderOptions;
  private readonly rate: PathRate;
  private readonly streamDeps: OutgoingDeps;
  /** By id, until their last-chunk has been written. */
  private readonly live = new Map<string, OutgoingStream>();
  /** Until they hold no buffer. */
  private readonly holding = new Set<OutgoingStream>();
  private lost: Error | undefined;

  constructor(stream: Duplex, deps: SenderDeps, options: SenderOptions) {
    this.deps = deps;
    this.options = options;
    this.rate = new PathRate(deps, options);
    this.scheduler = new FrameScheduler(stream, {
      maxCredit: options.terms?.maxChunk ?? options.firstChunk, writeAhead: options.writeAhead,
    });
    this.streamDeps = {
      pool: deps.pool,
      scheduler: this.scheduler,
      chunkSize: () => this.chunkSize(),
      ended: (ended) => this.ended(ended),
      departed: (departed) => this.holding.delete(departed),
    };
  }

  get count(): number {
    return this.live.size;
  }

  get hasRoom(): boolean {
    return !this.lost && this.live.size < (this.options.terms?.maxStreams ?? 1);
  }

  /** As `ByteStreams.send`. */
  async send(id: string, media: OpenMedia, signal: AbortSignal): Promise<void> {
    try {
      throwIfAborted(signal);
      const stream = this.begin(id, media);
      await this.run(stream, media, signal);
    } finally {
      media.close();
    }
  }

  /** Ends the stream early; false if there is none with that id. */
  abort(id: string, error: Error): boolean {
    const stream = this.live.get(id);
    stream?.fail(error);
    return stream !== undefined;
  }

  /** Credit from the peer; for streams that are not being sent it means nothing. */
  granted(id: string, bytes: number): void {
    const acknowledged = this.live.get(id)?.granted(bytes) ?? 0;
    if (acknowledged > 0) this.rate.acknowledged(acknowledged);
  }

  destroy(error: Error): void {
    this.lost = error;
    this.scheduler.stop();
    // One that holds nothing any more may still wait to write its end, and the other way round.
    for (const stream of new Set([...this.holding, ...this.live.values()])) stream.sessionLost(error);
  }

  private begin(id: string, media: OpenMedia): OutgoingStream {
    if (this.lost) throw this.lost;
    const { terms, reuse } = this.options;
    const reserved = terms !== undefined && (id === CREDIT_ID || id === READY_ID);
    if (!isStreamId(id) || reserved) throw new XpmnError('bad-request', 'That is not an id for a stream.');
    if (this.live.has(id)) throw new XpmnError('conflict', 'A stream with that id is being sent.');
    if (!this.hasRoom) throw new XpmnError('resource-limit', 'The session carries as many streams as the peer accepts.');
    const length = media.range ? media.range.to - media.range.from + 1 : undefined;
    const stream = new OutgoingStream(id, this.streamDeps, { window: terms?.window, length, reuse });
    if (this.live.size === 0) this.rate.started();
    this.live.set(id, stream);
    this.holding.add(stream);
    return stream;
  }

  private async run(stream: OutgoingStream, media: OpenMedia, signal: AbortSignal): Promise<void> {
    const reading = new AbortController();
    const onAbort = (): void => stream.fail(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    stream.done.promise.catch((error: unknown) => reading.abort(error));
    try {
      await media.read(stream, { signal: reading.signal });
      stream.finish();
    } catch (error) {
      stream.fail(error as Error);
    } finally {
      // Only now: while it reads, the source may write into what it was lent.
      stream.sourceReturned();
    }
    try {
      await stream.done.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  private ended(stream: OutgoingStream): void {
    this.live.delete(stream.id);
    if (this.live.size === 0) this.deps.idle();
  }

  private chunkSize(): number {
    const { terms, firstChunk } = this.options;
    return terms ? Math.min(this.rate.chunkSize, terms.maxChunk) : firstChunk;
  }
}
