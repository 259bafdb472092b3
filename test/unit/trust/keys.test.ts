import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { generateKey, isAcceptableKey, keyNameOf, privateKeyFromPem, privateKeyPem, publicKeyFromSpki, publicKeyOf, RSA_BITS, signBytes, spkiOf, tryKeyName, verifyBytes } from '../../../src/xpmn/trust/keys.ts';
import { testKey } from '../../support/keys.ts';

describe('keys', () => {
  it('are RSA with 2048 bits, each another one', async () => {
    const [a, b] = [await generateKey(), await generateKey()];
    assert.equal(a.asymmetricKeyDetails?.modulusLength, RSA_BITS);
    assert.ok(isAcceptableKey(a) && isAcceptableKey(publicKeyOf(a)));
    assert.notEqual(keyNameOf(a), keyNameOf(b));
  });

  it('have one name, whichever half one holds', async () => {
    const key = await testKey('user');
    assert.equal(keyNameOf(publicKeyOf(key)), keyNameOf(key));
    assert.equal(tryKeyName(keyNameOf(key)), keyNameOf(key));
    for (const wrong of [undefined, '', keyNameOf(key).toUpperCase(), keyNameOf(key).slice(1), `${keyNameOf(key)}\n`]) assert.equal(tryKeyName(wrong), undefined);
  });

  it('sign, and only what they signed verifies', async () => {
    const key = await testKey('user');
    const signature = signBytes(key, Buffer.from('text'));
    assert.ok(verifyBytes(publicKeyOf(key), Buffer.from('text'), signature));
    assert.ok(!verifyBytes(publicKeyOf(key), Buffer.from('texts'), signature));
    assert.ok(!verifyBytes(publicKeyOf(await testKey('device')), Buffer.from('text'), signature));
    assert.ok(!verifyBytes(publicKeyOf(key), Buffer.from('text'), Buffer.alloc(0)));
  });

  it('come back from DER and PEM; weak and foreign ones do not', async () => {
    const key = await testKey('user');
    assert.ok(publicKeyFromSpki(spkiOf(key)).equals(publicKeyOf(key)));
    assert.ok(privateKeyFromPem(privateKeyPem(key)).equals(key));
    const others = [generateKeyPairSync('rsa', { modulusLength: 1024 }), generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519'), generateKeyPairSync('rsa-pss', { modulusLength: 2048 })];
    for (const { privateKey } of others) {
      assert.equal(isAcceptableKey(privateKey), false);
      assert.throws(() => publicKeyFromSpki(spkiOf(privateKey)), { code: 'not-acceptable' });
      assert.throws(() => privateKeyFromPem(privateKeyPem(privateKey)), { code: 'not-acceptable' });
    }
    assert.throws(() => privateKeyFromPem('secret words'), (error) => error instanceof XpmnError && error.code === 'malformed' && !JSON.stringify(error).includes('secret') && error.cause === undefined);
  });

  it('have one encoding: a longer one of the same key is refused', async () => {
    const spki = spkiOf(await testKey('user'));
    assert.throws(() => publicKeyFromSpki(Buffer.concat([spki, Buffer.from([0])])), XpmnError);
    fc.assert(fc.property(fc.nat(spki.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(spki);
      changed[at] = (changed[at] as number) ^ flip;
      try {
        assert.deepEqual(spkiOf(publicKeyFromSpki(changed)), changed);
      } catch (error) {
        assert.ok(error instanceof XpmnError, String(error));
      }
    }));
  });
});
