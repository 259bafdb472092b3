import assert from 'node:assert/strict';
import { findDevice, findLibrary, findPlayer } from '../../../src/app/find-device.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { fakeDevice } from '../../fakes/fake-gateway.ts';

describe('finding the device that a user means', () => {
  const devices = [
    fakeDevice('living-room-tv-k3fq', 'Living Room TV'),
    fakeDevice('living-room-nas-aaaa', 'NAS'),
    fakeDevice('nas-bbbb', 'Büro'),
    fakeDevice('nas-bbbb', 'Bob\'s NAS', { jid: parseJid('bob@example.org/nas-bbbb') }),
    fakeDevice('tv-cccc', 'living-room-tv-k3fq'),
    fakeDevice('cellar-dddd', 'Cellar (Settop)'),
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
      ['set', 'anna@example.org/cellar-dddd'],
    ] as const) assert.equal(found(wanted), jid, wanted);
  });

  it('names the candidates where several are meant, by what tells them apart', () => {
    assert.throws(() => found('living'), { code: 'bad-request', message: 'Several devices are meant by "living": Living Room TV (living-room-tv-k3fq), NAS (living-room-nas-aaaa). Say which by what is in parentheses.' });
    assert.throws(() => found('nas-bbbb'), { code: 'bad-request', message: /: Büro \(anna@example\.org\/nas-bbbb\), Bob's NAS \(bob@example\.org\/nas-bbbb\)\. Say which/ });
    const many = Array.from({ length: 30 }, (_, i) => fakeDevice(`a${i}`, 'A'));
    assert.throws(() => findDevice('a', many), { message: /A \(a9\), …\. Say which/ });
  });

  it('finds nothing by nothing, or by another\'s name', () => {
    for (const wanted of ['', 'kitchen', 'anna@example.org', 'anna@example.org/nas-bbb', 'carol@example.org/nas-bbbb']) assert.throws(() => found(wanted), { code: 'not-found' }, wanted);
  });
});

describe('finding the library that a user means', () => {
  it('prefers what has one to what another gateway had called the same, and is off now', () => {
    const [off, nas, tv] = [fakeDevice('nas-aaaa', 'NAS', { services: [] }), fakeDevice('nas-bbbb', 'NAS', { services: ['directory'] }), fakeDevice('tv-cccc', 'TV', { services: ['playback'] })];
    assert.equal(findLibrary('nas', [off, nas, tv]), nas);
    assert.equal(findLibrary('nas-aaaa', [off, nas, tv]), off);
    assert.equal(findLibrary('tv', [off, nas, tv]), tv);
  });
});

describe('finding the player that a user means', () => {
  const nas = fakeDevice('tv-server-aaaa', 'TV');
  const tv = fakeDevice('tv-bbbb', 'TV', { services: ['playback', 'rendering'] });
  const amplifier = fakeDevice('amp-cccc', 'Amplifier', { services: ['rendering'] });
  const unheard = fakeDevice('old-dddd', 'Old', { services: [] });
  const all = [nas, tv, amplifier, unheard];

  it('is the only one where none is named', () => {
    assert.equal(findPlayer(undefined, [nas, tv, unheard]), tv);
    assert.throws(() => findPlayer(undefined, all), { code: 'bad-request', message: 'There are several players: TV (tv-bbbb), Amplifier (amp-cccc). Say which with --on, by its name or what is in parentheses.' });
    assert.throws(() => findPlayer(undefined, [nas, unheard]), { code: 'not-found' });
  });

  it('prefers players to what is called the same', () => {
    assert.equal(findPlayer('TV', all), tv);
    assert.equal(findPlayer('tv', all), tv);
    assert.throws(() => findPlayer('tv-s', all), { code: 'not-supported', message: /^TV \(tv-server-aaaa\) is no player: `xpmn devices`/ });
    assert.throws(() => findPlayer('a', [tv, amplifier, fakeDevice('attic-eeee', 'Attic', { services: ['playback'] })]), { code: 'bad-request' });
  });

  it('may be one that was never heard', () => {
    assert.equal(findPlayer('old', all), unheard);
    for (const wanted of ['', 'kitchen']) assert.throws(() => findPlayer(wanted, all), { code: 'not-found' });
  });
});
