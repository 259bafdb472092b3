import type { Random } from '../kernel/clock.ts';

/** A PIN of so many digits, nine at most, evenly distributed: what does not divide is drawn again. */
export function makePin(random: Random, digits: number): string {
  const count = 10 ** digits;
  const limit = Math.floor(2 ** 32 / count) * count;
  for (;;) {
    const drawn = random.bytes(4).readUInt32BE();
    if (drawn < limit) return String(drawn % count).padStart(digits, '0');
  }
}
