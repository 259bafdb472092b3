import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import forge from 'node-forge';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { certificateFromPem, deviceKeyOf, issueCertificate, readCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { keyNameOf, privateKeyPem, spkiOf } from '../../../src/xpmn/trust/keys.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { settings } from '../../support/settings.ts';

const deps = { clock: new FakeClock(), random: new FakeRandom() };
const jid = parseJid('romeo@example.org/küche, "rot"-k3fq');

describe('certificates', () => {
  it('say what they should, in the eyes of Node', async () => {
    const key = await testKey('device');
    const { der, pem } = issueCertificate(deps, settings.trust, key, { commonName: 'Küche', jid });
    const seen = new X509Certificate(pem);
    assert.deepEqual(seen.raw, der);
    assert.ok(seen.verify(seen.publicKey));
    assert.ok(seen.checkPrivateKey(key));
    assert.equal(seen.ca, false);
    assert.equal(seen.subject, 'CN=Küche');
    assert.equal(Date.parse(seen.validFrom), deps.clock.now());
    assert.equal(new Date(seen.validTo).getUTCFullYear(), new Date(deps.clock.now()).getUTCFullYear() + settings.trust.certificateYears);
    assert.match(seen.serialNumber, /^[4-7][0-9A-F]{31}$/);
  });

  it('are read back from the DER, the xmppAddr with all its characters', async () => {
    const key = await testKey('device');
    const { der } = issueCertificate(deps, settings.trust, key, { commonName: 'x', jid });
    const facts = readCertificate(der);
    assert.equal(facts.key, keyNameOf(key));
    assert.equal(facts.key, createHash('sha256').update(spkiOf(key)).digest('hex'));
    assert.deepEqual(facts.xmppAddrs, [jid]);
    assert.equal(facts.isAuthority, false);
    assert.equal(deviceKeyOf(der), facts.key);
    assert.equal(facts.sha1, createHash('sha1').update(der).digest('hex'));
    assert.equal(facts.sha256, createHash('sha256').update(der).digest('hex'));
  });

  it('of a user have no JID', async () => {
    const { der } = issueCertificate(deps, settings.trust, await testKey('user'), { commonName: 'n'.repeat(100) });
    assert.deepEqual(readCertificate(der).xmppAddrs, []);
    assert.equal(new X509Certificate(der).subject, `CN=${'n'.repeat(64)}`);
  });

  it('hold before openssl: self-signed, CA:FALSE, digitalSignature, xmppAddr', async () => {
    const { pem } = issueCertificate(deps, settings.trust, await testKey('device'), { commonName: 'Küche', jid: parseJid('romeo@example.org/tv') });
    const folder = mkdtempSync(join(tmpdir(), 'xpmn-certificate-'));
    try {
      const file = join(folder, 'leaf.pem');
      writeFileSync(file, pem);
      const text = execFileSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' });
      for (const part of ['Version: 3', 'sha256WithRSAEncryption', 'CA:FALSE', 'Digital Signature', '(2048 bit)']) assert.ok(text.includes(part), part);
      const at = String(Math.floor(deps.clock.now() / 1000) + 60);
      const verdict = execFileSync('openssl', ['verify', '-attime', at, '-CAfile', file, file], { encoding: 'utf8' });
      assert.match(verdict, /: OK/);
      const der = execFileSync('openssl', ['asn1parse', '-in', file], { encoding: 'utf8' });
      assert.ok(!der.includes('PRINTABLESTRING'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('with CA:TRUE are seen through a key usage that hides it', async () => {
    const key = await testKey('device');
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = forge.pki.publicKeyFromPem(new X509Certificate(issueCertificate(deps, settings.trust, key, { commonName: 'x' }).pem).publicKey.export({ type: 'spki', format: 'pem' }).toString());
    certificate.serialNumber = '01';
    certificate.setSubject([{ name: 'commonName', value: 'x' }]);
    certificate.setIssuer([{ name: 'commonName', value: 'x' }]);
    certificate.setExtensions([{ name: 'basicConstraints', cA: true }, { name: 'keyUsage', digitalSignature: true }]);
    certificate.sign(forge.pki.privateKeyFromPem(privateKeyPem(key)), forge.md.sha256.create());
    const pem = forge.pki.certificateToPem(certificate);
    assert.equal(new X509Certificate(pem).ca, false, 'Node alone would miss it');
    const { der } = certificateFromPem(pem);
    assert.equal(readCertificate(der).isAuthority, true);
    assert.throws(() => deviceKeyOf(der), { code: 'not-acceptable' });
  });

  it('of short keys, or that are none stand for no device', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const { der } = issueCertificate(deps, settings.trust, privateKey, { commonName: 'x', jid });
    assert.throws(() => deviceKeyOf(der), { code: 'not-acceptable' });
    assert.throws(() => deviceKeyOf(Buffer.from('no certificate')), { code: 'malformed' });
  });

  it('that are damaged end in a coded error, whatever the damage', async () => {
    const { der } = issueCertificate(deps, settings.trust, await testKey('device'), { commonName: 'x', jid });
    fc.assert(fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(der.length), (at, flip, length) => {
      const damaged = Buffer.from(der);
      damaged[at] = (damaged[at] as number) ^ flip;
      for (const bytes of [damaged, der.subarray(0, length)]) {
        try {
          readCertificate(bytes);
        } catch (error) {
          assert.ok(error instanceof XpmnError && error.code === 'malformed');
        }
      }
    }));
  });
});
