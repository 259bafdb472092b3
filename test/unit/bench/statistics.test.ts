import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fitLine, percentile, ratiosOf, roundTrips, spreadOf } from '../../bench/parts/statistics.ts';

describe('bench statistics', () => {
  it('takes the middle of an odd and of an even number of values', () => {
    assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3 });
    assert.equal(spreadOf([4, 1, 2, 3]).median, 2.5);
    assert.equal(spreadOf([10, 9, 100]).median, 10);
  });

  it('finds percentiles between neighbours', () => {
    const values = Array.from({ length: 101 }, (_, index) => index);
    assert.equal(percentile(values, 99), 99);
    assert.equal(percentile([1, 2], 75), 1.75);
    assert.throws(() => percentile([], 50), RangeError);
  });

  it('never leaves the range of the values', () => {
    fc.assert(fc.property(fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 }), fc.integer({ min: 0, max: 100 }), (values, percent) => {
      const found = percentile(values, percent);
      assert.ok(found >= Math.min(...values) && found <= Math.max(...values));
    }));
  });

  it('compares values of the same round only', () => {
    assert.deepEqual(ratiosOf([10, 30], [5, 10]), [2, 3]);
    assert.throws(() => ratiosOf([1], [1, 2]), RangeError);
  });

  it('tells round trips from what a step takes anyway', () => {
    const times = new Map([[0, [7, 5, 90]], [20, [47, 46, 48]], [100, [207, 207, 207]]]);
    const { slope, start } = roundTrips(times);
    assert.ok(Math.abs(slope - 2) < 1e-9);
    assert.ok(Math.abs(start - 7) < 1e-9);
    assert.throws(() => fitLine([[1, 1], [1, 2]]), RangeError);
  });
});
