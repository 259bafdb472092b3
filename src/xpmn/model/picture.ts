import { createHash } from 'node:crypto';

/** A picture, as its file has it. */
export interface Picture {
  /** `image/jpeg`, `image/png`, `image/gif` or `image/webp`. */
  readonly type: string;
  readonly bytes: Buffer;
}

const BEGINNINGS: readonly (readonly [beginning: RegExp, type: string])[] = [
  [/^\xff\xd8\xff/, 'image/jpeg'], [/^\x89PNG\r\n\x1a\n/, 'image/png'], [/^GIF8[79]a/, 'image/gif'], [/^RIFF[^]{4}WEBP/, 'image/webp'],
];

/** What the first bytes say; undefined for what is no picture of a kind that is passed on, whatever anybody calls it. */
export function pictureType(bytes: Buffer): string | undefined {
  const beginning = bytes.toString('latin1', 0, 12);
  return BEGINNINGS.find(([known]) => known.test(beginning))?.[1];
}

/** A name for the picture of something by all that its player says of that, where the picture lies included; nobody can tell that from it. */
export function pictureName(...said: readonly (string | undefined)[]): string {
  return createHash('sha256').update(said.join('\n')).digest('base64url').slice(0, 22);
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
