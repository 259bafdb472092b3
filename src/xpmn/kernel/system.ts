import { randomBytes } from 'node:crypto';
import type { Clock, Random } from './clock.ts';

/** What timers of the machine can wait for; with more they do not wait at all. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, callback) {
    let handle: NodeJS.Timeout;
    const wait = (left: number): void => {
      const part = Math.min(Math.max(0, left), LONGEST_TIMER);
      handle = setTimeout(() => (left > part ? wait(left - part) : callback()), part);
      handle.unref();
    };
    wait(delay);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The machine's own randomness: cryptographic. */
export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  fraction: () => randomBytes(4).readUInt32BE(0) / 2 ** 32,
};
