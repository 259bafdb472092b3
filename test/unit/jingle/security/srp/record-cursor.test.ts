import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RecordCursor } from '../../../../../src/xpmn/jingle/security/srp/record-cursor.ts';

function record(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 0xee);
  bytes.writeUIntBE(type, 0, 1);
  bytes.writeUInt16BE(0x0303, 1);
  bytes.writeUInt16BE(length, 3);
  return bytes;
}

/** Where a cursor says that records begin when the bytes arrive in these pieces. */
function starts(bytes: Buffer, pieces: readonly number[]): number[] {
  const cursor = new RecordCursor();
  const found: number[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const arrived = bytes.subarray(at, at + (pieces[turn % pieces.length] as number));
    if (cursor.isAtStart) found.push(at);
    const piece = arrived.subarray(0, cursor.reach(arrived));
    assert.ok(piece.length > 0);
    cursor.pass(piece);
    at += piece.length;
  }
  return found;
}

describe('the boundaries of TLS records', () => {
  it('are found, however the bytes arrive', () => {
    fc.assert(fc.property(
      fc.array(fc.record({ type: fc.integer({ min: 0, max: 255 }), length: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 70000 }).map((length) => length & 0xffff)) }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 4 }),
      (records, pieces) => {
        const parts = records.map(({ type, length }) => record(type, length));
        const expected = parts.map((_, index) => parts.slice(0, index).reduce((sum, part) => sum + part.length, 0));
        assert.deepEqual(starts(Buffer.concat(parts), pieces), expected);
      },
    ), { numRuns: 100 });
  });

  it('are found byte by byte', () => {
    assert.deepEqual(starts(Buffer.concat([record(22, 300), record(20, 1), record(21, 0), record(22, 2)]), [1]), [0, 305, 311, 316]);
  });
});
