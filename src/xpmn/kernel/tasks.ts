import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.ts';
import { XpmnError } from './errors.ts';

/** Throws the signal's reason if it is aborted. Every operation that waits calls this first. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortReason(signal);
}

export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new XpmnError('aborted', 'The operation was aborted.');
}

/**
 * Runs `work` with a signal that aborts when `signal` does or after `delay` ms (code `timeout`). The one place where
 * deadlines are made: the timer is gone when `work` settles.
 */
export async function withDeadline<T>(
  { clock, signal, delay, what }: { clock: Clock; signal?: AbortSignal | undefined; delay: number; what: string },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal);
  const controller = new AbortController();
  const forward = (): void => controller.abort(abortReason(signal as AbortSignal));
  signal?.addEventListener('abort', forward, { once: true });
  const timer = clock.after(delay, () => controller.abort(new XpmnError('timeout', `${what} took longer than ${delay / 1000} s.`)));
  try {
    return await abortable(work(controller.signal), controller.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', forward);
  }
}

/** `promise`, or the signal's reason if it aborts first. Does not stop the work behind `promise`. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(abortReason(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Waits for a farewell until `signal` aborts; what comes of it later, or is wrong with it, is nobody's business any more. */
export async function untilAborted(farewell: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  await abortable(farewell, signal).catch(() => undefined);
}

/** Resolves in the next turn of the event loop: what was written in this one is on its way. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves after `delay` ms of `clock`; rejects at once with the reason when `signal` aborts. */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(abortReason(signal));
  return new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(abortReason(signal as AbortSignal));
    };
    const timer = clock.after(delay, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A promise with its ends in hand (Node 20 has no Promise.withResolvers). */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Nobody may be waiting yet when it fails; whoever waits later still sees the rejection.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** Runs jobs one after another, in the order given. One per session: nothing overtakes. */
export class SerialQueue {
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(job: () => Promise<T> | T): Promise<T> {
    const result = this.tail.then(job);
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything queued so far has ended. */
  async idle(): Promise<void> {
    await this.tail;
  }
}

/** Does `work` for each item, for at most so many at the same time. Results are in the order of the items; rejects as the first failure, and begins no more then. */
export async function atATime<T, R>(most: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let [next, isOver] = [0, false];
  const lane = async (): Promise<void> => {
    while (!isOver && next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index] as T).catch((error: unknown) => {
        isOver = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, lane));
  return results;
}

/**
 * Background work with an owner: no floating promises. `close()` aborts `signal` and waits for all of it; failures go
 * to `onError`, aborts are not failures.
 */
export class TaskGroup {
  private readonly running = new Set<Promise<unknown>>();
  private readonly controller = new AbortController();
  private readonly onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    // As many listeners as there are tasks.
    setMaxListeners(0, this.controller.signal);
    this.onError = onError;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  run(work: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.controller.signal.aborted) return;
    const task: Promise<unknown> = this.settled(work).then(() => this.running.delete(task));
    this.running.add(task);
  }

  async close(): Promise<void> {
    this.controller.abort(new XpmnError('aborted', 'Closing.'));
    await Promise.all(this.running);
  }

  private async settled(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    try {
      await work(this.controller.signal);
    } catch (error) {
      if (!this.controller.signal.aborted) this.onError(error);
    }
  }
}
