import type { Context } from 'mocha';

/**
 * A rejection that nobody waits for ends the program. Here it would go unseen: mocha listens for it, and tells nobody. So it is
 * noted with the test that it belongs to, and told when all are over: whoever fails between two tests fails all that follow.
 */
const floating = new Set<Promise<unknown>>();
const found: string[] = [];
let reasons: unknown[] = [];

function note(reason: unknown, promise: Promise<unknown>): void {
  // Mocha passes each on once more.
  if (!floating.has(promise)) reasons.push(reason);
  floating.add(promise);
}

async function assign(title: string): Promise<void> {
  // What has just been rejected is known when this turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  found.push(...reasons.map((reason) => `${title}: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`));
  reasons = [];
  floating.clear();
}

export const mochaHooks = {
  /** For each file where several run at a time: mocha has taken all listeners away after the one before. */
  beforeAll(): void {
    if (!process.listeners('unhandledRejection').includes(note)) process.on('unhandledRejection', note);
  },

  async afterEach(this: Context): Promise<void> {
    await assign(this.currentTest?.fullTitle() ?? '');
  },

  async afterAll(): Promise<void> {
    await assign('after the last test');
    const all = found.splice(0);
    if (all.length > 0) throw new Error(`Nobody waits for what was rejected.\n${all.join('\n')}`);
  },
};
