import assert from 'node:assert/strict';
import fc from 'fast-check';
import { integerOf, paddedBytes, power } from '../../../../../src/xpmn/jingle/security/srp/arithmetic.ts';

/** The definition, by squares and products. */
function plainPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n % modulus;
  let square = base % modulus;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

const big = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const odd = (bits: number): fc.Arbitrary<bigint> => big(bits).map((value) => value | 1n).filter((value) => value > 1n);

describe('SRP arithmetic', () => {
  it('raises to powers as the definition does', () => {
    fc.assert(fc.property(big(600), big(600), odd(512), (base, exponent, modulus) => assert.equal(power(base, exponent, modulus), plainPower(base, exponent, modulus))), { numRuns: 300 });
  });

  it('does so at the edges: small and full moduli, exponents and bases', () => {
    const moduli = [3n, 5n, 15n, (1n << 64n) - 1n, (1n << 64n) + 1n, (1n << 128n) - 159n];
    for (const modulus of moduli) {
      for (const base of [0n, 1n, 2n, modulus - 1n, modulus, modulus + 1n, modulus * modulus]) {
        for (const exponent of [0n, 1n, 2n, 63n, 64n, (1n << 64n) - 1n, 1n << 64n, modulus]) {
          assert.equal(power(base, exponent, modulus), plainPower(base, exponent, modulus), `${base} ^ ${exponent} mod ${modulus}`);
        }
      }
    }
  });

  it('reads and writes bytes with zeros in front', () => {
    assert.equal(integerOf(Buffer.alloc(0)), 0n);
    assert.equal(integerOf(Buffer.from('00ff01', 'hex')), 0xff01n);
    assert.equal(paddedBytes(0xff01n, 4).toString('hex'), '0000ff01');
    assert.equal(paddedBytes(0n, 2).toString('hex'), '0000');
    for (const value of [0x100n, 0x1000n, -1n]) assert.throws(() => paddedBytes(value, 1), { code: 'internal' });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => assert.deepEqual(paddedBytes(integerOf(bytes), bytes.length), Buffer.from(bytes))));
  });
});
