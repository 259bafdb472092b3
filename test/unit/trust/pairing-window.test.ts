import assert from 'node:assert/strict';
import type { Random } from '../../../src/xpmn/kernel/clock.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { PinAttempt } from '../../../src/xpmn/ports/pairing-pin.ts';
import { BUTTON_PIN } from '../../../src/xpmn/pairing/button-window.ts';
import { PairingWindow } from '../../../src/xpmn/trust/pairing-window.ts';
import type { PairingState } from '../../../src/xpmn/trust/pairing-window.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';

const options = settings.pairing;
const PEER = parseJid('net-abcdefgh@xpmn.local/laptop-k3fq');
const OTHER = parseJid('net-abcdefgh@xpmn.local/phone-abcd');

describe('the pairing window', () => {
  let clock: FakeClock;
  let disk: MemoryDisk;
  let window: PairingWindow;
  let states: PairingState[];

  beforeEach(() => {
    clock = new FakeClock();
    disk = new MemoryDisk();
    window = make(new FakeRandom(5));
    states = [];
    window.on('changed', (state) => states.push(state));
  });

  function make(random: Random): PairingWindow {
    return new PairingWindow({ clock, random, storage: new MemoryStorage(disk) }, options);
  }
  const pin = (): string => {
    assert.equal(window.state.state, 'open');
    return (window.state as Extract<PairingState, { state: 'open' }>).pin;
  };
  const stateOf = (): string => window.state.state;
  const begin = (): PinAttempt => {
    const attempt = window.begin(PEER);
    assert.ok(attempt);
    return attempt;
  };
  async function fail(): Promise<void> {
    const attempt = begin();
    await attempt.burn();
    attempt.done(false);
  }
  const burntOnDisk = (): unknown => (JSON.parse(String(disk.documents.get('trust/pairing'))) as { burnt: unknown }).burnt;

  it('is closed until the user opens it, and after a restart', async () => {
    assert.deepEqual(window.state, { state: 'closed', why: 'not-opened' });
    assert.equal(window.begin(PEER), undefined);
    await window.open();
    assert.equal(make(new FakeRandom()).isOpen, false);
  });

  it('takes no PIN that can\'t be typed, so that none stands for the button', async () => {
    for (const pin of [BUTTON_PIN, 'PIN\nof two lines']) await assert.rejects(window.open({ pin }), { code: 'bad-request' });
    assert.equal(window.isOpen, false);
  });

  it('shows a PIN of six digits that is good for some minutes', async () => {
    await window.open();
    assert.match(pin(), /^\d{6}$/);
    assert.deepEqual(states, [{ state: 'open', pin: pin(), expires: clock.now() + options.pinLifetime, burnt: 0 }]);
    await clock.advance(options.pinLifetime - 1);
    assert.ok(window.isOpen);
    await clock.advance(1);
    assert.deepEqual(window.state, { state: 'closed', why: 'expired' });
    assert.equal(window.begin(PEER), undefined);
    assert.equal(clock.pending, 0);
  });

  it('draws every PIN with the same chance, those with leading zeros too', async () => {
    const drawn = ['ffffffff', '00000007'].map((hex) => Buffer.from(hex, 'hex'));
    window = make({ bytes: () => drawn.shift() as Buffer, fraction: () => 0 });
    await window.open();
    // 2^32 is no multiple of a million: what is beyond the last one is drawn again.
    assert.equal(pin(), '000007');
  });

  it('takes a PIN of the user\'s, unless it is too short', async () => {
    await assert.rejects(window.open({ pin: '123' }), { code: 'bad-request' });
    assert.equal(window.isOpen, false);
    await window.open({ pin: '1234' });
    assert.equal(begin().pin, '1234');
  });

  it('has one attempt at a time', async () => {
    await window.open();
    const attempt = begin();
    assert.equal(attempt.pin, pin());
    assert.equal(window.begin(OTHER), undefined);
    attempt.done(false);
    assert.ok(window.begin(OTHER));
  });

  it('keeps a PIN that nobody could guess at, and spends one that somebody could have', async () => {
    await window.open();
    const first = pin();
    begin().done(false);
    assert.equal(pin(), first);
    await fail();
    assert.notEqual(pin(), first);
    assert.equal((states.at(-1) as { burnt?: number }).burnt, 1);
  });

  it('counts an attempt on disk before it can fail', async () => {
    await window.open();
    assert.equal(burntOnDisk(), 0);
    await begin().burn();
    assert.equal(burntOnDisk(), 1);
    await window.open();
    disk.isFull = true;
    await assert.rejects(begin().burn(), { code: 'storage-failed' });
  });

  it('closes after so many that were burnt, until the user opens it again', async () => {
    await window.open();
    for (let i = 0; i < options.attempts; i += 1) await fail();
    assert.deepEqual(window.state, { state: 'closed', why: 'burnt' });
    assert.equal(clock.pending, 0);
    await window.open();
    assert.equal(burntOnDisk(), 0);
    await fail();
    assert.ok(window.isOpen);
  });

  it('closes when a PIN of the user\'s is spent', async () => {
    await window.open({ pin: 'correct horse' });
    await fail();
    assert.deepEqual(window.state, { state: 'closed', why: 'burnt' });
  });

  it('lets who has begun in time finish', async () => {
    await window.open();
    const attempt = begin();
    await clock.advance(options.pinLifetime);
    await attempt.burn();
    attempt.done(true);
    assert.deepEqual(window.state, { state: 'joining', peer: PEER });
    await window.open();
    const late = begin();
    await clock.advance(options.pinLifetime);
    late.done(false);
    assert.deepEqual(window.state, { state: 'closed', why: 'expired' });
  });

  it('adds the device that has proven itself, and no other', async () => {
    await window.open();
    const attempt = begin();
    await attempt.burn();
    attempt.done(true);
    assert.equal(window.isOpen, false);
    assert.throws(() => window.assertJoining(OTHER), { code: 'not-allowed' });
    assert.throws(() => window.complete(OTHER, OTHER, 'x'), { code: 'not-allowed' });
    window.complete(PEER, PEER, 'Laptop');
    assert.deepEqual(window.state, { state: 'paired', device: PEER, name: 'Laptop' });
    assert.throws(() => window.assertJoining(PEER), { code: 'not-allowed' });
    assert.equal(clock.pending, 0);
  });

  it('gives up on a device that has proven itself and then does not join', async () => {
    await window.open();
    begin().done(true);
    await clock.advance(options.joinTime);
    assert.deepEqual(window.state, { state: 'closed', why: 'unfinished' });
    assert.throws(() => window.assertJoining(PEER), XpmnError);
  });

  it('lets another caller displace an attempt that does not get on, and none that is being burnt', async () => {
    await window.open();
    const held = begin();
    await clock.advance(options.attemptPatience - 1);
    assert.equal(window.begin(OTHER), undefined);
    await clock.advance(1);
    const second = window.begin(OTHER);
    assert.ok(second);
    await assert.rejects(held.burn(), { code: 'not-allowed' });
    held.done(false);
    assert.throws(() => held.done(true), { code: 'not-allowed' });
    await clock.advance(options.attemptPatience);
    const burning = second.burn();
    assert.equal(window.begin(PEER), undefined);
    await burning;
    assert.equal(window.begin(PEER), undefined);
    second.done(true);
    assert.deepEqual(window.state, { state: 'joining', peer: OTHER });
  });

  it('begins no attempt with a PIN that is good no more, in the place of one that may end', async () => {
    await window.open();
    begin();
    await clock.advance(options.pinLifetime);
    assert.ok(window.isOpen);
    assert.equal(window.begin(OTHER), undefined);
  });

  it('stops an attempt that was being counted when the window closed, and takes none for proven', async () => {
    await window.open();
    const attempt = begin();
    const burning = attempt.burn();
    window.close();
    await assert.rejects(burning, { code: 'not-allowed' });
    assert.throws(() => attempt.done(true), { code: 'not-allowed' });
    assert.deepEqual(window.state, { state: 'closed', why: 'by-user' });
  });

  it('ends when the stream of the device that is being added is lost, and not with another one', async () => {
    await window.open();
    const early = begin();
    early.done(false);
    early.lost();
    assert.ok(window.isOpen);
    const attempt = begin();
    attempt.done(true);
    early.lost();
    assert.equal(window.state.state, 'joining');
    attempt.lost();
    assert.deepEqual(window.state, { state: 'closed', why: 'unfinished' });
    await window.open();
    const added = begin();
    added.done(true);
    window.complete(PEER, PEER, 'Laptop');
    added.lost();
    assert.equal(stateOf(), 'paired');
  });

  describe('while it lists a device', () => {
    let attempt: PinAttempt;
    const ends: [string, () => Promise<void> | void][] = [['by-user', () => window.close()], ['unfinished', () => clock.advance(options.joinTime)], ['unfinished', () => attempt.lost()]];

    beforeEach(async () => {
      await window.open();
      attempt = begin();
      attempt.done(true);
    });

    it('lists nobody once it has ended', () => {
      assert.throws(() => window.listing(OTHER), { code: 'not-allowed' });
      window.close();
      assert.throws(() => window.listing(PEER), { code: 'not-allowed' });
    });

    for (const [index, [why, end]] of ends.entries()) {
      it(`is not ended by anything else (${why}, ${index}), unless nothing comes of it`, async () => {
        window.listing(PEER);
        await end();
        assert.ok(window.isJoining(PEER));
        window.notListed(PEER);
        assert.deepEqual(window.state, { state: 'closed', why });
      });
    }

    it('lets the device ask again when nothing came of it', () => {
      window.listing(PEER);
      window.notListed(PEER);
      assert.ok(window.isJoining(PEER));
      window.close();
      assert.deepEqual(window.state, { state: 'closed', why: 'by-user' });
    });

    it('tells which device is listed, and may not know it; but not in a window that was opened anew', async () => {
      window.listing(PEER);
      attempt.lost();
      window.untold(PEER, PEER, 'Laptop');
      assert.deepEqual(window.state, { state: 'closed', why: 'untold', device: PEER, name: 'Laptop' });
      assert.equal(clock.pending, 0);
      await window.open();
      window.untold(PEER, PEER, 'Laptop');
      assert.ok(window.isOpen);
    });
  });

  it('is closed by the user at any time: what was under way counts for nothing', async () => {
    await window.open();
    const attempt = begin();
    window.close();
    await assert.rejects(attempt.burn(), { code: 'not-allowed' });
    attempt.done(false);
    assert.deepEqual(window.state, { state: 'closed', why: 'by-user' });
    await window.open();
    const second = begin();
    await window.open();
    assert.throws(() => second.done(true), { code: 'not-allowed' });
    assert.ok(window.isOpen);
    begin().done(true);
    window.close();
    assert.throws(() => window.assertJoining(PEER), { code: 'not-allowed' });
  });
});
