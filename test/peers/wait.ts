/** How long a condition may stay unmet, and how often to look; both in milliseconds. */
export interface WaitOptions {
  readonly timeout?: number;
  readonly interval?: number;
}

/**
 * Polls until `condition` gives something truthy, and resolves to it. A condition that throws counts as unmet; after
 * the bound the rejection names `what` and the last error. For things outside this process only: inside it, wait for
 * the event.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => Promise<T> | T,
  { timeout = 15_000, interval = 25 }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + timeout;
  let last: unknown;
  for (;;) {
    // Whoever stands still for a while looks once more before he gives up.
    const isLast = performance.now() >= end;
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      if (error instanceof Unrecoverable) throw error;
      last = error;
    }
    if (isLast) throw new Error(`not within ${timeout} ms: ${what}`, { cause: last });
    await delay(interval);
  }
}

/** Thrown by a condition that can't become true any more: ends the wait at once. */
export class Unrecoverable extends Error {}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
