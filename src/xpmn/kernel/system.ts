import { randomBytes, randomFillSync } from 'node:crypto';
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

/** Drawn from the machine at a time: an id is sixteen bytes, and fetching those costs more than what is done with them. */
const drawn = Buffer.alloc(4096);
let used = drawn.length;

/** The machine's own randomness: cryptographic. */
export const systemRandom: Random = {
  bytes: (count) => (Number.isInteger(count) && count >= 0 && count <= 32 ? fewBytes(count) : randomBytes(count)),
  fraction: () => fewBytes(4).readUInt32BE(0) / 2 ** 32,
};

function fewBytes(count: number): Buffer {
  if (used + count > drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  const bytes = Buffer.from(drawn.subarray(used, used + count));
  // SECURITY: nobody finds here what was given out.
  drawn.fill(0, used, (used += count));
  return bytes;
}
