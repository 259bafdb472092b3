import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

export interface ServerIdentity {
  readonly key: string;
  readonly cert: string;
}

/** Server certificates with what can be wrong with them, made when the tests run. `ca` is what the client trusts. */
export interface ServerCertificates {
  readonly ca: string;
  readonly good: ServerIdentity;
  readonly untrusted: ServerIdentity;
  readonly wrongName: ServerIdentity;
  readonly expired: ServerIdentity;
}

const YEAR = 365 * 24 * 3600 * 1000;

export function makeServerCertificates(domain: string): ServerCertificates {
  const authority = newKey();
  const other = newKey();
  const leaf = newKey();
  const now = Date.now();
  const issue = (name: string, from: number, to: number, signer: forge.pki.rsa.PrivateKey): ServerIdentity => ({
    key: leaf.pem,
    cert: certificate({ subject: name, dns: name, publicKey: leaf.public, signer, from, to }),
  });
  return {
    ca: certificate({ subject: 'Test authority', publicKey: authority.public, signer: authority.private, from: now - YEAR, to: now + YEAR }),
    good: issue(domain, now - YEAR, now + YEAR, authority.private),
    untrusted: issue(domain, now - YEAR, now + YEAR, other.private),
    wrongName: issue('elsewhere.test', now - YEAR, now + YEAR, authority.private),
    expired: issue(domain, now - YEAR, now - 1000, authority.private),
  };
}

function newKey(): { pem: string; private: forge.pki.rsa.PrivateKey; public: forge.pki.rsa.PublicKey } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const key = forge.pki.privateKeyFromPem(pem);
  return { pem, private: key, public: forge.pki.setRsaPublicKey(key.n, key.e) };
}

function certificate({ subject, dns, publicKey, signer, from, to }: {
  readonly subject: string;
  readonly dns?: string;
  readonly publicKey: forge.pki.rsa.PublicKey;
  readonly signer: forge.pki.rsa.PrivateKey;
  readonly from: number;
  readonly to: number;
}): string {
  const made = forge.pki.createCertificate();
  made.publicKey = publicKey;
  made.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(8))}`;
  made.validity.notBefore = new Date(from);
  made.validity.notAfter = new Date(to);
  made.setSubject([{ name: 'commonName', value: subject }]);
  made.setIssuer([{ name: 'commonName', value: 'Test authority' }]);
  made.setExtensions([
    { name: 'basicConstraints', cA: dns === undefined, critical: true },
    ...(dns === undefined ? [{ name: 'keyUsage', keyCertSign: true }] : [{ name: 'subjectAltName', altNames: [{ type: 2, value: dns }] }]),
  ]);
  made.sign(signer, forge.md.sha256.create());
  return forge.pki.certificateToPem(made);
}
