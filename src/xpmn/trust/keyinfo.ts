import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import { fingerprint } from '../kernel/fingerprint.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { child, childText, childrenNamed, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { readCertificate } from './certificate.ts';
import { isAcceptableKey, signBytes, verifyBytes } from './keys.ts';
import { devicesList, isRemoved } from './snapshot.ts';
import type { TrustSnapshot } from './snapshot.ts';

/** A signature over the DER of a certificate, outside of it. */
export interface CertificateSignature {
  /** SHA-1 over the signer's certificate, lower-case hex: an identifier, no proof. */
  readonly issuer: string;
  readonly value: Buffer;
}

/**
 * A certificate as other programs look for it. SECURITY: for them only. What it is a certificate *of* it does not say, so
 * nothing here is decided by it: see the signed lists. The one exception
 * is a device that is being paired and could prove no key (`pairing/joiner-key.ts`).
 *
 * @spec XEP-0189 v0.9 §2
 */
export interface KeyInfo {
  /** DER. */
  readonly certificate: Buffer;
  /** Whose it is, where that is not who sends it. */
  readonly jid?: string | undefined;
  readonly signatures: readonly CertificateSignature[];
}

const METHOD = 'RSA-SHA256';

export interface KeyInfoLimits {
  /** Bytes of a certificate, and of a signature. */
  readonly certificateBytes: number;
  /** Signatures of one certificate. */
  readonly certificateSignatures: number;
}

export function formatKeyInfo({ certificate, jid, signatures }: KeyInfo): XmlElement {
  return xml('keyinfo', NS.pubkey, { jid },
    xml('x509cert', NS.pubkey, {}, certificate.toString('base64')),
    signatures.map(({ issuer, value }) => xml('signature', NS.pubkey, {},
      xml('issuer', NS.pubkey, { algo: 'sha1' }, issuer),
      xml('value', NS.pubkey, { method: METHOD }, value.toString('base64')))));
}

/** Signatures by other methods than ours are left out. @throws XpmnError `malformed`, `too-large` */
export function parseKeyInfo(element: XmlElement, limits: KeyInfoLimits): KeyInfo {
  const text = element.name === 'keyinfo' && element.ns === NS.pubkey ? childText(element, 'x509cert', NS.pubkey) : undefined;
  if (text === undefined) throw new XpmnError('malformed', 'That is no <keyinfo/> with a certificate.');
  const signatures = childrenNamed(element, 'signature', NS.pubkey);
  if (signatures.length > limits.certificateSignatures) throw new XpmnError('too-large', 'A certificate with that many signatures is not read.');
  return {
    certificate: fromBase64(text, limits), jid: element.attrs['jid'],
    signatures: signatures.flatMap((signature) => {
      const [issuer, value] = [childText(signature, 'issuer', NS.pubkey), child(signature, 'value', NS.pubkey)];
      return issuer === undefined || value?.attrs['method'] !== METHOD ? [] : [{ issuer: issuer.trim(), value: fromBase64(textOf(value), limits) }];
    }),
  };
}

/** XEP-0189 breaks its base64 into lines. */
function fromBase64(text: string, { certificateBytes }: KeyInfoLimits): Buffer {
  if (text.length > 2 * certificateBytes) throw new XpmnError('too-large', 'The certificate is too large.');
  const compact = text.replace(/[ \t\r\n]+/g, '');
  const bytes = Buffer.from(compact, 'base64');
  if (compact === '' || bytes.toString('base64') !== compact) throw new XpmnError('malformed', 'The certificate is not base64.');
  if (bytes.length > certificateBytes) throw new XpmnError('too-large', 'The certificate is too large.');
  return bytes;
}

/** The id of its item, and its name in requests: SHA-1 over the DER. */
export function keyInfoId({ certificate }: Pick<KeyInfo, 'certificate'>): string {
  return fingerprint('sha1', certificate);
}

/** @param signer the certificate of `key` */
export function signCertificate(certificate: Uint8Array, key: KeyObject, signer: Uint8Array): CertificateSignature {
  return { issuer: fingerprint('sha1', signer), value: signBytes(key, certificate) };
}

export function isSignedBy({ certificate, signatures }: KeyInfo, signer: Uint8Array): boolean {
  const { publicKey, sha1 } = readCertificate(signer);
  return signatures.some(({ issuer, value }) => issuer === sha1 && verifyBytes(publicKey, certificate, value));
}

/**
 * Whether the certificate is one that an own device (not a hosted one) has made for itself: by a key and for the JID
 * under which the newest `devices` list has it. Whatever else lies on a server, whoever put it there, is never signed.
 */
export function isOwnCertificate(lists: TrustSnapshot, certificate: Uint8Array): boolean {
  try {
    const { key, publicKey, isAuthority, xmppAddrs } = readCertificate(certificate);
    const entry = devicesList(lists, lists.network)?.devices.find((device) => device.key === key);
    return entry !== undefined && !isRemoved(lists, lists.network, 'devices', key) && !isAuthority && isAcceptableKey(publicKey) &&
      isOnly(xmppAddrs, entry.jid) && new X509Certificate(certificate).verify(publicKey);
  } catch {
    return false;
  }
}

function isOnly(names: readonly string[], jid: Jid): boolean {
  return names.length === 1 && names[0] === jid;
}

/** Whether the certificate is of a key that was removed from my network for ever. */
export function isOfRemovedKey(lists: TrustSnapshot, certificate: Uint8Array): boolean {
  try {
    return isRemoved(lists, lists.network, 'devices', readCertificate(certificate).key);
  } catch {
    return false;
  }
}

/** Whether the certificate is of a listed key, for a JID that its device had before. */
export function isOfOldName(lists: TrustSnapshot, certificate: Uint8Array): boolean {
  try {
    const { key, xmppAddrs } = readCertificate(certificate);
    const entry = devicesList(lists, lists.network)?.devices.find((device) => device.key === key);
    return entry?.aliases.some((alias) => isOnly(xmppAddrs, alias)) ?? false;
  } catch {
    return false;
  }
}
