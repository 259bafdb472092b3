import type { Clock } from '../kernel/clock.ts';
import { keepNewest } from '../kernel/keep-newest.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaEntity } from '../ports/media-source.ts';

export interface EntityMemoryOptions {
  /** Milliseconds that what a device said of an item is taken to be so. */
  readonly lifetime: number;
  /** Items at a time, the latest. */
  readonly items: number;
}

/** What devices said of their items a moment ago: players ask the same many times. */
export class EntityMemory {
  private readonly clock: Clock;
  private readonly options: EntityMemoryOptions;
  private readonly known = new Map<string, { readonly entity: MediaEntity; readonly until: number }>();

  constructor(clock: Clock, options: EntityMemoryOptions) {
    this.clock = clock;
    this.options = options;
  }

  note(reference: MediaReference, entity: MediaEntity): void {
    const key = referenceKey(reference);
    this.known.delete(key);
    this.known.set(key, { entity, until: this.clock.monotonic() + this.options.lifetime });
    keepNewest(this.known, this.options.items);
  }

  find(reference: MediaReference): MediaEntity | undefined {
    const known = this.known.get(referenceKey(reference));
    return known && known.until > this.clock.monotonic() ? known.entity : undefined;
  }

  forget(reference: MediaReference): void {
    this.known.delete(referenceKey(reference));
  }
}

/** One item of one device. */
export function referenceKey({ device, uid }: MediaReference): string {
  return JSON.stringify([device, uid]);
}
