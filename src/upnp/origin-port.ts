import type { MediaSource } from '../xpmn/ports/media-source.ts';

/** The resource of an item as its server describes it. Everything but the URL is a claim of the server. */
export interface OriginRequest {
  /** `http:` only; its host was checked already. Ask with this host as `Host`: minidlna refuses names. */
  readonly url: URL;
  /** Where redirects may go: the URL's own host and those that the owner listed. IPv6 in brackets, no ports. */
  readonly allowedHosts: readonly string[];
  /** Bytes, as described. */
  readonly size?: number | undefined;
  /** MIME type, as described. */
  readonly type?: string | undefined;
  /** Date, as described; goes into the etag. */
  readonly date?: string | undefined;
}

/** Makes a source of an HTTP resource; contacts nobody before it is opened. */
export type OriginFactory = (request: OriginRequest) => MediaSource;
