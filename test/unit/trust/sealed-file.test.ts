import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { checkSealed, seal, unseal } from '../../../src/xpmn/trust/sealed-file.ts';
import { FakeRandom } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

/** The shipped cost of scrypt is for people; hundreds of trials are not people. */
const options = { ...settings.trust.credentials, scrypt: { logN: 2, r: 8, p: 1 }, maxLogN: 6 };
const kind = { magic: 'XPMNTEST', name: 'test file' };
const deps = { random: new FakeRandom() };
const PASSWORD = 'correct horse';
const [PREFIX, TAG] = [40, 16];
/** Made once, and never again: what people keep for years has to open. */
const GOLDEN = 'WFBNTlRFU1QBAggBNm32dVQHyV1ZX/xMuYdeLZe2i6g3LA3wSaAsFlZdYt0I300tHmIVG0R2Ud4dZNj4AFe5';

describe('a sealed file', () => {
  let file: Buffer;
  before(async () => {
    file = await seal(kind, 'Grüße', PASSWORD, deps, options);
  });

  /** The code with which a file is refused. */
  async function refusal(damaged: Uint8Array, password = PASSWORD): Promise<string> {
    const error = await unseal(kind, damaged, password, options).then(() => undefined, (thrown: unknown) => thrown);
    assert.ok(error instanceof XpmnError, `it opens, or fails without a code: ${String(error)}`);
    assert.equal(inspect(error, { depth: 10 }).includes(password), false, 'the error shows the password');
    return error.code;
  }

  it('is laid out as documented', () => {
    assert.equal(file.toString('latin1', 0, 8), 'XPMNTEST');
    assert.deepEqual([...file.subarray(8, 12)], [1, 2, 8, 1]);
    assert.equal(file.length, PREFIX + Buffer.byteLength('Grüße') + TAG);
  });

  it('opens, though it was made long ago', async () => {
    assert.equal(await unseal(kind, Buffer.from(GOLDEN, 'base64'), PASSWORD, options), 'Grüße');
  });

  it('gives back any text to who knows the password, and to nobody else', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), async (content, password, other) => {
      const sealed = await seal(kind, content, password, deps, options);
      assert.equal(await unseal(kind, sealed, password, options), content);
      assert.equal(await unseal(kind, sealed, password.normalize('NFD'), options), content);
      if (other.normalize('NFC') === password.normalize('NFC')) return;
      await assert.rejects(unseal(kind, sealed, other, options), { code: 'bad-password' });
    }), { numRuns: 50 });
  });

  it('with any bit flipped does not open', async () => {
    for (let bit = 0; bit < file.length * 8; bit += 1) {
      const damaged = Buffer.from(file);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      const code = await refusal(damaged);
      const allowed = bit < 8 * 8 ? ['malformed'] : bit < 9 * 8 ? ['not-supported'] : bit < 12 * 8 ? ['not-supported', 'bad-password'] : ['bad-password'];
      assert.ok(allowed.includes(code), `bit ${bit}: ${code}`);
    }
  });

  it('cut off anywhere, or with something behind, does not open', async () => {
    for (let length = 0; length < file.length; length += 1) {
      assert.equal(await refusal(file.subarray(0, length)), length < PREFIX + TAG ? 'malformed' : 'bad-password');
    }
    assert.equal(await refusal(Buffer.concat([file, Buffer.from([0])])), 'bad-password');
  });

  it('of another kind is none', async () => {
    await assert.rejects(unseal({ ...kind, magic: 'XPMNOTHR' }, file, PASSWORD, options), { code: 'malformed' });
  });

  it('is judged by its frame without the password', () => {
    checkSealed(kind, file, options);
    for (const [at, value, code] of [[0, 0, 'malformed'], [8, 2, 'not-supported'], [9, 7, 'not-supported'], [9, 0, 'not-supported'], [10, 9, 'not-supported'], [11, 5, 'not-supported']] as const) {
      const damaged = Buffer.from(file);
      damaged[at] = value;
      assert.throws(() => checkSealed(kind, damaged, options), { code });
    }
    assert.throws(() => checkSealed(kind, file.subarray(0, PREFIX + TAG - 1), options), { code: 'malformed' });
  });

  it('is bounded both ways, and never made without a password', async () => {
    const small = { ...options, bytes: file.length - 1 };
    await assert.rejects(seal(kind, 'Grüße', PASSWORD, deps, small), { code: 'too-large' });
    await assert.rejects(unseal(kind, file, PASSWORD, small), { code: 'too-large' });
    await assert.rejects(seal(kind, '', '', deps, options), { code: 'bad-password' });
    for (const scrypt of [{ logN: 7, r: 8, p: 1 }, { logN: 2, r: 9, p: 1 }, { logN: 2, r: 8, p: 5 }]) await assert.rejects(seal(kind, '', PASSWORD, deps, { ...options, scrypt }), { code: 'not-supported' });
  });
});
