import type { KeyObject } from 'node:crypto';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { parseJid, resourceOf, withResource } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { certificateFromPem, issueCertificate, readCertificate } from './certificate.ts';
import type { Certificate, CertificateOptions } from './certificate.ts';
import { keyNameOf, privateKeyFromPem, privateKeyPem } from './keys.ts';

/** What a device needs to be itself: the secret, and what goes with it. */
export interface DeviceCredentials {
  /** Full JID. */
  readonly jid: Jid;
  readonly key: KeyName;
  /** PKCS#8 PEM: a secret. */
  readonly privateKey: string;
  readonly certificate: Certificate;
}

export interface IssueDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Makes an RSA-2048 private key: `generateKey` of keys.ts, but for tests. */
  readonly generateKey: () => Promise<KeyObject>;
}

/** Credentials of that key under that JID, with a new certificate. */
export function issueCredentials(deps: Omit<IssueDeps, 'generateKey'>, options: CertificateOptions, key: KeyObject, jid: Jid, name: string): DeviceCredentials {
  return { jid, key: keyNameOf(key), privateKey: privateKeyPem(key), certificate: issueCertificate(deps, options, key, { commonName: name, jid }) };
}

/** Puts stored or carried parts together, if they belong together. @throws XpmnError `malformed`, `not-acceptable` */
export function readCredentials(parts: { readonly jid: string; readonly privateKey: string; readonly certificate: string }): DeviceCredentials {
  const key = keyNameOf(privateKeyFromPem(parts.privateKey));
  const certificate = certificateFromPem(parts.certificate);
  if (readCertificate(certificate.der).key !== key) throw new XpmnError('malformed', 'The certificate is not of this key.');
  return { jid: parseJid(parts.jid), key, privateKey: parts.privateKey, certificate };
}

/** The private key as node:crypto wants it. */
export function privateKeyOf({ privateKey }: DeviceCredentials): KeyObject {
  return privateKeyFromPem(privateKey);
}

/** The same resource in another account; the old JIDs become aliases, the newest first. */
export function movedJid(
  { jid, aliases }: { readonly jid: Jid; readonly aliases: readonly Jid[] }, account: Jid, limits: { readonly aliases: number },
): { readonly jid: Jid; readonly aliases: Jid[] } {
  const next = withResource(account, resourceOf(jid));
  const old = [...new Set([jid, ...aliases])].filter((alias) => alias !== next);
  return { jid: next, aliases: old.slice(0, limits.aliases) };
}
