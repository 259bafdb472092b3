import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PassThrough, duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { readRecord } from '../../../../../src/xpmn/jingle/security/srp/read-record.ts';
import { decodeRecord, encodeRecord } from '../../../../../src/xpmn/jingle/security/srp/records.ts';
import type { PairingRecord } from '../../../../../src/xpmn/jingle/security/srp/records.ts';
import { settle } from '../../../../support/fake-clock.ts';

const RECORDS: readonly PairingRecord[] = [
  { type: 'challenge', body: randomBytes(400) },
  { type: 'proof', body: randomBytes(416) },
  { type: 'confirmation', body: randomBytes(32) },
  { type: 'failure', body: Buffer.alloc(0) },
];
const HEADERS = { challenge: '019101', proof: '01a102', confirmation: '002103', failure: '0001ff' } as const;
const never = new AbortController().signal;

function untouched(stream: Duplex): void {
  for (const event of ['readable', 'data', 'close'] as const) assert.equal(stream.listenerCount(event), 0, event);
  assert.notEqual(stream.readableFlowing, true);
}

describe('records of srp-cb', () => {
  for (const record of RECORDS) {
    const bytes = encodeRecord(record);

    it(`${record.type}: length, type, body, both ways`, () => {
      assert.equal(bytes.subarray(0, 3).toString('hex'), HEADERS[record.type]);
      assert.deepEqual(decodeRecord(bytes), { value: record, size: bytes.length });
    });

    it(`${record.type}: is incomplete at every byte before its end, and does not mind what follows`, () => {
      for (let at = 0; at < bytes.length; at += 1) assert.equal(decodeRecord(bytes.subarray(0, at)), undefined, `${at}`);
      assert.deepEqual(decodeRecord(Buffer.concat([bytes, Buffer.from('more')])), { value: record, size: bytes.length });
    });

    it(`${record.type}: has one length`, () => {
      for (const body of [Buffer.alloc(record.body.length + 1), Buffer.alloc(Math.max(0, record.body.length - 1))]) {
        if (body.length !== record.body.length) assert.throws(() => encodeRecord({ ...record, body }), { code: 'internal' });
      }
      const length = bytes.readUInt16BE(0);
      for (const wrong of [0, length - 1, length + 1, 0xffff]) {
        const changed = Buffer.from(bytes);
        changed.writeUInt16BE(wrong, 0);
        assert.throws(() => decodeRecord(changed), { code: 'malformed' }, `${wrong}`);
      }
    });

    it(`${record.type}: is read from a stream split at every byte, and what follows it stays there`, async () => {
      const all = Buffer.concat([bytes, Buffer.from('rest')]);
      for (let at = 1; at < all.length; at += 1) {
        const [near, far] = duplexPair();
        const reading = readRecord(near, never);
        far.write(all.subarray(0, at));
        await settle(1);
        far.write(all.subarray(at));
        assert.deepEqual(await reading, record);
        await settle(1);
        untouched(near);
        assert.equal(String(near.read()), 'rest');
      }
    });

    it(`${record.type}: is read byte by byte`, async () => {
      const [near, far] = duplexPair();
      const reading = readRecord(near, never);
      for (const byte of bytes) {
        far.write(Buffer.of(byte));
        await settle(1);
      }
      assert.deepEqual(await reading, record);
    });
  }

  it('are refused at the first byte that can\'t be right', () => {
    for (const hex of ['02', '03ff', 'ff', '0000', '0002', '0022', '0190', '0192', '01a0', '019100', '019102', '01a101', '01a1ff', '002101', '0001fe', '000100']) {
      assert.throws(() => decodeRecord(Buffer.from(hex, 'hex')), { code: 'malformed' }, hex);
    }
  });

  it('are never made of anything else', () => {
    const headers = new Set<string>(Object.values(HEADERS));
    fc.assert(fc.property(fc.uint8Array({ minLength: 3, maxLength: 450 }), (bytes) => {
      const hex = Buffer.from(bytes.subarray(0, 3)).toString('hex');
      if (headers.has(hex)) return;
      assert.throws(() => decodeRecord(Buffer.from(bytes)), { code: 'malformed' });
    }));
  });

  for (const isAwaited of [false, true]) {
    it(`are read one after the other from one chunk, up to an end that came with it (${isAwaited ? 'awaited' : 'waiting'})`, async () => {
      const near = new PassThrough();
      const [first, ...others] = RECORDS as [PairingRecord, ...PairingRecord[]];
      const reading = isAwaited && readRecord(near, never);
      near.push(Buffer.concat([...RECORDS.map(encodeRecord), Buffer.from('rest')]));
      near.push(null);
      assert.deepEqual(await (reading || readRecord(near, never)), first);
      for (const record of others) assert.deepEqual(await readRecord(near, never), record);
      assert.equal(String(near.read()), 'rest');
      await assert.rejects(readRecord(near, never), { code: 'truncated' });
    });
  }

  it('that end too early are truncated, that are awaited in vain end with the reason', async () => {
    for (const cut of [0, 1, 2, 3, 100]) {
      for (const how of ['end', 'destroy'] as const) {
        const [near, far] = duplexPair();
        near.on('error', () => undefined);
        const reading = readRecord(near, never);
        if (cut > 0) far.write(encodeRecord(RECORDS[0] as PairingRecord).subarray(0, cut));
        await settle(1);
        if (how === 'end') far.end();
        else near.destroy();
        await assert.rejects(reading, { code: 'truncated' });
        untouched(near);
      }
    }
    const [near] = duplexPair();
    const abort = new AbortController();
    const reading = readRecord(near, abort.signal);
    const reason = new Error('stop');
    abort.abort(reason);
    await assert.rejects(reading, reason);
    untouched(near);
    await assert.rejects(readRecord(near, abort.signal), reason);
    near.destroy();
    await assert.rejects(readRecord(near, never), { code: 'truncated' });
  });
});
