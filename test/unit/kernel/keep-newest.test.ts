import assert from 'node:assert/strict';
import fc from 'fast-check';
import { keepNewest } from '../../../src/xpmn/kernel/keep-newest.ts';

describe('keeping the newest', () => {
  it('leaves those that were put in last, in their order', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.string()), fc.nat(20), (keys, count) => {
      const left = keys.slice(Math.max(0, keys.length - count));
      const [set, map] = [new Set(keys), new Map(keys.map((key) => [key, 0]))];
      keepNewest(set, count);
      keepNewest(map, count);
      assert.deepEqual([[...set], [...map.keys()]], [left, left]);
    }));
  });

  it('takes what was put in anew for new', () => {
    const set = new Set(['a', 'b', 'c']);
    set.delete('a');
    set.add('a');
    keepNewest(set, 2);
    assert.deepEqual([...set], ['c', 'a']);
  });
});
