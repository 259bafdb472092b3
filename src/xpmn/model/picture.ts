import { createHash } from 'node:crypto';

/** A picture, as its file has it. */
export interface Picture {
  /** `image/jpeg`, `image/png`, `image/gif` or `image/webp`. */
  readonly type: string;
  readonly bytes: Buffer;
}

const PICTURE_URI = /^cid:(sha1|sha-256)\+([0-9a-f]{40}|[0-9a-f]{64})@bob\.xmpp\.org$/i;

/**
 * What names a picture by its bytes. The hash is the one that all know who know these names: it tells pictures apart, and protects nothing.
 * @spec XEP-0231 v1.1 §2.2
 */
export function pictureUri(bytes: Uint8Array): string {
  return `cid:sha1+${createHash('sha1').update(bytes).digest('hex')}@bob.xmpp.org`;
}

export function isPictureUri(uri: string): boolean {
  return PICTURE_URI.test(uri);
}

/** Whether that is what the URI names. */
export function isPictureOf(uri: string, bytes: Uint8Array): boolean {
  const [, algorithm, digest] = PICTURE_URI.exec(uri.toLowerCase()) ?? [];
  return algorithm !== undefined && createHash(algorithm === 'sha1' ? 'sha1' : 'sha256').update(bytes).digest('hex') === digest;
}
