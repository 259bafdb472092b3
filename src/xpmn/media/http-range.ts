import type { RangeRequest } from '../ports/media-source.ts';

/**
 * The one range that a `Range` header asks for. Undefined where it is to be ignored, and the whole is the answer: another
 * unit, something malformed, or several ranges at once (which players never need and RFC 9110 lets us ignore).
 *
 * @spec RFC 9110 v2022 §14.1.2, §14.2
 */
export function parseRange(header: string | undefined): RangeRequest | undefined {
  const match = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header ?? '');
  if (!match) return undefined;
  const [first, second] = [match[1] as string, match[2] as string];
  if (first === '') return second === '' ? undefined : { last: Number(second) };
  if (second === '') return { from: Number(first) };
  return Number(second) < Number(first) ? undefined : { from: Number(first), to: Number(second) };
}

/**
 * Whether `If-Range` lets the range stand: only if it names exactly the entity that there is now. A date never does: ours
 * have none.
 *
 * @spec RFC 9110 v2022 §13.1.5
 */
export function ifRangeHolds(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === quoteEtag(etag);
}

/** @spec RFC 9110 v2022 §13.1.2 */
export function ifNoneMatchHits(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === quoteEtag(etag));
}

export function quoteEtag(etag: string): string {
  return `"${etag}"`;
}
