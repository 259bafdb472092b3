import type { Jid } from '../model/jid.ts';
import type { PeerIdentity } from '../model/identity.ts';
import type { XmlElement } from '../model/xml.ts';

/**
 * Something stanzas travel on: the stream to the server, an end-to-end stream, or a stream inside the process.
 * Stanzas are in the namespace `jabber:client`.
 */
export interface StanzaChannel {
  /** Our full JID on this channel. */
  readonly local: Jid;
  /** Who is at the other end: known and accepted on an end-to-end stream; undefined on the stream to the server. */
  readonly peer: PeerIdentity | undefined;
  /**
   * Sends a stanza. Resolves when it is handed to the stream below with room left (back-pressure), not when delivered.
   * @throws XpmnError `connection-lost`
   */
  send(stanza: XmlElement): Promise<void>;
  /**
   * Sends an IQ get or set and resolves to the whole `<iq type='result'/>`. The id is chosen here, unguessable; an answer counts only from the
   * JID that was asked (RFC 6120 §8.2.3). Every error answer rejects with its coded XpmnError.
   * @throws XpmnError as the answer says; `timeout`; `connection-lost`; the signal's reason
   */
  request(iq: OutgoingIq, options: { readonly signal: AbortSignal; readonly timeout?: number }): Promise<XmlElement>;
  /** Aborts when the channel is gone for good. */
  readonly closed: AbortSignal;
}

export interface OutgoingIq {
  readonly type: 'get' | 'set';
  /** Undefined on an end-to-end stream, or for the own account. */
  readonly to?: Jid | undefined;
  readonly payload: XmlElement;
}

/** An IQ request from a peer. `from` is stamped by the channel: the peer of an end-to-end stream can't say another. */
export interface IncomingIq {
  readonly type: 'get' | 'set';
  readonly id: string;
  readonly from: Jid;
  readonly payload: XmlElement;
  readonly channel: StanzaChannel;
  /** Aborts when the channel that asked is gone: nobody reads the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Answers an IQ: the result's payload, or undefined for an empty result. A thrown XpmnError becomes its stanza error;
 * anything else `internal-server-error`, without text.
 */
export type IqHandler = (iq: IncomingIq) => Promise<XmlElement | undefined> | XmlElement | undefined;

/** Where handlers register. One per device; shared by all channels of that device. */
export interface IqRegistry {
  /** Handles payloads of that namespace and, if given, name. Registering twice is a programming error and throws. */
  handle(spec: { readonly ns: string; readonly name?: string; readonly type?: 'get' | 'set' }, handler: IqHandler): void;
}
