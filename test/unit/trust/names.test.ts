import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { isFullJid, resourceOf, withResource } from '../../../src/xpmn/model/jid.ts';
import { localBareJid, resourceName, slugOf } from '../../../src/xpmn/trust/names.ts';

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
});
