import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  FrameParser, frameInPlace, frameOf, HEAD_ROOM, lastChunk, lastChunkInPlace, MAX_HEADER, strictSize, TAIL_ROOM,
} from '../../../../src/xpmn/jingle/applications/oob-frames.ts';

type Frame = { readonly id: string; readonly data: string } | { readonly id: string; readonly last: true };

/** Parses `wire` in pieces that end at `cuts`; what was found, payload gathered. */
function parse(wire: Buffer, cuts: readonly number[] = [], maxChunk = 524_288): Frame[] {
  const frames: Frame[] = [];
  let open: { id: string; size: number; parts: Buffer[] } | undefined;
  const parser = new FrameParser({
    chunk: (id, size) => void (open = { id, size, parts: [] }),
    data: (slice) => void open?.parts.push(slice),
    chunkEnd: () => {
      assert.ok(open);
      const data = Buffer.concat(open.parts);
      assert.equal(data.length, open.size);
      frames.push({ id: open.id, data: data.toString('latin1') });
      open = undefined;
    },
    last: (id) => void frames.push({ id, last: true }),
  }, { maxChunk });
  let from = 0;
  for (const to of [...cuts, wire.length]) {
    parser.push(wire.subarray(from, to));
    from = to;
  }
  return frames;
}

function emit(frames: readonly Frame[]): Buffer {
  return Buffer.concat(frames.map((item) => ('last' in item ? lastChunk(item.id) : frameOf(item.id, Buffer.from(item.data, 'latin1')))));
}

const vectors = new URL('../../../vectors/oob/', import.meta.url);
const names = [...new Set(readdirSync(vectors).filter((file) => file.startsWith('frames-')).map((file) => file.replace(/\.\w+$/, '')))];

describe('out-of-band frames', () => {
  it('has vectors', () => assert.ok(names.length >= 4));

  for (const name of names) {
    const wire = readFileSync(new URL(`${name}.bin`, vectors));
    const { frames, canonical } = JSON.parse(readFileSync(new URL(`${name}.json`, vectors), 'utf8')) as { frames: Frame[]; canonical: boolean };

    it(`reads ${name}, cut at every byte`, () => {
      assert.deepEqual(parse(wire), frames);
      for (let cut = 0; cut <= wire.length; cut += 1) assert.deepEqual(parse(wire, [cut]), frames);
      assert.deepEqual(parse(wire, Array.from(wire.keys())), frames);
    });

    if (canonical) it(`writes ${name}`, () => assert.deepEqual(emit(frames), wire));
  }

  it('reads what it writes, however it is cut', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
    const item: fc.Arbitrary<Frame> = fc.oneof(
      fc.record({ id, data: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')) }, { noNullPrototype: true }),
      fc.record({ id, last: fc.constant(true as const) }, { noNullPrototype: true }),
    );
    fc.assert(fc.property(fc.array(item, { maxLength: 8 }), fc.array(fc.nat(2000)), (frames, positions) => {
      const wire = emit(frames);
      const cuts = positions.map((at) => Math.min(at, wire.length)).sort((a, b) => a - b);
      assert.deepEqual(parse(wire, cuts), frames);
    }));
  });

  it('hands on slices of what was pushed, and a whole buffer as it is', () => {
    const slices: Buffer[] = [];
    const parser = new FrameParser({ chunk: () => {}, data: (slice) => void slices.push(slice), chunkEnd: () => {}, last: () => {} }, { maxChunk: 100 });
    const input = Buffer.from('8 a\r\nab');
    parser.push(input);
    const second = Buffer.from('cdef');
    parser.push(second);
    assert.equal(slices[0]?.buffer, input.buffer);
    assert.equal(slices[1], second);
  });

  const long = 'x'.repeat(65);
  const hostile: Record<string, [string, string]> = {
    'no hex': ['xyz a\r\n', 'malformed'],
    'a signed size': ['-1 a\r\n', 'malformed'],
    'a prefix': ['0x10 a\r\n', 'malformed'],
    'no separator': ['1abc\r\n', 'malformed'],
    'no id': ['10\r\n', 'malformed'],
    'an empty id': ['10 \r\n', 'malformed'],
    'no size': [' a\r\n', 'malformed'],
    'nothing': ['\r\n', 'malformed'],
    'a lone LF': ['\n', 'malformed'],
    'LF without CR': ['1 a\nx\r\n', 'malformed'],
    'CR in the id': ['1 a\rb\r\n', 'malformed'],
    'two words': ['1 a b\r\n', 'malformed'],
    'a space after the id': ['1 a \r\n', 'malformed'],
    'an id that is not allowed': ['1 a/b\r\n', 'malformed'],
    'bytes above 127 in the id': ['1 \xe4\r\n', 'malformed'],
    'NUL': ['1 \0\r\n', 'malformed'],
    'a long id': [`1 ${long}\r\n`, 'malformed'],
    'a size with a leading zero': ['01 a\r\n', 'malformed'],
    'too large a size': ['10001 a\r\n', 'too-large'],
    'an enormous size': ['fffffffffffffffffffffffffffffff a\r\n', 'too-large'],
    'a header without an end': ['0'.repeat(MAX_HEADER + 1), 'too-large'],
    'a header of spaces': [`1${' '.repeat(MAX_HEADER)}a\r\n`, 'too-large'],
    'more data than the size': ['1 a\r\nxx\r\n', 'malformed'],
    'data without CR': ['1 a\r\nx\n', 'malformed'],
    'data without LF': ['1 a\r\nx\rx', 'malformed'],
    'a last-chunk with data': ['0 a\r\nx\r\n', 'malformed'],
  };
  for (const [what, [text, code]] of Object.entries(hostile)) {
    it(`refuses ${what}, wherever it is cut, and takes no more`, () => {
      const wire = Buffer.from(text, 'latin1');
      assert.throws(() => parse(wire, [], 65_536), { code });
      assert.throws(() => parse(wire, Array.from(wire.keys()), 65_536), { code });
      const parser = new FrameParser({ chunk: () => {}, data: () => {}, chunkEnd: () => {}, last: () => assert.fail('went on') }, { maxChunk: 65_536 });
      assert.throws(() => parser.push(wire), { code });
      parser.push(Buffer.from('0 b\r\n\r\n'));
    });
  }

  it('survives random bytes with a coded error or none', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parse(Buffer.from(bytes));
      } catch (error) {
        assert.match((error as { code: string }).code, /^(malformed|too-large)$/);
      }
    }));
  });

  it('stops from inside a handler', () => {
    let count = 0;
    const parser = new FrameParser({ chunk: () => {}, data: () => {}, chunkEnd: () => {}, last: () => { count += 1; parser.stop(); } }, { maxChunk: 100 });
    parser.push(Buffer.from('0 a\r\n\r\n0 b\r\n\r\n'));
    assert.equal(count, 1);
  });

  it('knows whether it is between frames', () => {
    const parser = new FrameParser({ chunk: () => {}, data: () => {}, chunkEnd: () => {}, last: () => {} }, { maxChunk: 100 });
    const wire = Buffer.from('3 a\r\nabc\r\n0 a\r\n\r\n');
    const between = Array.from(wire.keys()).filter((at) => {
      parser.push(wire.subarray(at, at + 1));
      return parser.isBetweenFrames;
    });
    assert.deepEqual(between, [9, wire.length - 1]);
  });

  it('writes a frame around a payload in place, with the last-chunk behind it, in the room there is', () => {
    const id = 'i'.repeat(64);
    const size = 524_288;
    const buffer = Buffer.alloc(HEAD_ROOM + size + TAIL_ROOM, 1);
    const start = frameInPlace(buffer, HEAD_ROOM, size, id);
    const end = lastChunkInPlace(buffer, HEAD_ROOM + size + 2, id);
    assert.ok(start >= 0 && end <= buffer.length);
    assert.deepEqual(parse(buffer.subarray(start, end)), [{ id, data: '\x01'.repeat(size) }, { id, last: true }]);
  });

  it('finds sizes that the published grammar can express', () => {
    for (let size = 1; size < 70_000; size += 1) {
      const strict = strictSize(size);
      assert.ok(strict >= 1 && strict <= size && /^[1-9]/.test(strict.toString(16)));
      if (/^[1-9]/.test(size.toString(16))) assert.equal(strict, size);
    }
    assert.equal(strictSize(0xa00), 0x9ff);
  });
});
