import type { Clock, Random } from '../../xpmn/kernel/clock.ts';
import type { MediaItem } from '../../xpmn/model/media.ts';
import type { MediaSource } from '../../xpmn/ports/media-source.ts';

export interface SharedItemsOptions {
  /** Items at a time; the one unused for longest makes room. */
  readonly items: number;
  /** Milliseconds from the last use until an item is forgotten. */
  readonly lifetime: number;
}

interface Shared {
  readonly item: MediaItem;
  readonly source: MediaSource;
}

interface Entry extends Shared {
  readonly key: string;
  used: number;
}

/** What is shared now, by uid and by what it was made of. A uid is all that is needed to fetch it: it can't be guessed. */
export class SharedItems {
  private readonly deps: { readonly clock: Clock; readonly random: Random };
  private readonly options: SharedItemsOptions;
  /** The one unused for longest first. */
  private readonly byUid = new Map<string, Entry>();
  private readonly byKey = new Map<string, string>();

  constructor(deps: { readonly clock: Clock; readonly random: Random }, options: SharedItemsOptions) {
    this.deps = deps;
    this.options = options;
  }

  uidOf(key: string): string | undefined {
    const uid = this.byKey.get(key);
    return uid !== undefined && this.find(uid) ? uid : undefined;
  }

  add(key: string, make: (uid: string) => Shared): string {
    const uid = this.deps.random.bytes(16).toString('base64url');
    this.drop(this.byKey.get(key));
    this.byUid.set(uid, { ...make(uid), key, used: this.deps.clock.monotonic() });
    this.byKey.set(key, uid);
    if (this.byUid.size > this.options.items) this.drop(this.byUid.keys().next().value);
    return uid;
  }

  /** Using it prolongs it. */
  find(uid: string): Shared | undefined {
    const entry = this.byUid.get(uid);
    if (!entry) return undefined;
    if (entry.used + this.options.lifetime < this.deps.clock.monotonic()) {
      this.drop(uid);
      return undefined;
    }
    entry.used = this.deps.clock.monotonic();
    this.byUid.delete(uid);
    this.byUid.set(uid, entry);
    return entry;
  }

  private drop(uid: string | undefined): void {
    const entry = uid === undefined ? undefined : this.byUid.get(uid);
    if (uid === undefined || !entry) return;
    this.byUid.delete(uid);
    this.byKey.delete(entry.key);
  }
}
