import { XpmnError } from '../kernel/errors.ts';
import { bareJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { child, elements } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { NS } from '../model/namespaces.ts';
import type { IqGate } from './iq-router.ts';

/** PEP nodes that live on the account. */
export const ACCOUNT_NODES: readonly string[] = [
  NS.trust, NS.trustFriends, NS.pubkey, `${NS.pubkey}:friends`,
];

type Direction = 'in' | 'out';

interface Row {
  readonly stanza: 'iq' | 'message';
  readonly ns: string;
  readonly names: readonly string[];
  readonly directions: readonly Direction[];
  readonly only?: (payload: XmlElement, context: { readonly from: Jid | undefined; readonly own: Jid }) => boolean;
}

const BOTH: readonly Direction[] = ['in', 'out'];

/**
 * What may pass on the stream to the server, in the clear for it: everything else needs an end-to-end stream. Presence
 * may; of IQs and messages only these rows. Answers belong to their requests.
 */
export const ALLOWED: readonly Row[] = [
  { stanza: 'iq', ns: 'http://jabber.org/protocol/disco#info', names: ['query'], directions: BOTH },
  { stanza: 'iq', ns: 'http://jabber.org/protocol/disco#items', names: ['query'], directions: BOTH },
  { stanza: 'iq', ns: 'urn:xmpp:ping', names: ['ping'], directions: BOTH },
  { stanza: 'iq', ns: 'urn:xmpp:jingle:1', names: ['jingle'], directions: BOTH },
  { stanza: 'iq', ns: 'http://jabber.org/protocol/ibb', names: ['open', 'data', 'close'], directions: BOTH },
  { stanza: 'iq', ns: 'http://jabber.org/protocol/bytestreams', names: ['query'], directions: BOTH },
  { stanza: 'iq', ns: NS.pubkey, names: ['pubkeys'], directions: BOTH },
  { stanza: 'iq', ns: 'jabber:iq:roster', names: ['query'], directions: ['out'] },
  { stanza: 'iq', ns: 'jabber:iq:roster', names: ['query'], directions: ['in'], only: fromOwnAccount },
  { stanza: 'iq', ns: 'jabber:iq:register', names: ['query'], directions: ['out'] },
  { stanza: 'iq', ns: 'urn:xmpp:saslcert:0', names: ['upload', 'list', 'remove', 'revoke'], directions: ['out'] },
  { stanza: 'iq', ns: 'urn:xmpp:saslcert:1', names: ['append', 'items', 'disable', 'revoke'], directions: ['out'] },
  { stanza: 'iq', ns: 'http://jabber.org/protocol/pubsub', names: ['pubsub'], directions: ['out'], only: ofAccountNodes },
  { stanza: 'iq', ns: 'http://jabber.org/protocol/pubsub#owner', names: ['pubsub'], directions: ['out'], only: ofAccountNodes },
  { stanza: 'message', ns: 'http://jabber.org/protocol/pubsub#event', names: ['event'], directions: ['in'], only: ofAccountNodes },
  { stanza: 'message', ns: 'urn:xmpp:xpmn:management:0', names: ['changed'], directions: BOTH },
];

function fromOwnAccount(_payload: XmlElement, { from, own }: { readonly from: Jid | undefined; readonly own: Jid }): boolean {
  return from === undefined || from === bareJid(own);
}

/** Every part of the request that names a node names one of ours, and there is one at least. */
function ofAccountNodes(payload: XmlElement): boolean {
  const nodes = elements(payload).map((part) => part.attrs['node']).filter((node) => node !== undefined);
  return nodes.length > 0 && nodes.every((node) => ACCOUNT_NODES.includes(node));
}

/** Whether the table lets a stanza pass. `own` is the full JID of this end. */
export function isAllowed(stanza: XmlElement, direction: Direction, own: Jid): boolean {
  if (stanza.name === 'presence') return true;
  const { type, from } = stanza.attrs;
  if (stanza.name === 'iq' && (type === 'result' || type === 'error')) return true;
  const context = { from: tryJid(from), own };
  // A sender that can't be read is nobody; it is not the own account, which may leave `from` out.
  if (from !== undefined && context.from === undefined) return false;
  const passes = (payload: XmlElement): boolean => ALLOWED.some((row) =>
    row.stanza === stanza.name && row.ns === payload.ns && row.names.includes(payload.name) &&
    row.directions.includes(direction) && (row.only?.(payload, context) ?? true));
  const payloads = elements(stanza).filter((part) => !isEnvelope(part));
  return payloads.length === 1 && passes(payloads[0] as XmlElement);
}

/** What servers and clients put beside a message's payload: when, how to keep it, and under which id. It is never read. */
function isEnvelope(part: XmlElement): boolean {
  return ['urn:xmpp:delay', 'urn:xmpp:hints', 'urn:xmpp:sid:0', 'http://jabber.org/protocol/address'].includes(part.ns);
}

export function securityRequired(): XpmnError {
  return new XpmnError('security-required', 'That needs an end-to-end encrypted stream.');
}

/** For the router: what comes over an end-to-end stream passes, what comes over the server only by the table. */
export const serverGate: IqGate = (channel, stanza) =>
  channel.peer !== undefined || isAllowed(stanza, 'in', channel.local) ? undefined : securityRequired();

/** All that a device may ask for while it is being paired. */
const WHILE_PAIRING: ReadonlySet<string> = new Set([NS.pairing, NS.pubkey, 'http://jabber.org/protocol/disco#info', 'urn:xmpp:ping']);

/** For the router: who has proven no more than a PIN may pair, and nothing else. */
export const pairingGate: IqGate = ({ peer }, stanza) =>
  peer?.verdict !== 'pairing' || elements(stanza).every(({ ns }) => WHILE_PAIRING.has(ns)) ? undefined : new XpmnError('not-allowed', 'This device is not part of the media network yet.');

/** Whether a refused message is told so: only what somebody said to us; events and errors are ignored in silence. */
export function deservesAnswer(message: XmlElement): boolean {
  const type = message.attrs['type'] ?? 'normal';
  const isEvent = child(message, 'event', 'http://jabber.org/protocol/pubsub#event') !== undefined;
  return message.attrs['from'] !== undefined && (type === 'normal' || type === 'chat') && !isEvent;
}
