import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  NS_IBB, decodeBlock, formatData, formatIbbTransport, formatOpen, ibbNamespace, parseData, parseIbbTransport, parseOpen, parseSid,
} from '../../../../src/xpmn/jingle/transports/ibb-codec.ts';
import { xml } from '../../../../src/xpmn/model/xml.ts';

const sid = fc.string({ minLength: 1, maxLength: 128 });
const blockSize = fc.integer({ min: 1, max: 65535 });

describe('ibb codec', () => {
  it('reads back transports, opens and blocks', () => {
    fc.assert(fc.property(sid, blockSize, (name, size) => {
      for (const version of [0, 1] as const) assert.deepEqual(parseIbbTransport(version, formatIbbTransport(version, { sid: name, blockSize: size })), { sid: name, blockSize: size });
      assert.deepEqual(parseOpen(formatOpen({ sid: name, blockSize: size })), { sid: name, blockSize: size });
    }));
    fc.assert(fc.property(sid, fc.nat({ max: 65535 }), fc.uint8Array(), (name, seq, bytes) => {
      const data = parseData(formatData(name, seq, Buffer.from(bytes)));
      assert.deepEqual({ ...data, base64: [...decodeBlock(data.base64)] }, { sid: name, seq, base64: [...bytes] });
    }));
  });

  it('keeps the two versions apart', () => {
    assert.equal(ibbNamespace(0), 'urn:xmpp:jingle:transports:ibb:0');
    assert.throws(() => parseIbbTransport(0, formatIbbTransport(1, { sid: 's', blockSize: 4096 })), { code: 'malformed' });
  });

  it('tolerates white space in base64, and nothing else', () => {
    assert.equal(decodeBlock(' aGVs\n\tbG8=\r\n').toString(), 'hello');
    assert.equal(decodeBlock('').length, 0);
    for (const wrong of ['aGVsbG8', 'aGVs*G8=', 'aGVsbG8==', '====', 'a===', 'aGVs=bG8', 'aGVsbG8_', '\u{1F600}']) assert.throws(() => decodeBlock(wrong), { code: 'malformed' }, wrong);
  });

  it('refuses sequence numbers and sids that make no sense', () => {
    for (const seq of [undefined, '', '-1', '65536', '1.5', '0x1', '000000', 'NaN']) assert.throws(() => parseData(xml('data', NS_IBB, { sid: 's', seq })), { code: 'malformed' });
    for (const name of [undefined, '', 'x'.repeat(129)]) assert.throws(() => parseSid(xml('close', NS_IBB, { sid: name })), { code: 'malformed' });
  });

  it('refuses opens for blocks in messages, or of no size', () => {
    for (const attrs of [{ stanza: 'message' }, { 'block-size': '0' }, { 'block-size': '65536' }, { 'block-size': undefined }]) {
      assert.throws(() => parseOpen(xml('open', NS_IBB, { 'sid': 's', 'block-size': '4096', ...attrs })), { code: 'malformed' });
    }
  });
});
