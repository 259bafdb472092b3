import assert from 'node:assert/strict';
import type { SecurityMethod } from '../../../src/xpmn/ports/security.ts';
import { SecurityAgreement, announcedFingerprint, commonMethods, namedMethod } from '../../../src/xpmn/jingle/session-security.ts';
import type { SecurityOffer } from '../../../src/xpmn/jingle/security-codec.ts';

const OURS = 'a'.repeat(40);
const fingerprint = { algo: 'sha1', hex: 'c'.repeat(40) } as const;

function methods(...names: string[]): SecurityMethod[] {
  return names.map((name) => ({ name, secure: () => Promise.reject(new Error('not here')) }));
}

function offer(...names: string[]): SecurityOffer {
  return { fingerprint, methods: names };
}

const refused = { code: 'security-failed' };

describe('choice of the security method', () => {
  it('keeps our order of preference', () => {
    assert.deepEqual(commonMethods(methods('x509', 'srp-cb', 'srp'), offer('srp-cb', 'x509')).map(({ name }) => name), ['x509', 'srp-cb']);
  });

  it('fails closed: no <security/>, nothing in common, nothing at all', () => {
    assert.throws(() => commonMethods(methods('x509'), undefined), refused);
    assert.throws(() => commonMethods(methods('x509'), offer('srp')), refused);
    assert.throws(() => commonMethods(methods('x509'), offer()), refused);
    assert.throws(() => commonMethods([], offer('x509')), refused);
  });

  it('leaves srp to peers that name nothing better, whatever is missing of that', () => {
    const ours = methods('x509', 'srp-cb', 'srp');
    assert.deepEqual(commonMethods(ours, offer('srp')).map(({ name }) => name), ['srp']);
    assert.deepEqual(commonMethods(ours, offer('srp', 'srp-cb')).map(({ name }) => name), ['srp-cb']);
    assert.throws(() => commonMethods(ours, { methods: ['srp', 'srp-cb'] }), refused, 'the fingerprint is gone');
    assert.throws(() => commonMethods(methods('x509', 'srp'), offer('srp', 'srp-cb')), refused, 'we have none');
    const responder = new SecurityAgreement(ours, OURS);
    responder.answer(offer('srp', 'srp-cb', 'x509'));
    assert.throws(() => responder.named({ methods: ['srp'] }), refused, 'the initiator decides, among what is left');
  });

  it('compares certificates: there is no method without a fingerprint that can be', () => {
    assert.throws(() => commonMethods(methods('x509', 'srp-cb'), { methods: ['x509', 'srp-cb'] }), refused);
    assert.throws(() => commonMethods(methods('x509', 'srp'), { methods: ['x509', 'srp'] }), refused);
    const sha256 = { fingerprint: { algo: 'sha256', hex: 'c'.repeat(64) }, methods: ['x509'] } as const;
    assert.equal(announcedFingerprint(sha256), undefined);
    assert.throws(() => commonMethods(methods('x509'), sha256), refused);
  });

  it('takes exactly one method by name, of those offered', () => {
    const offered = methods('x509', 'srp');
    assert.equal(namedMethod(offered, { methods: ['srp'] }), offered[1]);
    for (const info of [undefined, { methods: [] }, { methods: ['plain'] }, { methods: ['x509', 'srp'] }]) {
      assert.throws(() => namedMethod(offered, info), refused);
    }
  });

  it('waits for the initiator only where there is a choice', async () => {
    const one = new SecurityAgreement(methods('x509', 'srp-cb'), OURS);
    one.answer(offer('x509'));
    assert.equal((await one.method).name, 'x509');
    assert.deepEqual(one.offer(), { fingerprint: { algo: 'sha1', hex: OURS }, methods: ['x509'] });
    assert.equal(one.theirFingerprint, fingerprint.hex);

    const two = new SecurityAgreement(methods('x509', 'srp-cb'), OURS);
    two.answer(offer('x509', 'srp-cb'));
    assert.equal(await Promise.race([two.method, Promise.resolve('open')]), 'open');
    two.named({ methods: ['srp-cb'] });
    assert.equal((await two.method).name, 'srp-cb');
    two.named({ methods: ['srp-cb'] });
    assert.throws(() => two.named({ methods: ['x509'] }), refused);
  });

  it('lets the initiator take its best of what the responder left', async () => {
    const agreement = new SecurityAgreement(methods('x509', 'srp-cb', 'srp'), OURS);
    assert.equal(agreement.choose(offer('unknown', 'srp', 'srp-cb')), 'srp-cb');
    assert.equal((await agreement.method).name, 'srp-cb');
  });

  it('remembers what each side has named on the wire, the same at both ends', () => {
    const [initiator, responder] = [new SecurityAgreement(methods('x509', 'srp-cb'), OURS), new SecurityAgreement(methods('x509', 'srp-cb', 'srp'), OURS)];
    const called = initiator.offer();
    responder.answer(called);
    initiator.choose(responder.offer());
    const named = { initiator: ['x509', 'srp-cb'], responder: ['x509', 'srp-cb'] };
    assert.deepEqual(initiator.methodsOf('initiator'), named);
    assert.deepEqual(responder.methodsOf('responder'), named);
    const changed = new SecurityAgreement(methods('x509', 'srp-cb'), OURS);
    changed.answer({ ...called, methods: ['srp-cb', 'other'] });
    assert.deepEqual(changed.methodsOf('responder'), { initiator: ['srp-cb', 'other'], responder: ['srp-cb'] });
  });
});
