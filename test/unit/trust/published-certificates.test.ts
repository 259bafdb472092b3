import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { formatKeyInfo, isOwnCertificate, isSignedBy, keyInfoId, parseKeyInfo, signCertificate } from '../../../src/xpmn/trust/keyinfo.ts';
import type { KeyInfo } from '../../../src/xpmn/trust/keyinfo.ts';
import { planCertificates } from '../../../src/xpmn/trust/published-certificates.ts';
import type { CertificateItem, CertificatePlan, CertificateView } from '../../../src/xpmn/trust/published-certificates.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { NOW, device, list, options, snapshot, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const account = parseJid('romeo@home.test');
const [hereJid, thereJid] = ['romeo@home.test/here', 'romeo@home.test/there'];

describe('published certificates', () => {
  let user: Somebody;
  let here: Somebody;
  let there: Somebody;
  let mallory: Somebody;
  let view: CertificateView;
  const certs: Record<'here' | 'there' | 'mallory', Buffer> = { here: Buffer.alloc(0), there: Buffer.alloc(0), mallory: Buffer.alloc(0) };

  const issue = (who: Somebody, jid: string): Buffer =>
    issueCertificate({ clock: new FakeClock(NOW), random: new FakeRandom() }, options, who.key, { commonName: 'A device', jid: parseJid(jid) }).der;
  const sign = (certificate: Buffer): ReturnType<typeof signCertificate> => signCertificate(certificate, user.key, user.leaf);
  const item = (info: KeyInfo): CertificateItem => ({ id: keyInfoId(info), payload: formatKeyInfo(info) });
  const unsigned = (certificate: Buffer): KeyInfo => ({ certificate, jid: undefined, signatures: [] });
  const signed = (certificate: Buffer): KeyInfo => ({ certificate, jid: undefined, signatures: [sign(certificate)] });
  const plan = (items: readonly CertificateItem[], changes: Partial<CertificateView> = {}): CertificatePlan => planCertificates(items, { ...view, ...changes }, options);
  const published = ({ publish }: CertificatePlan): KeyInfo[] => publish.map(({ payload }) => parseKeyInfo(payload, options));
  const theUser = (): KeyInfo => ({ certificate: user.leaf, jid: account, signatures: [] });

  before(async function () {
    this.timeout(60_000);
    [user, here, there, mallory] = await Promise.all(['keyinfo user', 'keyinfo here', 'keyinfo there', 'keyinfo mallory'].map(somebody)) as [Somebody, Somebody, Somebody, Somebody];
    Object.assign(certs, { here: issue(here, hereJid), there: issue(there, thereJid), mallory: issue(mallory, 'romeo@home.test/mallory') });
    const lists = snapshot(user, list('devices', user, { devices: [device(here, hereJid), device(there, thereJid)] }));
    view = { lists, account, own: certs.here, user: user.leaf, sign };
  });

  it('are the own one and the user\'s, signed where the user key is', () => {
    assert.deepEqual(published(plan([])), [theUser(), signed(certs.here)]);
    assert.deepEqual(published(plan([], { sign: undefined })), [theUser(), unsigned(certs.here)]);
  });

  it('are left alone when they are as they should be', () => {
    const there_ = plan([theUser(), signed(certs.here), signed(certs.there)].map(item));
    assert.deepEqual([there_.publish, there_.retract], [[], []]);
    const unsignedOnly = plan([theUser(), unsigned(certs.here)].map(item), { sign: undefined });
    assert.deepEqual([unsignedOnly.publish, unsignedOnly.retract], [[], []]);
  });

  it('of the other own devices are signed, and nobody else\'s', () => {
    const others = [theUser(), signed(certs.here), unsigned(certs.there), unsigned(certs.mallory)].map(item);
    assert.deepEqual(published(plan(others)), [signed(certs.there)]);
    assert.deepEqual(published(plan(others, { sign: undefined })), []);
  });

  it('whose signature is somebody else\'s, or over something else, are signed again', () => {
    const forged = { certificate: certs.there, signatures: [signCertificate(certs.there, mallory.key, user.leaf), { ...sign(certs.here) }] };
    assert.ok(!isSignedBy(forged, user.leaf));
    assert.deepEqual(published(plan([theUser(), signed(certs.here), forged].map(item))), [signed(certs.there)]);
  });

  it('whose key was removed are taken away, signed or not, where the user key is', () => {
    const lists = snapshot(user, list('devices', user, { devices: [device(here, hereJid)], removed: [there] }));
    for (const info of [signed(certs.there), unsigned(certs.there)]) {
      assert.deepEqual(plan([item(info)], { lists }).retract, [keyInfoId({ certificate: certs.there })]);
      assert.deepEqual(plan([item(info)], { lists, sign: undefined }).retract, []);
    }
  });

  it('for an older name of a device are taken away, and not those for one that it may have by a newer list', () => {
    const lists = snapshot(user, list('devices', user, { devices: [device(here, hereJid), device(there, 'romeo@new.test/there', { aliases: [thereJid] })] }));
    const newer = item(signed(issue(there, 'romeo@newest.test/there')));
    assert.deepEqual(plan([item(signed(certs.there)), newer], { lists }).retract, [keyInfoId({ certificate: certs.there })]);
  });

  it('that no list names are left alone, also where the user key has signed them: by another list', () => {
    const others = [theUser(), signed(certs.here), signed(certs.mallory), unsigned(issue(mallory, 'romeo@home.test/other'))].map(item);
    for (const one of [plan(others), plan(others, { sign: undefined })]) assert.deepEqual([one.publish, one.retract], [[], []]);
  });

  it('are taken by their content, not by what the server calls them', () => {
    const misnamed = { id: keyInfoId({ certificate: certs.here }), payload: formatKeyInfo(signed(certs.there)) };
    assert.deepEqual(published(plan([misnamed, item(theUser())])), [signed(certs.here)]);
    const nonsense = [{ id: 'x', payload: undefined }, { id: 'y', payload: xml('keyinfo', NS.pubkey) }, { id: 'z', payload: xml('other', 'urn:x') }];
    assert.equal(plan(nonsense).publish.length, 2);
  });

  it('tell their own device what it may show', () => {
    assert.deepEqual(plan([signed(certs.here)].map(item), { sign: undefined }).own.signatures, signed(certs.here).signatures);
    assert.deepEqual(plan([], { sign: undefined }).own.signatures, []);
  });

  it('are of own devices only if key, JID and the device\'s own signature agree', () => {
    const { lists } = view;
    assert.ok(isOwnCertificate(lists, certs.here));
    assert.ok(!isOwnCertificate(lists, issue(here, thereJid)), 'the JID of another');
    assert.ok(!isOwnCertificate(lists, here.leaf), 'no JID');
    assert.ok(!isOwnCertificate(lists, user.leaf));
    assert.ok(!isOwnCertificate(lists, Buffer.from('no certificate')));
    const tampered = Buffer.from(certs.here);
    tampered[tampered.length - 1] = (tampered.at(-1) as number) ^ 1;
    assert.ok(!isOwnCertificate(lists, tampered), 'whoever else has put it together has not the key');
  });

  describe('as XML', () => {
    const fails = (element: XmlElement, code: string): void =>
      assert.throws(() => parseKeyInfo(element, options), (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));
    const keyinfo = (text: string): XmlElement => xml('keyinfo', NS.pubkey, {}, xml('x509cert', NS.pubkey, {}, text));

    it('may have their base64 in lines', () => {
      const lines = certs.here.toString('base64').replace(/.{60}/g, '\n    $&');
      assert.deepEqual(parseKeyInfo(keyinfo(`${lines}\n  `), options).certificate, certs.here);
    });

    it('are read without signatures that we can\'t check', () => {
      const other = xml('signature', NS.pubkey, {}, xml('issuer', NS.pubkey, { algo: 'sha1' }, 'x'), xml('value', NS.pubkey, { method: 'RSA-SHA1' }, 'AAAA'));
      const element = formatKeyInfo(signed(certs.here));
      assert.deepEqual(parseKeyInfo({ ...element, children: [...element.children, other] }, options).signatures, signed(certs.here).signatures);
    });

    it('are bounded, and have to make sense', () => {
      fails(keyinfo('not base64!'), 'malformed');
      fails(keyinfo(''), 'malformed');
      fails(xml('keyinfo', NS.pubkey), 'malformed');
      fails(keyinfo(Buffer.alloc(options.certificateBytes + 1).toString('base64')), 'too-large');
      fails(keyinfo(' '.repeat(2 * options.certificateBytes + 1)), 'too-large');
      const many = Array.from({ length: options.certificateSignatures + 1 }, () => sign(certs.here));
      fails(formatKeyInfo({ certificate: certs.here, signatures: many }), 'too-large');
    });
  });
});
