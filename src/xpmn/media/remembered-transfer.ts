import type { Clock } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { sleep } from '../kernel/tasks.ts';
import type { ByteRange, MediaEntity } from '../ports/media-source.ts';
import type { IncomingStream, MediaSink } from '../ports/peer-link.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';

export interface RememberedTransferDeps {
  readonly clock: Clock;
  /** Milliseconds before the rest is asked for. */
  readonly hesitation: number;
  readonly signal: AbortSignal;
  /** Begins the transfer of what is not remembered, if the entity is still the same. */
  rest(signal: AbortSignal): Promise<RemoteTransfer>;
}

/**
 * A transfer whose beginning is in memory, or all of it. The rest is asked for once the beginning has left: whoever
 * wanted no more than that costs the device nothing.
 */
export class RememberedTransfer implements RemoteTransfer {
  readonly entity: MediaEntity;
  readonly range: ByteRange;
  private readonly deps: RememberedTransferDeps;
  private readonly parts: readonly Buffer[];
  private readonly ending = new AbortController();
  /** Bytes of memory that the sink has not consumed yet. */
  private lying: number;
  private readonly isWhole: boolean;
  private transfer: RemoteTransfer | undefined;
  private stream: IncomingStream | undefined;
  private sink: MediaSink | undefined;
  private over = false;

  constructor({ entity, range, parts }: { readonly entity: MediaEntity; readonly range: ByteRange; readonly parts: readonly Buffer[] }, deps: RememberedTransferDeps) {
    this.entity = entity;
    this.range = range;
    this.parts = parts;
    this.deps = deps;
    this.lying = parts.reduce((sum, { length }) => sum + length, 0);
    this.isWhole = this.lying === range.to - range.from + 1;
  }

  receive(sink: MediaSink): IncomingStream {
    if (this.sink || this.over) throw new XpmnError('internal', 'A transfer can be received once.');
    this.sink = sink;
    setImmediate(() => this.deliver(sink));
    return { consumed: (count) => this.consumed(count), cancel: () => this.abort() };
  }

  abort(): void {
    if (this.over) return;
    this.over = true;
    this.ending.abort(new XpmnError('aborted', 'Nobody wants the file any more.'));
    this.transfer?.abort();
  }

  private deliver(sink: MediaSink): void {
    for (const part of this.parts) if (!this.over) sink.write(part);
    if (this.over || !this.isWhole) return;
    this.over = true;
    sink.end();
  }

  private consumed(count: number): void {
    const remembered = Math.min(this.lying, count);
    this.lying -= remembered;
    if (remembered > 0 && this.lying === 0 && !this.isWhole) this.goOn().catch((error: unknown) => this.failed(asXpmnError(error)));
    if (count > remembered) this.stream?.consumed(count - remembered);
  }

  private async goOn(): Promise<void> {
    const { clock, hesitation } = this.deps;
    const signal = AbortSignal.any([this.deps.signal, this.ending.signal]);
    if (hesitation > 0) await sleep(clock, hesitation, signal);
    const transfer = await this.deps.rest(signal);
    this.transfer = transfer;
    if (this.over) {
      transfer.abort();
      return;
    }
    const from = this.range.from + this.parts.reduce((sum, { length }) => sum + length, 0);
    const fits = transfer.entity.etag === this.entity.etag && transfer.range?.from === from && transfer.range.to === this.range.to;
    if (!fits) throw new XpmnError('entity-changed', 'The media has changed since.');
    this.stream = transfer.receive({
      write: (chunk) => this.sink?.write(chunk),
      end: () => ((this.over = true), this.sink?.end()),
      fail: (error) => ((this.over = true), this.sink?.fail(error)),
    });
  }

  private failed(error: XpmnError): void {
    if (this.over) return;
    this.over = true;
    this.transfer?.abort();
    this.sink?.fail(error);
  }
}
