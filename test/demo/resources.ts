type Release = () => Promise<unknown>;

/**
 * What a run has taken, given back in reverse order, whenever it ends: `close` waits for what is just being taken, so
 * that nothing comes into being behind its back.
 */
export class Resources {
  private readonly releases: Release[] = [];
  private readonly pending = new Set<Promise<unknown>>();
  private closed = false;

  async take<T>(acquire: () => Promise<T>, release: (taken: T) => Promise<unknown>): Promise<T> {
    if (this.closed) throw new Error('the run has ended');
    const taking = acquire().then((taken) => {
      this.releases.push(() => release(taken));
      return taken;
    });
    const settled = taking.catch(() => undefined);
    this.pending.add(settled);
    void settled.then(() => this.pending.delete(settled));
    return taking;
  }

  /** Tries all, whatever fails, then rejects with the first failure. Idempotent. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.pending);
    const failures: unknown[] = [];
    for (;;) {
      const release = this.releases.pop();
      if (!release) break;
      await release().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
