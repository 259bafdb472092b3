import { createHash } from 'node:crypto';

/** Lower-case hex fingerprint of a certificate's DER. SHA-1 is an identifier here, as the XEPs ask for; no proof. */
export function fingerprint(algorithm: 'sha1' | 'sha256', der: Uint8Array): string {
  return createHash(algorithm).update(der).digest('hex');
}
