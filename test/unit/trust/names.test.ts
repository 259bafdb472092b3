import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { isFullJid, resourceOf, withResource } from '../../../src/xpmn/model/jid.ts';
import { isSourceName, localBareJid, resourceName, slugOf, sourceName } from '../../../src/xpmn/trust/names.ts';

const keyName = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex') as KeyName);

describe('names', () => {
  it('are made of whatever a device calls itself', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), keyName, (friendlyName, key) => {
      assert.match(slugOf(friendlyName), /^[a-z0-9]+(-[a-z0-9]+)*$/);
      assert.ok(slugOf(friendlyName).length <= 32);
      const resource = resourceName(friendlyName, key);
      assert.match(resource, /-[a-z2-7]{4}$/);
      const jid = withResource(localBareJid(key), resource);
      assert.ok(isFullJid(jid) && resourceOf(jid) === resource);
    }));
  });

  it('fold what ASCII can show, and drop the rest', () => {
    assert.equal(slugOf('Ferrán’s İstanbul ＴＶ'), 'ferran-s-istanbul-tv');
    assert.equal(slugOf('[TV] Samsung 7 Series (55)'), 'tv-samsung-7-series-55');
    assert.equal(slugOf(''), 'device');
    assert.equal(slugOf(`${'a'.repeat(31)} b`), 'a'.repeat(31));
    assert.equal(slugOf('player.instance12'), slugOf('player'));
  });

  it('of what a bridged device stands for are the same for all gateways of one owner, and tell nobody else what it is', () => {
    const [one, other] = ['a', 'b'].map((digit) => digit.repeat(64) as KeyName) as [KeyName, KeyName];
    const name = sourceName(one, 'uuid:4d696e69-444c-164e-9d41-0123456789ab');
    assert.ok(isSourceName(name));
    assert.equal(name, sourceName(one, 'uuid:4d696e69-444c-164e-9d41-0123456789ab'));
    assert.notEqual(name, sourceName(other, 'uuid:4d696e69-444c-164e-9d41-0123456789ab'));
    assert.notEqual(name, sourceName(one, 'uuid:4d696e69-444c-164e-9d41-0123456789ac'));
  });
});
