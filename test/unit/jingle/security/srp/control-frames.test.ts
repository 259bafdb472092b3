import assert from 'node:assert/strict';
import { XpmnError } from '../../../../../src/xpmn/kernel/errors.ts';
import {
  FrameReader, decodeKeys, decodeReason, decodeRunSettings, encodeFrame, encodeKeys, encodeReason, encodeRunSettings,
} from '../../../../../src/xpmn/jingle/security/srp/control-frames.ts';
import type { RunSettings } from '../../../../../src/xpmn/jingle/security/srp/control-frames.ts';

const code = (expected: string) => (error: unknown) => error instanceof XpmnError && error.code === expected;
const keys = { master: Buffer.alloc(48, 1), clientRandom: Buffer.alloc(32, 2), serverRandom: Buffer.alloc(32, 3) };

describe('control frames of a TLS-SRP process', () => {
  it('come out as they went in, split at every byte', () => {
    const sent = Buffer.concat([encodeFrame('ready'), encodeFrame('established', encodeKeys(keys)), encodeFrame('closed')]);
    for (let at = 0; at <= sent.length; at += 1) {
      const reader = new FrameReader({ bodyLimit: 256 });
      const frames = [sent.subarray(0, at), sent.subarray(at)].flatMap((part) => [...reader.read(part)]);
      assert.deepEqual(frames.map(({ name }) => name), ['ready', 'established', 'closed']);
      assert.deepEqual(decodeKeys(frames[1]?.body as Buffer), keys);
    }
  });

  it('have a bound, which the header alone can break', () => {
    const reader = new FrameReader({ bodyLimit: 256 });
    assert.equal([...reader.read(encodeFrame('failed', Buffer.alloc(256)))].length, 1);
    assert.throws(() => [...reader.read(encodeFrame('failed', Buffer.alloc(257)).subarray(0, 3))], code('too-large'));
  });

  it('are of known types', () => {
    const known = [1, 2, 17, 18, 19, 20, 21, 22];
    for (let type = 0; type < 256; type += 1) {
      const read = (): unknown => [...new FrameReader({ bodyLimit: 256 }).read(Buffer.from([type, 0, 0]))];
      if (known.includes(type)) assert.doesNotThrow(read);
      else assert.throws(read, code('malformed'), String(type));
    }
  });

  it('carry keys of the right length only', () => {
    for (const length of [0, 111, 113]) assert.throws(() => decodeKeys(Buffer.alloc(length)), code('malformed'));
  });

  it('carry the settings', () => {
    const settings: RunSettings = { role: 'responder', names: ['zoë@example.org/büro 7', 'zoë@example.org'], pin: '00ü0', decoy: 'x', groupBits: 3072, bufferBytes: 1024 };
    assert.deepEqual(decodeRunSettings(encodeRunSettings(settings)), settings);
  });

  it('carry a reason that a log can take, whatever was written', () => {
    assert.equal(decodeReason(encodeReason(new Error('decryption failed'))), 'decryption failed');
    assert.equal(decodeReason(Buffer.from('a\u001b[2Jb\nc\xff', 'latin1')), 'a?[2Jb?c?');
    assert.equal(encodeReason(new Error('x'.repeat(300))).length, 200);
    assert.equal(decodeReason(Buffer.alloc(256, 'y')).length, 200);
  });
});
