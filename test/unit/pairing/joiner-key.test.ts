import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { fingerprint } from '../../../src/xpmn/kernel/fingerprint.ts';
import type { KeyName, PairingPeer } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { keyOfJoiner, provenByPin } from '../../../src/xpmn/pairing/joiner-key.ts';
import type { DeviceCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import { formatKeyInfo } from '../../../src/xpmn/trust/keyinfo.ts';
import { channelPair } from '../../support/channel-pair.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { foreignDevice } from '../../support/foreign-joiner.ts';
import { settings } from '../../support/settings.ts';

const HOST = parseJid('me@home.test/nas-k3fq');
const KAA = parseJid('kaa@montague.test/phone');
const never = new AbortController().signal;

describe('the key of a device that wants to join', () => {
  let kaa: DeviceCredentials;
  let user: DeviceCredentials;

  before(async function () {
    this.timeout(60_000);
    [kaa, user] = [await foreignDevice('kaa'), await foreignDevice('user', 'kaa@montague.test/user')];
  });

  const sha1 = (certificate: Buffer): string => fingerprint('sha1', certificate);
  const pubkeys = (...certificates: readonly Buffer[]): XmlElement => xml('pubkeys', NS.pubkey, {}, certificates.map((certificate) => formatKeyInfo({ certificate, signatures: [] })));
  let asked: XmlElement[];

  /** The host's question to a peer that answers so. */
  function ask(peer: PairingPeer, answer: () => XmlElement | undefined): Promise<KeyName> {
    asked = [];
    const pair = channelPair({ clock: new FakeClock(), random: new FakeRandom(), a: KAA, b: HOST, peers: { a: { verdict: 'pairing', jid: HOST }, b: peer } });
    pair.a.router.handle({ ns: NS.pubkey, name: 'pubkeys', type: 'get' }, ({ payload }) => (asked.push(payload), answer()));
    return keyOfJoiner(peer, pair.b.channel, settings.trust, { signal: never });
  }
  const announcing = (announced: string | undefined, jid = KAA): PairingPeer => provenByPin({ peer: jid, announcedFingerprint: announced });
  const refused = async (key: Promise<KeyName>, code: ErrorCode): Promise<void> => assert.rejects(key, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));

  it('is the one that it has proven, and then nothing is asked', async () => {
    const key = 'a'.repeat(64) as KeyName;
    assert.equal(await ask({ verdict: 'pairing', jid: KAA, key }, () => assert.fail('asked')), key);
    assert.equal(await ask({ verdict: 'pairing', jid: KAA, key, announced: sha1(kaa.certificate.der) }, () => assert.fail('asked')), key);
  });

  it('is else that of the certificate that it has announced, among those it shows', async () => {
    const announced = sha1(kaa.certificate.der);
    assert.equal(await ask(announcing(announced), () => pubkeys(kaa.certificate.der)), kaa.key);
    assert.deepEqual(asked, [xml('pubkeys', NS.pubkey)]);
    assert.equal(await ask(announcing(announced), () => pubkeys(user.certificate.der, kaa.certificate.der)), kaa.key);
  });

  it('is asked of nobody who has announced no certificate', async () => {
    await refused(ask(announcing(undefined), () => pubkeys(kaa.certificate.der)), 'not-acceptable');
    assert.deepEqual(asked, []);
  });

  it('is not that of another certificate', async () => {
    for (const shown of [[], [user.certificate.der]]) await refused(ask(announcing(sha1(kaa.certificate.der)), () => pubkeys(...shown)), 'not-acceptable');
    await refused(ask(announcing(sha1(user.certificate.der).toUpperCase()), () => pubkeys(kaa.certificate.der)), 'not-acceptable');
  });

  it('is that of a certificate with its JID, full or bare, and no other', async () => {
    const shownBy = async (name: string, jid: string): Promise<KeyName> => {
      const { certificate: { der } } = await foreignDevice(name, jid);
      return ask(announcing(sha1(der)), () => pubkeys(der));
    };
    await shownBy('kaa', 'kaa@montague.test');
    for (const jid of ['kaa@montague.test/tv', 'kaa@montague.test.evil/phone', 'romeo@montague.test', 'montague.test']) await refused(shownBy('kaa', jid), 'not-acceptable');
  });

  it('is not that of a certificate that can\'t stand for a device', async function () {
    this.timeout(30_000);
    const san = `otherName:1.3.6.1.5.5.7.8.5;UTF8:${KAA}`;
    for (const [what, more] of [
      ['an authority', ['-newkey', 'rsa:2048', '-addext', `subjectAltName=${san}`, '-addext', 'basicConstraints=critical,CA:TRUE']],
      ['a short key', ['-newkey', 'rsa:1024', '-addext', `subjectAltName=${san}`, '-addext', 'basicConstraints=critical,CA:FALSE']],
      ['another kind of key', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-addext', `subjectAltName=${san}`, '-addext', 'basicConstraints=critical,CA:FALSE']],
      ['no JID', ['-newkey', 'rsa:2048', '-addext', 'basicConstraints=critical,CA:FALSE']],
      ['a JID that is another\'s, too', ['-newkey', 'rsa:2048', '-addext', `subjectAltName=${san},otherName:1.3.6.1.5.5.7.8.5;UTF8:${HOST}`, '-addext', 'basicConstraints=critical,CA:FALSE']],
    ] as const) {
      const der = madeWith(more);
      await assert.rejects(ask(announcing(sha1(der)), () => pubkeys(der)), { code: 'not-acceptable' }, what);
    }
    const der = madeWith(['-newkey', 'rsa:2048', '-addext', `subjectAltName=${san}`, '-addext', 'basicConstraints=critical,CA:FALSE']);
    await ask(announcing(sha1(der)), () => pubkeys(der));
  });

  /** A certificate of another program's making. */
  function madeWith(more: readonly string[]): Buffer {
    const folder = mkdtempSync(join(tmpdir(), 'xpmn-joiner-'));
    try {
      const out = join(folder, 'certificate');
      execFileSync('openssl', ['req', '-x509', '-nodes', '-subj', '/CN=kaa', '-keyout', join(folder, 'key'), '-outform', 'DER', '-out', out, ...more], { stdio: 'pipe' });
      return readFileSync(out);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('is not learnt from an answer that makes no sense, nor from none', async () => {
    const announced = announcing(sha1(kaa.certificate.der));
    const broken = xml('keyinfo', NS.pubkey, {}, xml('x509cert', NS.pubkey, {}, '!'));
    for (const answer of [undefined, xml('pubkeys', 'urn:xmpp:pubkey:1'), xml('keys', NS.pubkey), xml('pubkeys', NS.pubkey, {}, broken)]) await refused(ask(announced, () => answer), 'malformed');
    const nonsense = Buffer.from('no certificate');
    await refused(ask(announcing(sha1(nonsense)), () => pubkeys(nonsense)), 'malformed');
    await refused(ask(announced, () => pubkeys(Buffer.alloc(settings.trust.certificateBytes + 1, 1))), 'too-large');
    await refused(ask(announced, () => { throw new XpmnError('not-found', 'None.'); }), 'not-found');
  });
});
