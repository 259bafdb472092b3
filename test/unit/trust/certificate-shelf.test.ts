import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { CertificateShelf } from '../../../src/xpmn/trust/certificate-shelf.ts';
import type { ShelfItem } from '../../../src/xpmn/trust/certificate-shelf.ts';
import { formatKeyInfo, isSignedBy, keyInfoId, parseKeyInfo, signCertificate } from '../../../src/xpmn/trust/keyinfo.ts';
import type { CertificateView } from '../../../src/xpmn/trust/published-certificates.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';
import { NOW, device, list, options, snapshot, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const account = parseJid('romeo@home.test');
const [deskJid, nasJid] = ['romeo@home.test/desk', 'romeo@home.test/nas'];

describe('the certificates on the management device', () => {
  let user: Somebody;
  let desk: Somebody;
  let nas: Somebody;
  let mallory: Somebody;
  let view: CertificateView;
  let shelf: CertificateShelf;
  let changed: string[];
  const certs = { desk: Buffer.alloc(0), nas: Buffer.alloc(0), mallory: Buffer.alloc(0) };

  const issue = (who: Somebody, jid: string): Buffer =>
    issueCertificate({ clock: new FakeClock(NOW), random: new FakeRandom() }, options, who.key, { commonName: 'A device', jid: parseJid(jid) }).der;
  const info = (certificate: Buffer, jid?: string): XmlElement => formatKeyInfo({ certificate, jid, signatures: [] });
  const id = (certificate: Buffer): string => keyInfoId({ certificate });
  const shown = (): string[] => shelf.all().map((item) => item.id);

  before(async function () {
    this.timeout(60_000);
    [user, desk, nas, mallory] = await Promise.all(['shelf user', 'shelf desk', 'shelf nas', 'shelf mallory'].map(somebody)) as [Somebody, Somebody, Somebody, Somebody];
    Object.assign(certs, { desk: issue(desk, deskJid), nas: issue(nas, nasJid), mallory: issue(mallory, 'romeo@home.test/mallory') });
  });
  beforeEach(() => {
    const lists = snapshot(user, list('devices', user, { devices: [device(desk, deskJid), device(nas, nasJid)] }));
    view = { lists, account, own: certs.desk, user: user.leaf, sign: (certificate) => signCertificate(certificate, user.key, user.leaf) };
    make();
  });
  function make(certificates = settings.management.certificates): void {
    shelf = new CertificateShelf(() => view, { ...options, certificates });
    changed = [];
    shelf.on('changed', (item: ShelfItem) => changed.push(item.id));
  }

  it('are its own and the user\'s, whoever else has brought any', () => assert.deepEqual(shown(), [id(user.leaf), id(certs.desk)]));

  it('are those that own devices bring, signed', () => {
    assert.equal(shelf.put(info(certs.nas)), id(certs.nas));
    const item = shelf.all().find((one) => one.id === id(certs.nas)) as ShelfItem;
    assert.ok(isSignedBy(parseKeyInfo(item.payload, options), user.leaf));
    assert.deepEqual(changed, [id(certs.nas)]);
    assert.equal(shelf.put(info(certs.nas, 'somebody@else.test')), id(certs.nas));
    assert.deepEqual([shown().length, changed.length], [3, 1], 'what is there already changes nothing');
  });

  it('are nobody else\'s', () => {
    for (const certificate of [certs.mallory, user.leaf, issue(mallory, nasJid), issue(nas, deskJid)]) assert.throws(() => shelf.put(info(certificate)), { code: 'not-acceptable' });
    assert.throws(() => shelf.put(xml('keyinfo', 'urn:x')), { code: 'malformed' });
    assert.deepEqual([shown().length, changed], [2, []]);
  });

  it('are what lies on the account, as far as it is of own devices', () => {
    shelf.offer([{ id: 'x', payload: info(certs.mallory) }, { id: 'y', payload: undefined }, { id: 'z', payload: xml('a', 'urn:a') }, { id: 'misnamed', payload: info(certs.nas) }]);
    assert.deepEqual(shown(), [id(user.leaf), id(certs.desk), id(certs.nas)]);
  });

  it('are there as long as their devices are', () => {
    shelf.put(info(certs.nas));
    view = { ...view, lists: snapshot(user, list('devices', user, { devices: [device(desk, deskJid)], removed: [nas] })) };
    assert.deepEqual(shown(), [id(user.leaf), id(certs.desk)]);
    assert.throws(() => shelf.put(info(certs.nas)), { code: 'not-acceptable' });
  });

  it('are so many and no more', () => {
    make(3);
    shelf.put(info(certs.nas));
    const another = issueCertificate({ clock: new FakeClock(NOW + 1000), random: new FakeRandom(9) }, options, nas.key, { commonName: 'Again', jid: parseJid(nasJid) }).der;
    assert.throws(() => shelf.put(info(another)), { code: 'resource-limit' });
  });
});
