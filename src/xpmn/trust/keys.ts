import { constants, createHash, createPrivateKey, createPublicKey, generateKeyPair, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';

/** Bits of the keys we make, and the least we take (PROTOCOL: RSA >= 2,048). Part of the protocol, not a setting. */
export const RSA_BITS = 2048;
/** Larger keys only make verification slow; OpenSSL's own bound for sane work is near. */
const MAX_RSA_BITS = 8192;

/** A new RSA-2048 private key. */
export async function generateKey(): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS, publicExponent: 65537 });
  return privateKey;
}

export function publicKeyOf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

/** SubjectPublicKeyInfo DER of a public key, or of a private key's public half. */
export function spkiOf(key: KeyObject): Buffer {
  return publicKeyOf(key).export({ type: 'spki', format: 'der' });
}

/** Lower-case hex SHA-256 of the SubjectPublicKeyInfo DER (PROTOCOL §1). */
export function keyNameOf(key: KeyObject): KeyName {
  return createHash('sha256').update(spkiOf(key)).digest('hex') as KeyName;
}

/** The key name that `text` is, or undefined: 64 lower-case hex digits. */
export function tryKeyName(text: string | undefined): KeyName | undefined {
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? (text as KeyName) : undefined;
}

/** RSA of at least 2,048 bits with a usable exponent: the only keys that may sign lists or stand for a device. */
export function isAcceptableKey(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === 'rsa' && modulusLength >= RSA_BITS && modulusLength <= MAX_RSA_BITS && publicExponent >= 3n;
}

/**
 * Reads SubjectPublicKeyInfo DER. Only the canonical encoding is taken, so that a key has one name and not several.
 * @throws XpmnError `malformed`, `not-acceptable` (not RSA, or too short)
 */
export function publicKeyFromSpki(spki: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, type: 'spki', format: 'der' });
  } catch (error) {
    throw new XpmnError('malformed', 'That is not a public key.', { cause: error });
  }
  if (!isAcceptableKey(key)) throw new XpmnError('not-acceptable', `Only RSA keys of ${RSA_BITS} bits or more are accepted.`);
  if (!spkiOf(key).equals(spki)) throw new XpmnError('malformed', 'The public key is not in its canonical encoding.');
  return key;
}

/** @throws XpmnError `malformed`, `not-acceptable`; neither shows anything of the text */
export function privateKeyFromPem(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    throw new XpmnError('malformed', 'That is not a private key in PEM form.');
  }
  if (!isAcceptableKey(key)) throw new XpmnError('not-acceptable', `Only RSA keys of ${RSA_BITS} bits or more are accepted.`);
  return key;
}

/** @param der PKCS#8. @throws XpmnError as `privateKeyFromPem` */
export function privateKeyFromDer(der: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw new XpmnError('malformed', 'That is not a private key.');
  }
  if (!isAcceptableKey(key)) throw new XpmnError('not-acceptable', `Only RSA keys of ${RSA_BITS} bits or more are accepted.`);
  return key;
}

/** PKCS#8 DER, unencrypted: a secret. */
export function privateKeyDer(key: KeyObject): Buffer {
  return key.export({ type: 'pkcs8', format: 'der' });
}

/** PKCS#8 PEM, unencrypted: a secret. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** PKCS#1 v1.5 with SHA-256. */
export function signBytes(key: KeyObject, bytes: Uint8Array): Buffer {
  return sign('sha256', bytes, { key, padding: constants.RSA_PKCS1_PADDING });
}

export function verifyBytes(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verify('sha256', bytes, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
}
