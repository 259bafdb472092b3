import assert from 'node:assert/strict';
import fc from 'fast-check';
import { devicesWithOlderRight, yieldsTo } from '../../../src/xpmn/gateway/bridging.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { DeviceEntry } from '../../../src/xpmn/trust/list-document.ts';
import { sourceName } from '../../../src/xpmn/trust/names.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import type { TrustSnapshot } from '../../../src/xpmn/trust/snapshot.ts';

const key = (digit: string): KeyName => digit.repeat(64) as KeyName;
const UDN = 'uuid:4d696e69-444c-164e-9d41-0123456789ab';
const network = key('f');

const device = (digit: string, more: Partial<DeviceEntry> = {}): DeviceEntry =>
  ({ key: key(digit), jid: parseJid(`me@home.test/${digit}`), roles: [], aliases: [], ...more });

/** Gateways `5` and `1`, and what `1` says of its device `a`. */
function lists({ roles = ['host'], source }: { roles?: string[]; source: string }): TrustSnapshot {
  const list = (type: string, signer: KeyName, devices: DeviceEntry[]): VerifiedList => ({ type, network, signer, devices, friends: [], removed: [] }) as unknown as VerifiedList;
  return {
    network,
    removed: [],
    lists: [list('devices', network, [device('5', { roles: ['host'] }), device('1', { roles })]), list('hosted', key('1'), [device('a', { source }), device('b')])],
  };
}

describe('bridged by two gateways', () => {
  it('stays with exactly one of them', () => {
    const keys = fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => text as KeyName);
    fc.assert(fc.property(keys, keys, (one, other) => {
      assert.equal(yieldsTo(one, other) !== yieldsTo(other, one), one !== other);
      if (one !== other) assert.equal(yieldsTo(one, other), other < one);
    }));
  });

  it('is left to the other where its signed list says that it stands for the same, and its key is lower', () => {
    const source = sourceName(network, UDN);
    assert.deepEqual(devicesWithOlderRight(lists({ source }), key('5'), UDN), ['me@home.test/a']);
    assert.deepEqual(devicesWithOlderRight(lists({ source }), key('0'), UDN), []);
    assert.deepEqual(devicesWithOlderRight(lists({ source }), key('1'), UDN), []);
    assert.deepEqual(devicesWithOlderRight(lists({ source }), key('5'), `${UDN}-other`), []);
    assert.deepEqual(devicesWithOlderRight(lists({ source: sourceName(key('e'), UDN) }), key('5'), UDN), []);
  });

  it('is not left to who is no host', () => {
    assert.deepEqual(devicesWithOlderRight(lists({ roles: [], source: sourceName(network, UDN) }), key('5'), UDN), []);
  });
});
