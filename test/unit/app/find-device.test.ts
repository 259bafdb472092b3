import assert from 'node:assert/strict';
import { findDevice } from '../../../src/app/find-device.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { fakeDevice } from '../../fakes/fake-gateway.ts';

describe('finding the device that a user means', () => {
  const devices = [
    fakeDevice('living-room-tv-k3fq', 'Living Room TV'),
    fakeDevice('living-room-nas-aaaa', 'NAS'),
    fakeDevice('nas-bbbb', 'Büro'),
    fakeDevice('nas-bbbb', 'Bob\'s NAS', { jid: parseJid('bob@example.org/nas-bbbb') }),
    fakeDevice('tv-cccc', 'living-room-tv-k3fq'),
  ];
  const found = (wanted: string): string => findDevice(wanted, devices).jid;

  it('goes from the exact to the loose', () => {
    for (const [wanted, jid] of [
      ['anna@example.org/nas-bbbb', 'anna@example.org/nas-bbbb'],
      ['ANNA@Example.org/nas-bbbb', 'anna@example.org/nas-bbbb'],
      ['living-room-tv-k3fq', 'anna@example.org/living-room-tv-k3fq'],
      ['living room tv', 'anna@example.org/living-room-tv-k3fq'],
      ['nas', 'anna@example.org/living-room-nas-aaaa'],
      ['living-room-t', 'anna@example.org/living-room-tv-k3fq'],
      ['bu\u0308RO', 'anna@example.org/nas-bbbb'],
      ['bob', 'bob@example.org/nas-bbbb'],
    ] as const) assert.equal(found(wanted), jid, wanted);
  });

  it('names the candidates where several are meant, by what tells them apart', () => {
    assert.throws(() => found('living'), { code: 'bad-request', message: 'Several devices are meant by "living": living-room-tv-k3fq, living-room-nas-aaaa.' });
    assert.throws(() => found('nas-bbbb'), { code: 'bad-request', message: /: anna@example\.org\/nas-bbbb, bob@example\.org\/nas-bbbb\.$/ });
    const many = Array.from({ length: 30 }, (_, i) => fakeDevice(`a${i}`, 'A'));
    assert.throws(() => findDevice('a', many), { message: /a9, …\.$/ });
  });

  it('finds nothing by nothing, or by another\'s name', () => {
    for (const wanted of ['', 'kitchen', 'anna@example.org', 'anna@example.org/nas-bbb', 'carol@example.org/nas-bbbb']) assert.throws(() => found(wanted), { code: 'not-found' }, wanted);
  });
});
