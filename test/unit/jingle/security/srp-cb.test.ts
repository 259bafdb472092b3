import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createHash, createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { paddedBytes } from '../../../../src/xpmn/jingle/security/srp/arithmetic.ts';
import { GROUP_3072 } from '../../../../src/xpmn/jingle/security/srp/group.ts';
import { encodeRecord } from '../../../../src/xpmn/jingle/security/srp/records.ts';
import { systemClock, systemRandom } from '../../../../src/xpmn/kernel/system.ts';
import { fingerprintOf } from '../../../../src/xpmn/jingle/security/tls.ts';
import { issueCertificate } from '../../../../src/xpmn/trust/certificate.ts';
import { privateKeyPem } from '../../../../src/xpmn/trust/keys.ts';
import { FakePin } from '../../../fakes/fake-pin.ts';
import { DeadlineClock } from '../../../support/deadline-clock.ts';
import { settle } from '../../../support/fake-clock.ts';
import { PIN, WRONG_PIN } from '../../../support/pin-play.ts';
import { settings } from '../../../support/settings.ts';
import { asClient, asServer, honest, lastWord, refused, scripts } from '../../../support/srp-cb-rig.ts';

const N = GROUP_3072.prime;
const padded = (value: bigint): Buffer => paddedBytes(value, 384);
const application = Buffer.from('<stream:stream>');

function untouched(stream: Duplex): void {
  for (const event of ['readable', 'data'] as const) assert.equal(stream.listenerCount(event), 0, event);
  assert.notEqual(stream.readableFlowing, true);
}

describe('srp-cb against a peer that says what it likes', () => {
  const { start, end } = scripts();
  afterEach(end);

  for (const [what, value] of Object.entries({ '0': 0n, 'N': N, 'N + 1': N + 1n, 'all ones': (1n << 3072n) - 1n })) {
    it(`takes no A of ${what}, though its proof follows from it without the PIN`, async () => {
      const pin = new FakePin(PIN);
      const play = await start('responder', { pin });
      const { body } = await play.read();
      // S is 0 for A = 0 and A = N, whatever the password.
      const key = createHash('sha256').update(padded(0n)).digest();
      const proof = createHmac('sha256', key).update('client').update(play.context).update(padded(value)).update(body.subarray(16)).digest();
      play.send('proof', Buffer.concat([padded(value), proof]));
      await lastWord(play);
      await refused(play, pin);
      // It counts all the same: "on receiving M1 before looking at it".
      assert.deepEqual([pin.burnt, pin.ended], [1, [false]]);
    });

    it(`answers no B of ${what}`, async () => {
      const pin = new FakePin(PIN);
      const play = await start('initiator', { pin });
      play.send('challenge', Buffer.concat([randomBytes(16), padded(value)]));
      await lastWord(play);
      await refused(play, pin);
      assert.deepEqual([pin.burning, pin.ended], [0, [false]], 'nothing that could be tested was sent');
    });
  }

  it('gives no stream to whoever has proven the PIN when the pairing has ended', async () => {
    const pin = new FakePin(PIN);
    pin.isOver = true;
    const play = await start('responder', { pin });
    const { body } = await play.read();
    play.send('proof', asClient(play, body).proof);
    await assert.rejects(play.secured, { code: 'security-failed' });
    assert.ok(play.raw.destroyed);
    assert.equal(pin.open, 0);
  });

  it('tells once when the stream is lost on which the PIN was proven', async () => {
    const pin = new FakePin(PIN);
    const play = await start('responder', { pin });
    const { body } = await play.read();
    play.send('proof', asClient(play, body).proof);
    const { stream } = await play.secured;
    assert.equal(pin.lost, 0);
    stream.destroy();
    await once(stream, 'close');
    assert.equal(pin.lost, 1);
  });

  it('has so many runs at a time, and one more looks like a wrong PIN', async () => {
    const pin = new FakePin(PIN);
    const method = await honest({ pin }, 2);
    const [first] = await Promise.all([start('responder', { pin, method }), start('responder', { pin, method })]);
    await first.read();
    const third = await start('responder', { pin, method });
    await lastWord(third);
    await assert.rejects(third.secured, { code: 'security-failed' });
    assert.equal(pin.begun.length, 1);
    first.tls.destroy();
    await assert.rejects(first.secured);
    const fourth = await start('responder', { pin, method });
    assert.equal((await fourth.read()).type, 'challenge');
  });

  it('does not take its own proof back as the confirmation', async () => {
    const pin = new FakePin(PIN);
    const play = await start('initiator', { pin });
    play.send('challenge', asServer(play).challenge);
    const { body } = await play.read();
    play.send('confirmation', body.subarray(384));
    await lastWord(play);
    await refused(play, pin);
  });

  it('shows a server that guesses wrong a proof, and a client that guesses wrong nothing', async () => {
    const [asked, called] = [new FakePin(PIN), new FakePin(PIN)];
    const initiator = await start('initiator', { pin: asked });
    const run = asServer(initiator, WRONG_PIN);
    initiator.send('challenge', run.challenge);
    assert.equal(run.judge((await initiator.read()).body), undefined);
    initiator.send('confirmation', randomBytes(32));
    await lastWord(initiator);
    await refused(initiator, asked);
    const responder = await start('responder', { pin: called });
    responder.send('proof', asClient(responder, (await responder.read()).body, WRONG_PIN).proof);
    await lastWord(responder);
    await refused(responder, called);
    assert.deepEqual([asked.burnt, called.burnt], [1, 1]);
  });

  it('hears records that come byte by byte', async () => {
    for (const role of ['initiator', 'responder'] as const) {
      const play = await start(role, { pin: new FakePin(PIN) });
      const drip = async (type: 'challenge' | 'proof' | 'confirmation', body: Buffer): Promise<void> => {
        for (const byte of encodeRecord({ type, body })) {
          play.tls.write(Buffer.of(byte));
          await settle(1);
        }
      };
      if (role === 'responder') await drip('proof', asClient(play, (await play.read()).body).proof);
      else {
        const run = asServer(play);
        await drip('challenge', run.challenge);
        await drip('confirmation', run.judge((await play.read()).body) as Buffer);
      }
      const { stream } = await play.secured;
      untouched(stream);
    }
  });

  it('leaves the application what comes right behind the last record, in one TLS record, up to an end behind it', async () => {
    for (const isEnd of [false, true]) {
      const initiator = await start('initiator', { pin: new FakePin(PIN) });
      const run = asServer(initiator);
      initiator.send('challenge', run.challenge);
      const last = Buffer.concat([encodeRecord({ type: 'confirmation', body: run.judge((await initiator.read()).body) as Buffer }), application]);
      if (isEnd) initiator.tls.end(last);
      else initiator.tls.write(last);
      const { stream } = await initiator.secured;
      assert.deepEqual(await firstOf(stream), application);
    }
    const responder = await start('responder', { pin: new FakePin(PIN) });
    const run = asClient(responder, (await responder.read()).body);
    responder.tls.write(Buffer.concat([encodeRecord({ type: 'proof', body: run.proof }), application]));
    assert.ok(run.isConfirmedBy((await responder.read()).body));
    assert.deepEqual(await firstOf((await responder.secured).stream), application);
  });

  it('begins no attempt for a certificate that can\'t stand for a device', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const { der, pem } = issueCertificate({ clock: systemClock, random: systemRandom }, settings.trust, privateKey, { commonName: 'weak' });
    const peer = { credentials: { certificate: pem, privateKey: privateKeyPem(privateKey) }, certificate: der, fingerprint: fingerprintOf(der) };
    for (const role of ['initiator', 'responder'] as const) {
      const pin = new FakePin(PIN);
      const play = await start(role, { pin, peer });
      await lastWord(play);
      await refused(play, pin);
      assert.equal(pin.begun.length, 0);
    }
  });

  it('takes as long to burn an attempt where there is none, and where the disk refuses it', async () => {
    const full = new FakePin(PIN);
    full.disk.isFull = true;
    const closed = new FakePin(PIN);
    closed.isClosed = true;
    for (const pin of [new FakePin(PIN), full, closed]) {
      const clock = new DeadlineClock();
      const play = await start('responder', { pin, clock, leastBurnTime: 5000 });
      play.send('proof', asClient(play, (await play.read()).body, WRONG_PIN).proof);
      while (clock.pending < 2) await settle(1);
      await settle(20);
      assert.ok(!play.raw.destroyed, 'it waits');
      assert.equal(play.tls.readableLength, 0, 'and says nothing');
      clock.expire();
      await refused(play, pin, 'timeout');
    }
  });
});

/** The first chunk, without waiting for an end. */
async function firstOf(stream: Duplex): Promise<unknown> {
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) return chunk;
  return undefined;
}
