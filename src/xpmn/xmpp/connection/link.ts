import type { XpmnError } from '../../kernel/errors.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { LoginToken, XmppAccount } from '../../ports/xmpp-connection.ts';

export interface LinkHandlers {
  /** A stanza. May not throw. */
  received(stanza: XmlElement): void;
  /** The link is gone: once, last. */
  lost(reason: XpmnError): void;
}

/** One logged-in stream to the server; it lives until it is lost, and is then replaced by another. */
export interface ServerLink {
  /** What the server gave to log in with the next time. */
  readonly token?: LoginToken | undefined;
  /** From here on stanzas are delivered, beginning with those that came before. Called once. */
  run(handlers: LinkHandlers): void;
  /** As StanzaChannel.send. */
  send(stanza: XmlElement): Promise<void>;
  /** Ends politely until `signal` aborts, then at once. Never rejects. */
  close(signal: AbortSignal): Promise<void>;
  /** Ends at once. Idempotent. */
  destroy(reason: XpmnError): void;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Makes a link: dials, secures, logs in, binds. When `signal` aborts, everything it opened is gone before it rejects.
 * `server` is where the last server sent us; its certificate must still be that of the account's domain.
 */
export type Establish = (account: XmppAccount, options: { readonly server: ServerAddress | undefined; readonly signal: AbortSignal }) => Promise<ServerLink>;
