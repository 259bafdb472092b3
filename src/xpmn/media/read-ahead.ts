import type { Clock } from '../kernel/clock.ts';
import { asXpmnError } from '../kernel/errors.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../ports/media-source.ts';
import type { MediaSink } from '../ports/peer-link.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import { BlockCache } from './block-cache.ts';
import type { BlockCacheOptions } from './block-cache.ts';
import { EntityMemory, referenceKey } from './entity-memory.ts';
import { RememberedTransfer } from './remembered-transfer.ts';

/** Begins a transfer of an item, on whatever device it lies. */
export type OpenItem = (
  reference: MediaReference,
  request: { readonly range: RangeRequest | undefined; readonly ifMatch: string | undefined },
  options: { readonly signal: AbortSignal },
) => Promise<RemoteTransfer>;

export interface ReadAheadOptions extends BlockCacheOptions {
  /** Bytes that are remembered of what a request begins with, and of the end of the entity, where many formats keep their index. */
  readonly first: number;
  readonly last: number;
  /** Milliseconds before a range goes on where memory ends: who only probes has gone by then. */
  readonly hesitation: number;
}

/**
 * Transfers, with a memory of where players look first: a player probes the head, the end and the head again, on connections that
 * it drops. What was read there before is answered without the device, as long as its word on the entity counts; where memory
 * ends, the rest comes from the device, of that entity or not at all. All else passes by.
 */
export class ReadAhead {
  readonly entities: EntityMemory;
  private readonly deps: { readonly openItem: OpenItem; readonly clock: Clock };
  private readonly options: ReadAheadOptions;
  private readonly cache: BlockCache;

  constructor(deps: { readonly openItem: OpenItem; readonly clock: Clock }, options: ReadAheadOptions & { readonly entityLifetime: number; readonly items: number }) {
    this.deps = deps;
    this.options = options;
    this.cache = new BlockCache(options);
    this.entities = new EntityMemory(deps.clock, { lifetime: options.entityLifetime, items: options.items });
  }

  /** What is taken up again is never compared with what was remembered: `ifMatch` goes to the device. */
  async open(reference: MediaReference, request: Parameters<OpenItem>[1], signal: AbortSignal): Promise<RemoteTransfer> {
    if (request.ifMatch !== undefined) return this.deps.openItem(reference, request, { signal });
    return this.remembered(reference, request.range, signal) ?? this.recorded(reference, request, this.options.first, signal);
  }

  private remembered(reference: MediaReference, asked: RangeRequest | undefined, signal: AbortSignal): RemoteTransfer | undefined {
    const entity = this.entities.find(reference);
    const range = entity && clamp(asked, entity.size);
    if (!entity || !range) return undefined;
    const parts = this.cache.read(referenceKey(reference), entity.etag, range);
    const known = parts.reduce((sum, { length }) => sum + length, 0);
    // A few bytes of much are not worth a request in two parts.
    if (known === 0 || (known < this.options.blockSize && known < lengthOf(range))) return undefined;
    const rest = { from: range.from + known, to: range.to };
    return new RememberedTransfer({ entity, range, parts }, {
      clock: this.deps.clock,
      hesitation: asked === undefined ? 0 : this.options.hesitation,
      signal,
      rest: (until) => this.rest(reference, entity, rest, Math.max(0, this.options.first - known), until),
    });
  }

  /** @throws XpmnError `entity-changed`, and then nothing of it is remembered */
  private async rest(reference: MediaReference, { etag }: MediaEntity, range: ByteRange, first: number, signal: AbortSignal): Promise<RemoteTransfer> {
    try {
      return await this.recorded(reference, { range, ifMatch: etag }, first, signal);
    } catch (error) {
      if (asXpmnError(error).code === 'entity-changed') this.forget(reference);
      throw error;
    }
  }

  private forget(reference: MediaReference): void {
    this.entities.forget(reference);
    this.cache.forget(referenceKey(reference));
  }

  private async recorded(reference: MediaReference, request: Parameters<OpenItem>[1], first: number, signal: AbortSignal): Promise<RemoteTransfer> {
    const transfer = await this.deps.openItem(reference, request, { signal });
    const { entity, range } = transfer;
    this.entities.note(reference, entity);
    if (entity.size === undefined || entity.etag === '' || !range) return transfer;
    const key = referenceKey(reference);
    this.cache.use(key, entity.etag);
    const zones = { from: range.from, first: range.from + first, last: entity.size - this.options.last };
    return {
      entity,
      range,
      receive: (sink) => transfer.receive(recording(sink, zones, (offset, bytes) => this.cache.note(key, entity.etag, offset, bytes))),
      abort: () => transfer.abort(),
    };
  }
}

/** Tells of what lies before `first`, or from `last` on; whatever else passes is not touched. */
function recording(sink: MediaSink, { from, first, last }: { readonly from: number; readonly first: number; readonly last: number }, note: (offset: number, bytes: Buffer) => void): MediaSink {
  let at = from;
  return {
    write(chunk) {
      const start = at;
      at += chunk.length;
      if (start < first) note(start, chunk.subarray(0, Math.min(chunk.length, first - start)));
      if (at > last) note(Math.max(start, last), chunk.subarray(Math.max(0, last - start)));
      sink.write(chunk);
    },
    end: () => sink.end(),
    fail: (error) => sink.fail(error),
  };
}

/** Undefined where only the device can tell what is to be had, or that nothing is. */
function clamp(asked: RangeRequest | undefined, size: number | undefined): ByteRange | undefined {
  if (!size) return undefined;
  const from = asked === undefined ? 0 : 'last' in asked ? Math.max(0, size - asked.last) : asked.from;
  const to = Math.min(size - 1, (asked && 'to' in asked ? asked.to : undefined) ?? size - 1);
  return from <= to ? { from, to } : undefined;
}

function lengthOf({ from, to }: ByteRange): number {
  return to - from + 1;
}
