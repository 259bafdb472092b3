import type { Clock } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { keepNewest } from '../../kernel/keep-newest.ts';
import type { IncomingStream, MediaSink } from '../../ports/peer-link.ts';
import { Incoming, type IncomingHooks } from './oob-incoming.ts';
import { ReceiveWindow, RoundTrip, type WindowBudget, type WindowOptions } from './oob-window.ts';

export interface ReceiverDeps {
  readonly clock: Clock;
  readonly budget: WindowBudget;
  grant(id: string, bytes: number): void;
  /** The stream has ended or is not wanted: credit that waits for it is void. */
  ended(id: string): void;
  /** We discard the stream by our own decision: the peer must be told to abort it. */
  givenUp(id: string): void;
  /** Stop or go on reading the session. */
  pause(paused: boolean): void;
  /** Called when the last stream under way has ended. */
  idle(): void;
}

export interface ReceiverOptions extends WindowOptions {
  /** Both sides have flow control. */
  readonly flow: boolean;
  /** Streams between their first chunk and their last. */
  readonly maxStreams: number;
  /** Streams that nobody has claimed yet: half as many stop the reading, more are given up. */
  readonly maxUnclaimed: number;
  /** Milliseconds until an unclaimed stream is given up. */
  readonly unclaimedTime: number;
  /** Ids of unwanted streams that have not started: so many are remembered. */
  readonly maxUnwanted: number;
}

/** The receiving half of a session. */
export class Receiver {
  private readonly deps: ReceiverDeps;
  private readonly options: ReceiverOptions;
  private readonly hooks: IncomingHooks;
  private roundTrip = new RoundTrip();
  /** Claimed, held and discarded ones, until their last-chunk (held ones: until claimed). */
  private readonly streams = new Map<string, Incoming>();
  private readonly unwanted = new Set<string>();
  private current: Incoming | undefined;
  private liveCount = 0;
  private unclaimedCount = 0;
  private congestedCount = 0;
  private paused = false;
  private lost: XpmnError | undefined;

  constructor(deps: ReceiverDeps, options: ReceiverOptions) {
    this.deps = deps;
    this.options = options;
    this.hooks = {
      grant: (id, bytes) => this.deps.grant(id, bytes),
      unwanted: (stream, ours) => this.discarded(stream, ours),
      congestion: (congested) => {
        this.congestedCount += congested ? 1 : -1;
        this.updateReading();
      },
    };
  }

  /** Streams that are claimed or held, or still come in though nobody wants them. */
  get count(): number {
    return this.streams.size;
  }

  /** Streams that would fail if the session ended now. */
  get hasOpen(): boolean {
    for (const stream of this.streams.values()) if (!stream.ended && !stream.discarding) return true;
    return false;
  }

  /** Some stream waits for bytes that nothing on this side holds back. */
  get isAwaiting(): boolean {
    if (this.paused) return false;
    for (const stream of this.streams.values()) if (stream.isAwaited) return true;
    return false;
  }

  /** As `ByteStreams.receive`. */
  claim(id: string, sink: MediaSink, size: number | undefined): IncomingStream {
    if (this.lost) throw this.lost;
    const known = this.streams.get(id);
    if (known?.isClaimed && !known.discarding) throw new XpmnError('conflict', 'That stream is being received.');
    if (known?.discarding || this.unwanted.has(id)) throw new XpmnError('not-found', 'That stream is not there any more.');
    const stream = known ?? this.add(id);
    stream.claim(sink, size);
    if (known) this.unclaimedCount -= 1;
    if (stream.ended) this.remove(stream);
    this.updateReading();
    return stream;
  }

  cancel(id: string): void {
    this.streams.get(id)?.cancel();
  }

  /** The sender has failed: what came is not all. False if there is no such stream, or it is discarded. */
  abort(id: string, error: XpmnError): boolean {
    const stream = this.streams.get(id);
    if (!stream || stream.discarding) return false;
    stream.abandoned(error);
    return true;
  }

  /** @throws XpmnError `flow-control`, `protocol-violation`: the session must end */
  chunk(id: string, size: number): void {
    const stream = this.streams.get(id) ?? this.unknown(id);
    if (stream.ended) throw new XpmnError('protocol-violation', 'The peer goes on with a stream that it has ended.');
    if (!stream.live) {
      if (this.liveCount === this.options.maxStreams) throw new XpmnError('protocol-violation', 'The peer sends more streams at a time than agreed.');
      this.liveCount += 1;
      stream.live = true;
    }
    this.current = stream;
    stream.chunk(size);
    this.limitUnclaimed(stream);
  }

  data(slice: Buffer): void {
    this.current?.data(slice);
  }

  /** @throws XpmnError `protocol-violation` */
  last(id: string): void {
    const stream = this.streams.get(id) ?? this.unknown(id);
    if (stream.ended) throw new XpmnError('protocol-violation', 'The peer ends a stream twice.');
    if (stream.live) this.liveCount -= 1;
    stream.last();
    if (stream.isClaimed || stream.discarding) this.remove(stream);
    // Who claims it after that is told so, instead of waiting for ever.
    if (stream.discarding && !stream.isClaimed) this.remember(id);
    this.limitUnclaimed(stream);
  }

  /** Every open stream has failed. */
  destroy(error: XpmnError): void {
    this.lost = error;
    const open = [...this.streams.values()];
    this.streams.clear();
    this.unwanted.clear();
    for (const stream of open) stream.lost(error);
  }

  private add(id: string): Incoming {
    const { deps, options } = this;
    // Nothing is under way: the path may have become another one, longer or shorter, and shows itself unloaded now.
    if (this.streams.size === 0) this.roundTrip = new RoundTrip();
    const { roundTrip } = this;
    const window = options.flow ? new ReceiveWindow({ clock: deps.clock, budget: deps.budget, roundTrip }, options) : undefined;
    const stream = new Incoming(id, this.hooks, { window, congestedAt: options.flow ? Number.POSITIVE_INFINITY : options.window });
    this.streams.set(id, stream);
    return stream;
  }

  /** Something came for an id that nobody has claimed. */
  private unknown(id: string): Incoming {
    const stream = this.add(id);
    if (this.unwanted.delete(id)) {
      stream.ignore();
      return stream;
    }
    this.unclaimedCount += 1;
    stream.patience = this.deps.clock.after(this.options.unclaimedTime, () => stream.giveUp());
    this.updateReading();
    return stream;
  }

  private limitUnclaimed(stream: Incoming): void {
    const held = !stream.isClaimed && !stream.discarding;
    if (held && this.unclaimedCount > this.options.maxUnclaimed) stream.giveUp();
  }

  private discarded(stream: Incoming, ours: boolean): void {
    if (!stream.isClaimed) this.unclaimedCount -= 1;
    this.deps.ended(stream.id);
    // A stream with chunks to come is known until its last-chunk; of the others only the id is.
    if (!stream.live) {
      this.remove(stream);
      this.remember(stream.id);
    }
    if (ours && !stream.ended) this.deps.givenUp(stream.id);
    this.updateReading();
  }

  private remember(id: string): void {
    this.unwanted.add(id);
    keepNewest(this.unwanted, this.options.maxUnwanted);
  }

  private remove(stream: Incoming): void {
    if (!this.streams.delete(stream.id)) return;
    this.deps.ended(stream.id);
    if (this.streams.size === 0) this.deps.idle();
  }

  /**
   * Without flow control the only way to slow a sender down is to stop reading all of them; so it is for one who begins
   * many streams before the stanzas that tell of them have come.
   */
  private updateReading(): void {
    const { flow, maxUnclaimed } = this.options;
    const paused = flow ? this.unclaimedCount > maxUnclaimed / 2 : this.unclaimedCount > 0 || this.congestedCount > 0;
    if (paused === this.paused) return;
    this.paused = paused;
    this.deps.pause(paused);
  }
}
