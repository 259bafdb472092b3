import type { EventEmitter } from 'node:events';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from './stanza-channel.ts';
import type { XpmnError } from '../kernel/errors.ts';

/** A secret that the server has given to one client of the account, to log in with (XEP-0484). */
export interface LoginToken {
  readonly token: string;
  readonly mechanism: 'HT-SHA-256-NONE';
  /** ms since 1970. */
  readonly expires: number;
}

/**
 * How a device logs in: one way. None of them falls back on another by itself; that is decided above, in the open.
 *
 * - `password`: SCRAM; both sides prove that they know it. With `tokenFor`, a server that gives tokens is asked for one, in
 *   the name of that client: a UUID, the same for ever.
 * - `certificate`: shown in TLS, and nothing but SASL EXTERNAL after that. PEM, both; the private key unencrypted. An
 *   xmppAddr in it must be the account's JID, bare or full.
 * - `token`: as a password, but for this client alone, and for a time; each login may bring a newer one.
 */
export type LoginCredentials =
  | { readonly kind: 'password'; readonly password: string; readonly tokenFor?: string | undefined }
  | { readonly kind: 'certificate'; readonly certificate: string; readonly privateKey: string }
  | { readonly kind: 'token'; readonly token: LoginToken; readonly clientId: string };

export interface XmppAccount {
  /** The full JID to be: the resource is ours and stays the same for ever. */
  readonly jid: Jid;
  readonly credentials: LoginCredentials;
  /** Where to connect instead of what DNS says. */
  readonly server?: { readonly host: string; readonly port: number } | undefined;
  /** PEM certificates to trust instead of the system's authorities. */
  readonly ca?: string | undefined;
}

export type ConnectionState = 'idle' | 'connecting' | 'online' | 'waiting' | 'stopped';

export interface XmppConnectionEvents {
  /** State changed; `reason` says why it went down, or will not come back. */
  stateChanged: [state: ConnectionState, reason: XpmnError | undefined];
  /** The server has given a token, or a newer one, just before the connection is online. A secret; the newest one counts. */
  tokenIssued: [token: LoginToken];
  /** A presence or message stanza from the server; IQs go to the router. */
  stanza: [stanza: XmlElement];
}

/**
 * The stream to the server, kept up: connects, and after a loss connects again with growing, jittered delays, until
 * stopped. `channel` lives across reconnects; requests that were under way fail with `connection-lost`.
 *
 * Hardening, shown by the suite: no authentication without verified TLS (`server-insecure`, `server-untrusted`), the
 * server proves that it knows the password (`login-failed`), IQ answers only from whom was asked, UTF-8 split anywhere,
 * stanza size, depth and node limits, a refused login (`login-failed`), a server that does not have the way to log in
 * (`not-supported`) and `conflict` are not retried (state `stopped` with the reason), and no secret in any error or log.
 * What anybody on the path can cause (no TLS, a wrong certificate) is retried, state `waiting` with the reason: it must
 * not switch us off for good. What may not pass on the server's stream is refused both ways (`security-required`).
 *
 * A login by certificate: TLS alone proves the server, SASL EXTERNAL adds nothing to that. A server that does not offer
 * it to this certificate is `not-supported`, one that refuses it `login-failed`, as is a certificate that can't be used
 * or is of another account. In TLS 1.3 only the proven server gets to see the certificate.
 */
export interface XmppConnection extends Pick<EventEmitter<XmppConnectionEvents>, 'on' | 'off' | 'once'> {
  readonly channel: StanzaChannel;
  readonly state: ConnectionState;
  /** Begins to connect. Resolves when online for the first time; rejects if the server refused for good. */
  start(options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Logs in so from now on: for whoever decides what comes after a refusal, or has a better way by now. A link that is there
   * is closed, and the next one made at once, also after a refusal for good; requests under way fail with
   * `connection-lost`, and `channel` lives on. Before `start` it only changes how that begins; after `stop`, and
   * after `conflict`, it changes nothing.
   */
  logInBy(credentials: LoginCredentials): void;
  /** There is a reason to think that the server is gone, unsaid: it is asked now, and if it is silent, another link is made. */
  doubt(): void;
  /** Closes the stream politely within `signal`, then at once. Idempotent. */
  stop(options?: { readonly signal?: AbortSignal }): Promise<void>;
}
