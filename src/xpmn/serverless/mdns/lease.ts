/** When what is about to be forgotten is asked for again, as parts of its lifetime. @spec RFC 6762 §5.2 */
const REFRESH_AT = [0.8, 0.85, 0.9, 0.95];
/** What is said to be gone, or replaced, is kept for this time: somebody may object. @spec RFC 6762 §10.1, §10.2 */
const LAST_RITES = 1_000;

/** Something that is believed for a time, and asked for again before that is over. */
export class Lease<T> {
  readonly value: T;
  readonly since: number;
  until: number;
  private readonly lifetime: number;
  private readonly jitter: number;
  private asked = 0;

  /** `lifetime` in milliseconds; `jitter` in [0, 1). */
  constructor(value: T, since: number, lifetime: number, jitter: number) {
    this.value = value;
    this.since = since;
    this.lifetime = lifetime;
    this.until = since + lifetime;
    this.jitter = jitter;
  }

  /** Ends soon, unless it is said again. */
  end(now: number): void {
    this.until = Math.min(this.until, now + LAST_RITES);
    this.asked = REFRESH_AT.length;
  }

  get isEnding(): boolean {
    return this.until < this.since + this.lifetime;
  }

  /** When to ask for it again; undefined when that is no use any more. */
  get refreshAt(): number | undefined {
    const part = REFRESH_AT[this.asked];
    return part === undefined ? undefined : this.since + this.lifetime * (part + 0.02 * this.jitter);
  }

  /** It was asked for at `now`. */
  noteAsked(now: number): void {
    while ((this.refreshAt ?? Infinity) <= now) this.asked += 1;
  }

  /** Whether less than half of the lifetime is over: then others need not say it. */
  isFresh(now: number): boolean {
    return now < this.since + this.lifetime / 2;
  }

  /** Whole seconds that are left. */
  left(now: number): number {
    return Math.max(0, Math.floor((this.until - now) / 1_000));
  }
}
