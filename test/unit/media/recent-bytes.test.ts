import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RecentBytes } from '../../../src/xpmn/media/recent-bytes.ts';

describe('recent bytes', () => {
  it('are the last so many, or all there are', () => {
    fc.assert(fc.property(fc.nat(20), fc.array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { maxLength: 12 }), (keep, slices) => {
      const recent = new RecentBytes(keep);
      const all: number[] = [];
      for (const slice of slices) {
        recent.push(Buffer.from(slice));
        all.push(...slice);
        assert.deepEqual([...recent.tail()], keep === 0 ? [] : all.slice(-keep));
      }
    }));
  });

  it('hold no more than one slice beyond that', () => {
    const recent = new RecentBytes(100);
    for (let i = 0; i < 1000; i += 1) recent.push(Buffer.alloc(30));
    assert.ok(recent.held < 130 && recent.held >= 100, String(recent.held));
  });
});
