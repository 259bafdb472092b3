/**
 * What a source tells about an entity before its bytes. All of it comes from the origin; nothing is invented.
 */
export interface MediaEntity {
  /** Bytes of the whole entity; undefined for a live source, which has no ranges. */
  readonly size: number | undefined;
  /** MIME type, e.g. `video/mp4`. */
  readonly type: string;
  /** Changes whenever the bytes may have changed (PROTOCOL: resume). Opaque, at most 64 characters of base64url. */
  readonly etag: string;
}

/** Byte positions, both inclusive, as in HTTP: `{from: 0, to: 99}` is the first hundred bytes. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Buffers lent by the out-of-band layer. The source fills `buffer()` from its start and says `filled(n)`; the layer
 * writes its frame around the bytes in place, so that one read and one write carry a frame.
 * - `buffer()` is at least 1 byte; it stays the same until `filled`, and must not be touched after.
 * - `filled(n)` (1 ≤ n ≤ buffer().length) returns undefined to go on, or a promise to wait for before the next
 *   `filled` (credit or back-pressure). It rejects, or `filled` throws, when the receiver is gone: the source stops.
 */
export interface Lease {
  buffer(): Buffer;
  filled(count: number): Promise<void> | undefined;
}

/**
 * A readable thing with byte ranges: an HTTP origin on the LAN, a file. Contract:
 * - `open` contacts the origin and resolves with what it says; rejects `not-found`, `not-allowed`,
 *   `origin-unreachable`, `origin-broken`, `range-not-satisfiable` (details.size).
 * - Opening with no range reads all of it. `if (range)`, `opened.range` is what will be delivered, clamped to the size.
 */
export interface MediaSource {
  open(options: { readonly range?: RangeRequest | undefined; readonly signal: AbortSignal }): Promise<OpenMedia>;
  /** The entity alone; no body is transferred. */
  probe(options: { readonly signal: AbortSignal }): Promise<MediaEntity>;
}

/** As asked: `from` alone is to the end; `last` is a suffix length; clamped by the source. */
export type RangeRequest = { readonly from: number; readonly to?: number | undefined } | { readonly last: number };

export interface OpenMedia {
  readonly entity: MediaEntity;
  /** What `read` will deliver; undefined only if the size is unknown, or the entity is empty. */
  readonly range: ByteRange | undefined;
  /**
   * Delivers exactly the range into `lease`, once. Resolves after the last byte was `filled`; rejects `truncated` if the
   * origin ends early, `origin-unreachable`, `origin-broken`, or the signal's reason. Never delivers a byte too many,
   * or one that does not belong (error pages, other encodings).
   */
  read(lease: Lease, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Frees the connection; needed when `read` is not called. Idempotent. */
  close(): void;
}
