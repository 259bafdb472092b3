import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ifNoneMatchHits, ifRangeHolds, parseRange, quoteEtag } from '../../../src/xpmn/media/http-range.ts';

describe('ranges of HTTP requests', () => {
  const position = fc.nat(2 ** 31 - 1).map((value) => value * 1000);

  it('come back as they were', () => {
    fc.assert(fc.property(position, position, (from, more) => {
      assert.deepEqual(parseRange(`bytes=${from}-`), { from });
      assert.deepEqual(parseRange(`bytes=${from}-${from + more}`), { from, to: from + more });
      assert.deepEqual(parseRange(`bytes=-${from}`), { last: from });
      assert.equal(parseRange(`bytes=${from + more + 1}-${from}`), undefined);
    }));
  });

  it('are one range of bytes, or the whole', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9, -]*$/)), (header) => {
      const range = parseRange(header);
      if (!range) return;
      const numbers = 'last' in range ? [range.last] : [range.from, range.to ?? range.from];
      assert.ok(numbers.every((number) => Number.isSafeInteger(number) && number >= 0));
      assert.ok('last' in range || range.to === undefined || range.to >= range.from);
      assert.ok(!header.includes(','));
    }));
  });

  for (const header of [undefined, '', 'bytes', 'bytes=', 'bytes=-', 'bytes=5', 'bytes=a-b', 'bytes=1-2,3-4', 'items=0-1', 'bytes=-1-2', `bytes=0-${'9'.repeat(16)}`, 'bytes=0x1-0x2', 'bytes=1.5-2']) {
    it(`${JSON.stringify(header)} is the whole`, () => assert.equal(parseRange(header), undefined));
  }

  it('hold only for exactly that entity', () => {
    assert.ok(ifRangeHolds(undefined, 'a'));
    assert.ok(ifRangeHolds(' "a" ', 'a'));
    for (const header of ['"b"', 'a', 'W/"a"', '"a", "b"', '*', '', 'Sat, 22 Nov 2026 18:00:00 GMT']) assert.ok(!ifRangeHolds(header, 'a'), header);
  });

  it('are not needed if the player has the entity', () => {
    for (const header of ['"a"', 'W/"a"', '"b", "a"', '*', ' "b" ,W/"a" ']) assert.ok(ifNoneMatchHits(header, 'a'), header);
    for (const header of [undefined, '', 'a', '"b"', '"ab"']) assert.ok(!ifNoneMatchHits(header, 'a'), header);
    assert.equal(quoteEtag('x'), '"x"');
  });
});
