import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import forge from 'node-forge';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { fingerprint } from '../kernel/fingerprint.ts';
import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { isAcceptableKey, keyNameOf, publicKeyOf, signBytes } from './keys.ts';

const { asn1, pki, md } = forge;
const { Class, Type } = asn1;

/** id-on-xmppAddr (RFC 6120 §13.7.1.4). */
const OID_XMPP_ADDR = '1.3.6.1.5.5.7.8.5';
const OID_SUBJECT_ALT_NAME = '2.5.29.17';
const OID_BASIC_CONSTRAINTS = '2.5.29.19';
/** ub-common-name of RFC 5280. */
const MAX_COMMON_NAME = 64;

export interface Certificate {
  readonly der: Buffer;
  readonly pem: string;
}

export interface CertificateSubject {
  /** The name people see; cut to 64 characters. */
  readonly commonName: string;
  /** Goes into the xmppAddr; the user certificate has none. */
  readonly jid?: Jid | undefined;
}

export interface CertificateOptions {
  readonly certificateYears: number;
}

/** What a certificate says. None of it is trusted because it is said: trust is in the signed lists. */
export interface CertificateFacts {
  readonly key: KeyName;
  readonly publicKey: KeyObject;
  /** BasicConstraints says CA:TRUE, whatever the key usage says beside it. */
  readonly isAuthority: boolean;
  /** All xmppAddr names, from the DER. */
  readonly xmppAddrs: readonly string[];
  /** Lower-case hex over the DER. */
  readonly sha1: string;
  readonly sha256: string;
}

/**
 * A self-signed X.509 v3 certificate: SHA-256, CA:FALSE, digitalSignature, xmppAddr = the JID.
 * The private key never enters the library: it only lays out what is signed.
 */
export function issueCertificate(
  deps: { readonly clock: Clock; readonly random: Random }, options: CertificateOptions, key: KeyObject, subject: CertificateSubject,
): Certificate {
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.publicKeyFromPem(publicKeyOf(key).export({ type: 'spki', format: 'pem' }).toString());
  certificate.serialNumber = positiveSerial(deps.random);
  const from = new Date(Math.floor(deps.clock.now() / 1000) * 1000);
  const until = new Date(from);
  until.setUTCFullYear(from.getUTCFullYear() + options.certificateYears);
  certificate.validity.notBefore = from;
  certificate.validity.notAfter = until;
  const commonName = [...subject.commonName].slice(0, MAX_COMMON_NAME).join('');
  const name = [{ name: 'commonName', value: commonName, valueTagClass: Type.UTF8 as unknown as forge.asn1.Class }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, critical: true },
    ...(subject.jid === undefined ? [] : [{ id: OID_SUBJECT_ALT_NAME, value: asn1.toDer(xmppAddrNames(subject.jid)).getBytes() }]),
  ]);
  certificate.sign(signer(key, certificate), md.sha256.create());
  const der = Buffer.from(asn1.toDer(pki.certificateToAsn1(certificate)).getBytes(), 'latin1');
  return { der, pem: pemOf(der) };
}

/** @throws XpmnError `malformed` */
export function readCertificate(der: Uint8Array): CertificateFacts {
  try {
    const certificate = new X509Certificate(der);
    const names: string[] = [];
    let isAuthority = certificate.ca;
    // Node's own `ca` is false for CA:TRUE beside a key usage without certificate signing: the extension itself decides.
    for (const { oid, value } of extensionsOf(certificate.raw)) {
      if (oid === OID_BASIC_CONSTRAINTS) isAuthority ||= saysAuthority(value);
      if (oid === OID_SUBJECT_ALT_NAME) names.push(...xmppAddrsIn(value));
    }
    return {
      key: keyNameOf(certificate.publicKey), publicKey: certificate.publicKey, isAuthority, xmppAddrs: names,
      sha1: fingerprint('sha1', certificate.raw), sha256: fingerprint('sha256', certificate.raw),
    };
  } catch (error) {
    throw new XpmnError('malformed', 'That is not a certificate.', { cause: error });
  }
}

/**
 * The name of the key of a certificate that may stand for a device.
 * @throws XpmnError `malformed`; `not-acceptable`: not RSA, too short, or a certificate authority
 */
export function deviceKeyOf(der: Uint8Array): KeyName {
  const { key, publicKey, isAuthority } = readCertificate(der);
  // A key that may sign for others must not stand for a device: TLS libraries would take what it signs for the device.
  if (isAuthority || !isAcceptableKey(publicKey)) throw new XpmnError('not-acceptable', 'That certificate can\'t stand for a device.');
  return key;
}

/** @throws XpmnError `malformed` */
export function certificateFromPem(pem: string): Certificate {
  try {
    const { raw } = new X509Certificate(pem);
    return { der: raw, pem: pemOf(raw) };
  } catch (error) {
    throw new XpmnError('malformed', 'That is not a certificate in PEM form.', { cause: error });
  }
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Hex of 16 bytes, positive and never shortened: the first byte is 0x40 to 0x7f. */
function positiveSerial(random: Random): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** The library hands its "private key" a digest; ours signs the laid-out bytes itself, by node:crypto. */
function signer(key: KeyObject, certificate: forge.pki.Certificate): forge.pki.rsa.PrivateKey {
  const laidOut = certificate as unknown as { tbsCertificate: forge.asn1.Asn1 };
  const sign = (): string => signBytes(key, Buffer.from(asn1.toDer(laidOut.tbsCertificate).getBytes(), 'latin1')).toString('latin1');
  return { sign } as unknown as forge.pki.rsa.PrivateKey;
}

/** GeneralNames with one otherName [0] { id-on-xmppAddr, [0] EXPLICIT UTF8String }. */
function xmppAddrNames(jid: Jid): forge.asn1.Asn1 {
  const text = asn1.create(Class.UNIVERSAL, Type.UTF8, false, Buffer.from(jid).toString('latin1'));
  const oid = asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(OID_XMPP_ADDR).getBytes());
  const other = asn1.create(Class.CONTEXT_SPECIFIC, 0 as Type, true, [oid, asn1.create(Class.CONTEXT_SPECIFIC, 0 as Type, true, [text])]);
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [other]);
}

type Type = forge.asn1.Type;
type Node = forge.asn1.Asn1;

function parseDer(der: Uint8Array): Node {
  return asn1.fromDer(forge.util.createBuffer(Buffer.from(der).toString('latin1')));
}

/** Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { …, extensions [3] EXPLICIT SEQUENCE OF Extension }, … } */
function* extensionsOf(der: Uint8Array): Generator<{ oid: string; value: Node }> {
  const tbs = childrenOf(parseDer(der))[0];
  for (const field of childrenOf(tbs)) {
    if (field.tagClass !== Class.CONTEXT_SPECIFIC || (field.type as number) !== 3) continue;
    for (const extension of childrenOf(childrenOf(field)[0])) {
      const parts = childrenOf(extension);
      const [oid, value] = [parts[0], parts.at(-1)];
      if (oid?.type !== Type.OID || value?.type !== Type.OCTETSTRING) continue;
      yield { oid: asn1.derToOid(bytesOf(oid)), value: parseDer(Buffer.from(bytesOf(value), 'latin1')) };
    }
  }
}

function saysAuthority(constraints: Node): boolean {
  const first = childrenOf(constraints)[0];
  return first?.type === Type.BOOLEAN && bytesOf(first) !== '\x00';
}

function xmppAddrsIn(names: Node): string[] {
  const found: string[] = [];
  for (const name of childrenOf(names)) {
    if (name.tagClass !== Class.CONTEXT_SPECIFIC || (name.type as number) !== 0) continue;
    const [oid, wrapped] = childrenOf(name);
    if (oid?.type !== Type.OID || asn1.derToOid(bytesOf(oid)) !== OID_XMPP_ADDR) continue;
    const text = childrenOf(wrapped)[0];
    if (text?.type === Type.UTF8) found.push(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytesOf(text), 'latin1')));
  }
  return found;
}

function childrenOf(node: Node | undefined): Node[] {
  return node && Array.isArray(node.value) ? node.value : [];
}

/** Content of a primitive, one character a byte; '' for a constructed node. */
function bytesOf(node: Node): string {
  return typeof node.value === 'string' ? node.value : '';
}
