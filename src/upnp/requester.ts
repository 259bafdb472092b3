/** A small HTTP request: descriptions, SOAP and event subscriptions, not media. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'SUBSCRIBE' | 'UNSUBSCRIBE';
  /** `http:` only, no credentials. */
  readonly url: URL;
  /** Hosts (as in `URL.hostname`) that the URL, and each redirect, may name. */
  readonly allowedHosts: readonly string[];
  /** Interface of a link-local IPv6 host: used for the socket, never sent. */
  readonly scope?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Doing it twice is as good as once: it may be repeated when a kept connection turns out to be dead. */
  readonly idempotent: boolean;
}

export interface HttpResponse {
  readonly status: number;
  /** By lower-case name; duplicates joined as HTTP says. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Where it came from, after redirects. */
  readonly url: URL;
}

/**
 * One method. Resolves with any status but a redirect that is followed. Contract:
 * - Rejects `not-allowed` (scheme, credentials, host not allowed, too many redirects), `unreachable` (nobody answers; with `details.refused` where
 *   nothing listens, as on a machine that is off),
 *   `timeout`, `too-large` (body), `truncated` (ends early), `protocol-violation` (no HTTP), or the signal's reason.
 * - GET follows redirects to allowed hosts; the others never do, they get the status.
 * - A body is sent with its length in bytes. Sent once, unless `idempotent` and the connection was dead before a byte came.
 * - When it has settled, nothing of it is left open but idle connections; `close` ends those.
 */
export interface Requester {
  request(request: HttpRequest, options: { readonly signal: AbortSignal }): Promise<HttpResponse>;
  close(): void;
}
