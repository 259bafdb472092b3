import { asXpmnError, XpmnError } from '../../kernel/errors.ts';
import type { Timer } from '../../kernel/clock.ts';
import type { IncomingStream, MediaSink } from '../../ports/peer-link.ts';
import { HeldBytes, HOLD_BLOCK } from './oob-hold.ts';
import type { ReceiveWindow } from './oob-window.ts';

export interface IncomingHooks {
  /** Credit for the sender. */
  grant(id: string, bytes: number): void;
  /** We want no more of it; if `ours`, nobody asked for that and the peer must be told. */
  unwanted(stream: Incoming, ours: boolean): void;
  /** The sink has so much that, without flow control, reading must stop; or no longer. */
  congestion(congested: boolean): void;
}

/**
 * One stream being received. Without a sink its bytes are held; with one they go straight to it, but for crumbs that come
 * while the sink is busy.
 */
export class Incoming implements IncomingStream {
  readonly id: string;
  /** A chunk has come, and no last-chunk yet. */
  live = false;
  /** The last-chunk has come. */
  ended = false;
  /** What comes is thrown away. */
  discarding = false;
  /** Gives it up while nobody claims it. */
  patience: Timer | undefined;

  private readonly hooks: IncomingHooks;
  private readonly window: ReceiveWindow | undefined;
  private readonly congestedAt: number;
  private readonly held = new HeldBytes();
  private sink: MediaSink | undefined;
  private announced = Number.POSITIVE_INFINITY;
  private isExact = false;
  /** What was held is about to go, or going, to the sink: nothing overtakes it. */
  private emptying = false;
  private over = false;
  private length = 0;
  /** Bytes the sink was given and has not consumed. */
  private lying = 0;
  private isCongested = false;

  /** `window`: undefined without flow control; then `congestedAt` unconsumed bytes stop the whole session. */
  constructor(id: string, hooks: IncomingHooks, options: { readonly window: ReceiveWindow | undefined; readonly congestedAt: number }) {
    this.id = id;
    this.hooks = hooks;
    this.window = options.window;
    this.congestedAt = options.congestedAt;
  }

  get isClaimed(): boolean {
    return this.sink !== undefined;
  }

  /** It is wanted, and its sender may send: that nothing comes is the sender's doing, or the path's. */
  get isAwaited(): boolean {
    return this.isClaimed && !this.ended && !this.over && (this.window?.isOpen ?? true);
  }

  /** What was held goes to the sink right after the caller has its handle. */
  claim(sink: MediaSink, size: number | undefined): void {
    this.sink = sink;
    if (size !== undefined) {
      this.announced = size;
      this.isExact = true;
    }
    this.patience?.cancel();
    if (this.length === 0 && !this.ended) return;
    this.emptying = true;
    queueMicrotask(() => this.openSink());
  }

  /** @throws XpmnError `flow-control` */
  chunk(size: number): void {
    this.window?.take(size);
    this.length += size;
    if (this.length > this.announced && !this.discarding) this.refuse(new XpmnError('protocol-violation', 'The peer sent more than it announced.'));
  }

  data(slice: Buffer): void {
    if (this.discarding) return;
    if (!this.sink || this.emptying) this.held.push(slice);
    else if (slice.length < HOLD_BLOCK && (this.held.length > 0 || this.lying >= HOLD_BLOCK)) this.gather(slice);
    else {
      if (this.held.length > 0) this.flush();
      this.give(slice);
    }
  }

  last(): void {
    this.live = false;
    this.ended = true;
    if (this.sink && !this.emptying) this.finish();
  }

  consumed(count: number): void {
    if (this.over) return;
    if (count > this.lying) throw new XpmnError('internal', 'A sink consumed more than it was given.');
    const granted = this.window?.consumed(count, this.lying + this.held.length) ?? 0;
    this.lying -= count;
    if (granted > 0) this.hooks.grant(this.id, granted);
    if (this.held.length > 0 && this.lying < HOLD_BLOCK && !this.emptying) this.flush();
    this.watchCongestion();
  }

  cancel(): void {
    if (!this.over) this.discard(false);
  }

  /** Throws away what comes, silently: it was given up before it came. */
  ignore(): void {
    this.discarding = true;
    this.over = true;
  }

  /** Nobody claimed it, or the session carries too many such. */
  giveUp(): void {
    if (!this.over) this.discard(true);
  }

  /** The rest of it will never come, but its last-chunk may. */
  abandoned(error: XpmnError): void {
    if (this.over) return;
    this.discard(false);
    this.tellFailure(error);
  }

  /** The session is gone. */
  lost(error: XpmnError): void {
    if (this.over) return;
    this.close();
    this.tellFailure(error);
  }

  private openSink(): void {
    if (this.over) return;
    if (this.length > this.announced) {
      this.refuse(new XpmnError('protocol-violation', 'The peer sent more than it announced.'));
      return;
    }
    this.flush();
  }

  private gather(slice: Buffer): void {
    this.held.push(slice);
    if (this.held.length >= HOLD_BLOCK) this.flush();
  }

  /** More may come while the sink takes it: credit that it gives can have bytes as a consequence at once. */
  private flush(): void {
    this.emptying = true;
    while (this.held.length > 0) {
      for (const block of this.held.take()) this.give(block);
    }
    this.emptying = false;
    if (this.ended) this.finish();
  }

  private give(slice: Buffer): void {
    if (this.over) return;
    this.lying += slice.length;
    try {
      (this.sink as MediaSink).write(slice);
    } catch (error) {
      this.refuse(asXpmnError(error));
    }
    this.watchCongestion();
  }

  private finish(): void {
    if (this.over) return;
    if (this.held.length > 0) {
      this.flush();
      return;
    }
    this.close();
    if (this.isExact && this.length < this.announced) {
      this.tellFailure(new XpmnError('truncated', 'The stream ended before its announced length.'));
      return;
    }
    try {
      this.sink?.end();
    } catch (error) {
      this.tellFailure(asXpmnError(error));
    }
  }

  private refuse(error: XpmnError): void {
    if (this.over) return;
    this.discard(true);
    this.tellFailure(error);
  }

  private discard(ours: boolean): void {
    this.discarding = true;
    this.close();
    this.hooks.unwanted(this, ours);
  }

  private close(): void {
    this.over = true;
    this.patience?.cancel();
    this.held.clear();
    this.window?.release();
    this.watchCongestion();
  }

  /** A sink that can't even bear that is on its own. */
  private tellFailure(error: XpmnError): void {
    try {
      this.sink?.fail(error);
    } catch {
      // It has been told.
    }
  }

  private watchCongestion(): void {
    const limit = this.isCongested ? this.congestedAt / 2 : this.congestedAt;
    const congested = !this.over && this.lying > limit;
    if (congested === this.isCongested) return;
    this.isCongested = congested;
    this.hooks.congestion(congested);
  }
}
