/** So many bytes a second, and in a burst as many as in two: who floods us costs no more than that. */
export class ByteBudget {
  private readonly perSecond: number;
  private left: number;
  private since: number;

  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond;
    this.left = 2 * perSecond;
    this.since = now;
  }

  /** Whether there is enough for a message; if so, it is taken. */
  take(bytes: number, now: number): boolean {
    this.left = Math.min(2 * this.perSecond, this.left + ((now - this.since) * this.perSecond) / 1_000);
    this.since = now;
    if (bytes > this.left) return false;
    this.left -= bytes;
    return true;
  }
}
