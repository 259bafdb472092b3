import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeTxt, encodeTxt, instanceKey, isInstanceLabel, nextLabel } from '../../../src/xpmn/model/service-entry.ts';

const strings = (...texts: readonly (string | Buffer)[]): Buffer[] => texts.map((text) => Buffer.from(text));
const LIMIT = 2_000;

describe('entries of service discovery', () => {
  it('have any text as label that fits and has no control characters', () => {
    for (const label of ['a', 'ü'.repeat(31), '東京 🎵', 'a.b@c\\d', ' ', 'x'.repeat(63)]) assert.ok(isInstanceLabel(label), label);
    for (const label of ['', 'x'.repeat(64), 'ü'.repeat(32), 'a\nb', '\u0000', '\u007f', 'half \ud83c']) assert.ok(!isInstanceLabel(label), JSON.stringify(label));
  });

  it('are the same in either case, of ASCII only', () => {
    assert.equal(instanceKey('NAS@Verona Ü'), 'nas@verona Ü');
  });

  it('get another label that is none of the former ones, and a whole one', () => {
    assert.equal(nextLabel('nas@verona', 2), 'nas@verona-2');
    for (const label of ['x'.repeat(63), 'ü'.repeat(31), '🎵'.repeat(15), '👩‍👩‍👧'.repeat(3)]) {
      const labels = [2, 3, 10, 1_000].map((attempt) => nextLabel(label, attempt));
      assert.equal(new Set(labels).size, 4);
      assert.ok(labels.every(isInstanceLabel), labels.join());
    }
  });

  it('read their text as RFC 6763 has it', () => {
    const read = decodeTxt(strings('Key=a=b', 'KEY=second', 'bare', 'empty=', '=no key', 'ünicode=no', 'text=ü', ''), LIMIT);
    assert.deepEqual(read, { key: 'a=b', bare: '', empty: '', text: 'ü' });
    assert.deepEqual(Object.keys(decodeTxt(strings('__proto__=1'), LIMIT) ?? {}), ['__proto__']);
  });

  it('leave out what is no text, and nothing else', () => {
    assert.deepEqual(decodeTxt(strings('a=1', Buffer.from([0x62, 0x3d, 0xff]), 'c=3'), LIMIT), { a: '1', c: '3' });
  });

  it('are read up to the bound', () => {
    assert.deepEqual(decodeTxt(strings('a=1', 'b=2'), 8), { a: '1', b: '2' });
    assert.equal(decodeTxt(strings('a=1', 'b=2'), 7), undefined);
  });

  it('read back as they were written', () => {
    const key = fc.stringMatching(/^[a-z][a-z0-9. -]{0,8}$/);
    fc.assert(fc.property(fc.dictionary(key, fc.string({ maxLength: 60, unit: 'grapheme' })), (txt) => {
      assert.deepEqual(decodeTxt(encodeTxt(txt, 1e6), 1e6), { ...txt });
    }));
  });
});
