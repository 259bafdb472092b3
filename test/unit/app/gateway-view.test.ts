import assert from 'node:assert/strict';
import { describeDevice, unconnected } from '../../../src/app/gateway-view.ts';
import type { KnownDevice } from '../../../src/xpmn/gateway/known-devices.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';

describe('a device as users see it', () => {
  const known = (changes: Partial<KnownDevice>): KnownDevice => ({
    jid: parseJid('anna@example.org/tv-aaaa'), name: 'TV', trust: 'own-hosted', isHere: false, isListedHere: false, isAvailable: true, isOnLink: false, services: [], path: undefined, ...changes,
  });

  it('is of a kind that follows from what it offers', () => {
    const cases = [
      [['directory', 'transfer'], 'media-server'], [['playback', 'rendering'], 'media-player'], [['playback'], 'media-player'], [['rendering'], 'media-player'], [['transfer'], 'unknown'], [[], 'unknown'],
    ] as const;
    for (const [services, kind] of cases) assert.deepEqual(describeDevice(known({ services })), { jid: 'anna@example.org/tv-aaaa', id: 'tv-aaaa', name: 'TV', kind, services, trust: 'own-hosted', where: 'elsewhere', reach: 'server' });
    assert.equal(describeDevice(known({ trust: 'own' })).kind, 'gateway');
  });

  it('is still here when it is off, if this gateway bridged it last, and nobody else does now', () => {
    const seen = (changes: Partial<KnownDevice>): string => (({ where, reach }) => `${where} ${reach}`)(describeDevice(known(changes)));
    assert.equal(seen({ isListedHere: true, isAvailable: false }), 'here unreachable');
    assert.equal(seen({ isListedHere: true }), 'elsewhere server');
    assert.equal(seen({ isAvailable: false }), 'elsewhere unreachable');
  });
});

describe('devices without a connection of their own', () => {
  it('are counted as people do', () => {
    assert.equal(unconnected(1, 'it is so', 'here'), 'A device has no connection of its own to the server, as it is so; it works here.');
    assert.equal(unconnected(2, 'it is so', 'here'), '2 devices have no connection of their own to the server, as it is so; they work here.');
  });
});
