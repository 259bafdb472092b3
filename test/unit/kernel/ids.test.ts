import assert from 'node:assert/strict';
import fc from 'fast-check';
import { base32, randomId } from '../../../src/xpmn/kernel/ids.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';

describe('ids', () => {
  it('are written as RFC 4648 base32, lower case, without padding', () => {
    const vectors = { '': '', f: 'my', fo: 'mzxq', foo: 'mzxw6', foob: 'mzxw6yq', fooba: 'mzxw6ytb', foobar: 'mzxw6ytboi' };
    for (const [text, expected] of Object.entries(vectors)) assert.equal(base32(Buffer.from(text)), expected);
  });

  it('tell all bytes apart', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const bits = [...base32(bytes)].map((c) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
      const back = Array.from({ length: bytes.length }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8), 2));
      assert.deepEqual(back, [...bytes]);
    }));
  });

  it('have 64 random bits', () => {
    const ids = new Set(Array.from({ length: 100 }, () => randomId(systemRandom)));
    assert.equal(ids.size, 100);
    for (const id of ids) assert.match(id, /^[a-z2-7]{13}$/);
  });
});
