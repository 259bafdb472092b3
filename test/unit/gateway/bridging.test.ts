import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bridgeName, yieldsTo } from '../../../src/xpmn/gateway/bridging.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';

const key = (digit: string): KeyName => digit.repeat(64) as KeyName;

describe('bridged by two gateways', () => {
  it('is called the same by both, and tells nobody else what it is', () => {
    const name = bridgeName(key('a'), 'uuid:4d696e69-444c-164e-9d41-0123456789ab');
    assert.match(name, /^[a-z2-7]{24}$/);
    assert.equal(name, bridgeName(key('a'), 'uuid:4d696e69-444c-164e-9d41-0123456789ab'));
    assert.notEqual(name, bridgeName(key('b'), 'uuid:4d696e69-444c-164e-9d41-0123456789ab'));
    assert.notEqual(name, bridgeName(key('a'), 'uuid:4d696e69-444c-164e-9d41-0123456789ac'));
  });

  it('stays with exactly one of them', () => {
    const keys = fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => text as KeyName);
    fc.assert(fc.property(keys, keys, (one, other) => {
      assert.equal(yieldsTo(one, other) !== yieldsTo(other, one), one !== other);
      if (one !== other) assert.equal(yieldsTo(one, other), other < one);
    }));
  });
});
