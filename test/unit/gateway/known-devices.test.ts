import assert from 'node:assert/strict';
import { knownDevices } from '../../../src/xpmn/gateway/known-devices.ts';
import type { Knowledge } from '../../../src/xpmn/gateway/known-devices.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { DeviceEntry } from '../../../src/xpmn/trust/list-document.ts';

const key = (digit: string): KeyName => digit.repeat(64) as KeyName;
const id = key('f');
const device = (digit: string, more: Partial<DeviceEntry> = {}): DeviceEntry => ({ key: key(digit), jid: parseJid(`me@home.test/${digit}`), roles: [], aliases: [], ...more });

/** What the gateway `5` shows, where it has listed the same NAS (`a`, `b`) as the gateway `1`, and each has others, while those are there. */
function shown(...there: string[]): string[] {
  const list = (type: string, signer: KeyName, devices: DeviceEntry[]): object => ({ type, network: id, signer, devices, friends: [], removed: [] });
  const lists = [
    list('devices', id, [device('5', { roles: ['host'] }), device('1', { roles: ['host'] })]),
    list('hosted', key('1'), [device('a', { source: 'nas' }), device('c', { source: 'other' })]), list('hosted', key('5'), [device('b', { source: 'nas' }), device('d'), device('e')]),
  ];
  const knowledge = { directory: { find: () => undefined }, isHere: (jid: string) => there.some((digit) => jid.endsWith(`/${digit}`)), isOnLink: () => false, path: () => undefined, featuresOf: () => undefined, nameOf: () => undefined };
  const network = { id, gateway: { key: key('5') }, lists: { snapshot: { network: id, removed: [], lists } } };
  return knownDevices(network as unknown as Parameters<typeof knownDevices>[0], knowledge as unknown as Knowledge).map(({ jid }) => jid.slice(-1));
}

describe('a device that two gateways have met', () => {
  it('is the one that is there', () => {
    assert.deepEqual(shown('a'), ['5', '1', 'd', 'e', 'a', 'c']);
    assert.deepEqual(shown('b'), ['5', '1', 'b', 'd', 'e', 'c']);
  });

  it('is each of them while both are there, or none', () => {
    assert.deepEqual(shown('a', 'b'), ['5', '1', 'b', 'd', 'e', 'a', 'c']);
    assert.deepEqual(shown(), ['5', '1', 'b', 'd', 'e', 'a', 'c']);
  });
});
