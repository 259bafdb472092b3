import { XpmnError } from '../../../kernel/errors.ts';

/** An unsigned big-endian integer. */
export function integerOf(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);
}

/** PAD of RFC 5054: big-endian, with zeros in front to `size` bytes. */
export function paddedBytes(value: bigint, size: number): Buffer {
  if (BigInt.asUintN(size * 8, value) !== value) throw new XpmnError('internal', 'A number does not fit its field.');
  return Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
}

/**
 * `base` to the power of `exponent` modulo an odd `modulus`: a Montgomery ladder, so that each bit of the exponent costs one
 * product and one square whatever it is, over residues that fill the modulus from the first step on, also for a small base.
 *
 * SECURITY: this is not constant time. The engine's BigInts drop leading zero digits, its multiplication takes memory from a
 * heap that is collected now and then, and which residue is squared shows in the processor's caches. That is acceptable where
 * it is used: every secret exponent lives for one run (a and b are drawn for it, x hangs on its salt and its TLS session), so
 * there is one noisy sample of each and nothing to average; and a run uses up its PIN's attempt.
 */
export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const { enter, leave, product } = residues(modulus);
  let low = enter(1n);
  let high = enter(base % modulus);
  for (const bit of bitsOf(exponent)) {
    const both = product(low, high);
    const squared = bit ? product(high, high) : product(low, low);
    low = bit ? both : squared;
    high = bit ? squared : both;
  }
  return leave(low);
}

/** Most significant first. Whole digits of the engine, so that how small an exponent is shows once in 2^64. */
function* bitsOf(exponent: bigint): Generator<boolean> {
  const bytes = paddedBytes(exponent, Math.ceil(exponent.toString(16).length / 16) * 8);
  for (const byte of bytes) for (let bit = 7; bit >= 0; bit -= 1) yield ((byte >> bit) & 1) === 1;
}

/**
 * Residues in Montgomery's form, times 2^width. With a width of two bits more than the modulus has, products of numbers below
 * 2N stay below 2N, so that nothing is ever compared or subtracted on the way.
 */
function residues(modulus: bigint): { enter(value: bigint): bigint; leave(residue: bigint): bigint; product(a: bigint, b: bigint): bigint } {
  const width = modulus.toString(16).length * 4 + 64;
  const cut = (value: bigint): bigint => BigInt.asUintN(width, value);
  let inverse = 1n;
  // Newton: each step doubles the bits that are right.
  for (let right = 1; right < width; right *= 2) inverse = cut(inverse * (2n - modulus * inverse));
  const negative = cut(-inverse);
  const shift = BigInt(width);
  const product = (a: bigint, b: bigint): bigint => {
    const full = a * b;
    return (full + cut(cut(full) * negative) * modulus) >> shift;
  };
  return {
    product,
    enter: (value) => (value << shift) % modulus,
    leave: (residue) => product(residue, 1n) % modulus,
  };
}
