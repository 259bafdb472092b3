import assert from 'node:assert/strict';
import type { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { saslPrep } from '../../../src/xpmn/xmpp/sasl-prep.ts';
import { ScramClient, chooseMechanism } from '../../../src/xpmn/xmpp/sasl.ts';
import type { ScramMechanism } from '../../../src/xpmn/xmpp/sasl.ts';
import { FakeRandom } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const { scram } = settings.xmpp.server;
const isRefused = (error: XpmnError): boolean => error.code === 'login-failed';
const client = (mechanism: ScramMechanism, nonce: string, username = 'user'): ScramClient =>
  new ScramClient({ random: { bytes: () => Buffer.from(nonce, 'base64'), fraction: () => 0 }, mechanism, username, password: 'pencil' }, scram);

describe('SCRAM', () => {
  it('is that of RFC 5802 §5', async () => {
    const one = client('SCRAM-SHA-1', 'fyko+d2lbbFgONRv9qkxdawL');
    assert.equal(one.first(), 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL');
    const answer = await one.respond('r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096');
    assert.equal(answer, 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=');
    assert.equal(one.proven, false);
    one.verify('v=rmF9pqV8S7suAoZWja4dJRkFsKQ=');
    assert.equal(one.proven, true);
  });

  it('is that of RFC 7677 §3', async () => {
    const one = client('SCRAM-SHA-256', 'rOprNGfwEbeRWgbNEkqO');
    const answer = await one.respond('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096');
    assert.equal(answer, 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=');
    one.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
    assert.ok(one.proven);
  });

  const first = 'r=fyko+d2lbbFgONRv9qkxdawLmore,s=QSXCR+Q6sek8bf92,i=4096';
  for (const [what, said] of [
    ['nothing', ''],
    ['another nonce', first.replace('fyko', 'fykp')],
    ['only our nonce', first.replace('more', '')],
    ['a mandatory extension', `m=x,${first}`],
    ['another order', 's=QSXCR+Q6sek8bf92,r=fyko+d2lbbFgONRv9qkxdawLmore,i=4096'],
    ['no salt', first.replace('QSXCR+Q6sek8bf92', '')],
    ['too few iterations', first.replace('4096', '4095')],
    ['too many iterations', first.replace('4096', '1000001')],
    ['iterations that are no number', first.replace('4096', '4096.5')],
    ['negative iterations', first.replace('4096', '-4096')],
    ['too much', `${first},x=${'x'.repeat(scram.messageLength)}`],
  ] as const) {
    it(`refuses a challenge with ${what}`, async () => {
      await assert.rejects(client('SCRAM-SHA-1', 'fyko+d2lbbFgONRv9qkxdawL').respond(said), isRefused);
    });
  }

  it('refuses every final message but the right one, and any before the challenge', async () => {
    const one = client('SCRAM-SHA-1', 'fyko+d2lbbFgONRv9qkxdawL');
    assert.throws(() => one.verify('v='), isRefused);
    await one.respond(first);
    for (const said of ['', 'v=', 'e=invalid-proof', 'v=AAAA', `v=${Buffer.alloc(20).toString('base64')}`, 'x']) assert.throws(() => one.verify(said), isRefused);
    assert.equal(one.proven, false);
    await assert.rejects(one.respond(first), isRefused);
  });

  it('escapes what separates, in names', () => {
    assert.match(client('SCRAM-SHA-1', 'AAAA', 'a=b,c').first(), /^n,,n=a=3Db=2Cc,r=/);
  });

  it('takes a new nonce each time', () => {
    const random = new FakeRandom();
    const [one, two] = [0, 1].map(() => new ScramClient({ random, mechanism: 'SCRAM-SHA-1', username: 'u', password: 'p' }, scram).first());
    assert.notEqual(one, two);
  });

  it('prefers the strongest, and never gives the password away', () => {
    assert.equal(chooseMechanism(['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256']), 'SCRAM-SHA-256');
    assert.equal(chooseMechanism(['SCRAM-SHA-512', 'SCRAM-SHA-256']), 'SCRAM-SHA-512');
    assert.equal(chooseMechanism(['SCRAM-SHA-1']), 'SCRAM-SHA-1');
    assert.equal(chooseMechanism(['PLAIN', 'DIGEST-MD5', 'X-OAUTH2', 'ANONYMOUS', 'toString']), undefined);
  });
});

describe('SASLprep', () => {
  for (const [said, prepared] of [['I\u00adX', 'IX'], ['user', 'user'], ['USER', 'USER'], ['\u00aa', 'a'], ['\u2168', 'IX'], ['a\u00a0b', 'a b']] as const) {
    it(`prepares ${JSON.stringify(said)}`, () => assert.equal(saslPrep(said), prepared));
  }
  for (const said of ['\u0007', '', '\u00ad', 'a\u202eb', '\ue000']) {
    it(`refuses ${JSON.stringify(said)}`, () => assert.throws(() => saslPrep(said), isRefused));
  }
});
