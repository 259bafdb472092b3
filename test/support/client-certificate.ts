import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

/** A device's certificate and key, as `LoginCredentials` have them. */
export interface ClientIdentity {
  readonly certificate: string;
  readonly privateKey: string;
  readonly der: Buffer;
}

export interface ClientIdentityOptions {
  /** xmppAddr names, in their order. */
  readonly addresses: readonly string[];
  readonly until?: Date;
  /** Which key; the same name gives the same one. */
  readonly key?: string;
  /** Signs it; itself by default. PEM. */
  readonly authority?: { readonly certificate: string; readonly privateKey: string };
}

const { asn1 } = forge;
const { Class, Type } = asn1;
const keys = new Map<string, string>();

/** A certificate as no gateway would make it: with any number of addresses, any end, by any authority. */
export function clientIdentity({ addresses, until = new Date('2099-01-01'), key = 'client', authority }: ClientIdentityOptions): ClientIdentity {
  const privateKey = keyOf(key);
  const own = forge.pki.privateKeyFromPem(privateKey);
  const made = forge.pki.createCertificate();
  made.publicKey = forge.pki.setRsaPublicKey(own.n, own.e);
  made.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(8))}`;
  made.validity.notBefore = new Date('2020-01-01');
  made.validity.notAfter = until;
  const subject = [{ name: 'commonName', value: 'A device' }];
  made.setSubject(subject);
  made.setIssuer(authority ? forge.pki.certificateFromPem(authority.certificate).subject.attributes : subject);
  made.setExtensions([{ name: 'basicConstraints', cA: false, critical: true }, ...(addresses.length === 0 ? [] : [{ id: '2.5.29.17', value: asn1.toDer(names(addresses)).getBytes() }])]);
  made.sign(authority ? forge.pki.privateKeyFromPem(authority.privateKey) : own, forge.md.sha256.create());
  const certificate = forge.pki.certificateToPem(made).replaceAll('\r', '');
  return { certificate, privateKey, der: new X509Certificate(certificate).raw };
}

/** PKCS#1, which is what the library reads and writes. */
function keyOf(name: string): string {
  const pem = keys.get(name) ?? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  keys.set(name, pem);
  return pem;
}

/** GeneralNames of otherName { id-on-xmppAddr, UTF8String }. */
function names(addresses: readonly string[]): forge.asn1.Asn1 {
  const context = (...inside: forge.asn1.Asn1[]): forge.asn1.Asn1 => asn1.create(Class.CONTEXT_SPECIFIC, 0 as forge.asn1.Type, true, inside);
  const oid = (): forge.asn1.Asn1 => asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer('1.3.6.1.5.5.7.8.5').getBytes());
  const text = (address: string): forge.asn1.Asn1 => asn1.create(Class.UNIVERSAL, Type.UTF8, false, Buffer.from(address).toString('latin1'));
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, addresses.map((address) => context(oid(), context(text(address)))));
}
