import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BlockCache } from '../../../src/xpmn/media/block-cache.ts';

const options = { bytes: 160, bytesPerItem: 64, blockSize: 16 };
/** Every byte of an entity tells its place, and its tag. */
const entity = (etag: string, size = 400): Buffer => Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + etag.charCodeAt(0) * 31) & 0xff));

describe('a cache of blocks', () => {
  let cache: BlockCache;
  beforeEach(() => (cache = new BlockCache(options)));

  const note = (key: string, etag: string, from: number, to: number): void => cache.note(key, etag, from, entity(etag).subarray(from, to));
  const read = (key: string, etag: string, from: number, to = 399): string => Buffer.concat(cache.read(key, etag, { from, to })).toString('hex');
  const bytes = (etag: string, from: number, to: number): string => entity(etag).subarray(from, to).toString('hex');

  it('gives what it was told, from any place in it, up to the first gap', () => {
    cache.use('a', 'x');
    note('a', 'x', 5, 40);
    assert.equal(read('a', 'x', 5), bytes('x', 5, 40));
    assert.equal(read('a', 'x', 20, 29), bytes('x', 20, 30));
    assert.equal(read('a', 'x', 4), '');
    assert.equal(read('a', 'x', 40), '');
  });

  it('joins what touches, in any order, and keeps the newer of two that don\'t', () => {
    cache.use('a', 'x');
    note('a', 'x', 8, 12);
    note('a', 'x', 12, 14);
    note('a', 'x', 6, 9);
    assert.equal(read('a', 'x', 6), bytes('x', 6, 14));
    note('a', 'x', 0, 2);
    assert.equal(read('a', 'x', 0), bytes('x', 0, 2));
    assert.equal(read('a', 'x', 6), '');
  });

  it('changes nothing that was read out', () => {
    cache.use('a', 'x');
    note('a', 'x', 8, 12);
    const [given] = cache.read('a', 'x', { from: 8, to: 11 });
    for (let i = 0; i < 16; i += 1) note('a', 'x', i, i + 1);
    cache.use('a', 'y');
    note('a', 'y', 0, 16);
    assert.equal(given?.toString('hex'), bytes('x', 8, 12));
  });

  it('changes nothing that was read out, whatever is forgotten and noted after it', () => {
    const given: { now: Buffer; then: string }[] = [];
    for (let round = 0; round < 60; round += 1) {
      const etag = 'xy'[round % 7 === 6 ? 1 : 0] as string;
      cache.use('a', etag);
      const from = (round * 37) % 380;
      note('a', etag, from, from + 20);
      if (round % 3 === 0) for (const now of cache.read('a', etag, { from, to: from + 9 })) given.push({ now, then: now.toString('hex') });
    }
    assert.ok(given.length > 10);
    for (const { now, then } of given) assert.equal(now.toString('hex'), then);
  });

  it('takes the room of what nobody asked for again, and makes no more', () => {
    const allocate = Buffer.allocUnsafeSlow;
    let made = 0;
    Buffer.allocUnsafeSlow = (size) => ((made += 1), allocate(size));
    try {
      cache.use('a', 'x');
      for (let at = 0; at < 384; at += 16) note('a', 'x', at, at + 16);
    } finally {
      Buffer.allocUnsafeSlow = allocate;
    }
    assert.equal(made, options.bytesPerItem / options.blockSize + 1);
    assert.equal(read('a', 'x', 336), bytes('x', 336, 384));
  });

  it('knows one tag of an entity at a time', () => {
    cache.use('a', 'x');
    note('a', 'x', 0, 16);
    cache.use('a', 'y');
    assert.equal(cache.size, 0);
    note('a', 'x', 0, 16);
    note('b', 'x', 0, 16);
    assert.equal(read('a', 'x', 0) + read('a', 'y', 0) + read('b', 'x', 0), '');
  });

  it('is bounded, by item and in all; what was not used for longest goes first', () => {
    for (const key of ['a', 'b', 'c']) {
      cache.use(key, 'x');
      note(key, 'x', 0, 100);
    }
    assert.ok(cache.size <= options.bytes);
    assert.equal(read('c', 'x', 48), bytes('x', 48, 100));
    assert.ok(read('b', 'x', 48) !== '');
    for (let i = 0; i < 1000; i += 1) cache.use(String(i), 'x');
    assert.equal(cache.size, 0);
  });

  it('never gives a byte that is not the entity\'s, whatever was noted, changed and forgotten', () => {
    const place = fc.nat(399);
    const step = fc.oneof(
      fc.record({ kind: fc.constant('note' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), etag: fc.constantFrom('x', 'y'), from: place, length: fc.integer({ min: 1, max: 90 }) }),
      fc.record({ kind: fc.constant('read' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), etag: fc.constantFrom('x', 'y'), from: place, length: fc.integer({ min: 1, max: 200 }) }),
      fc.record({ kind: fc.constantFrom('use' as const, 'forget' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), etag: fc.constantFrom('x', 'y'), from: place, length: fc.constant(1) }),
    );
    let given = 0;
    fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      cache = new BlockCache(options);
      for (const { kind, key, etag, from, length } of steps) {
        const to = Math.min(400, from + length);
        if (kind === 'note') note(key, etag, from, to);
        else if (kind === 'use') cache.use(key, etag);
        else if (kind === 'forget') cache.forget(key);
        else {
          const got = read(key, etag, from, to - 1);
          given += got.length;
          assert.equal(got, bytes(etag, from, from + got.length / 2));
          assert.ok(got.length / 2 <= to - from);
        }
        assert.ok(cache.size <= options.bytes && cache.size >= 0);
      }
    }), { numRuns: 500 });
    assert.ok(given > 0, 'it remembers at all');
  });
});
