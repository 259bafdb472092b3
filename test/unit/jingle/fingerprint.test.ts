import assert from 'node:assert/strict';
import { parseFingerprint } from '../../../src/xpmn/jingle/fingerprint.ts';

const SHA1 = '00112233445566778899aabbccddeeff00112233';
const SHA256 = 'ab'.repeat(32);

describe('fingerprint', () => {
  const colons = (SHA1.toUpperCase().match(/../g) as string[]).join(':');
  for (const [what, text, algo] of [
    ['plain', SHA1, 'sha1'], ['upper case', SHA1.toUpperCase(), 'sha1'], ['colons', colons, 'sha1'], ['no algo', colons, undefined],
    ['white space', `\n  ${SHA1.slice(0, 20)}\n  ${SHA1.slice(20)}\t`, 'sha1'], ['another spelling', SHA1, 'SHA-1'],
  ] as const) {
    it(`reads ${what}`, () => assert.deepEqual(parseFingerprint(text, algo), { algo: 'sha1', hex: SHA1 }));
  }

  it('knows SHA-256 by name and by length', () => {
    assert.deepEqual(parseFingerprint(SHA256), { algo: 'sha256', hex: SHA256 });
    assert.deepEqual(parseFingerprint(SHA256, 'sha-256'), { algo: 'sha256', hex: SHA256 });
  });

  for (const [what, text, algo] of [
    ['nothing', '', undefined], ['a digit too few', SHA1.slice(1), undefined], ['a digit too many', `${SHA1}0`, 'sha1'], ['other letters', SHA1.replace('0', 'g'), 'sha1'],
    ['the length of another algorithm', SHA256, 'sha1'], ['an unknown algorithm', SHA1, 'md5'], ['a flood', `${' '.repeat(10_000)}${SHA1}`, 'sha1'],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => parseFingerprint(text, algo), { code: 'malformed' }));
  }
});
