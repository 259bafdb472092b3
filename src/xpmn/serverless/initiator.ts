import type { Duplex } from 'node:stream';
import { announcedFingerprint, commonMethods, namedMethod } from '../jingle/session-security.ts';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { isFullJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { SecuredStream } from '../ports/security.ts';
import { offerOf, only } from './conversation.ts';
import type { Conversation } from './conversation.ts';
import type { ServerlessEndpoint } from './endpoint.ts';
import { secureStream } from './secure.ts';
import type { Agreement, ServerlessOptions } from './secure.ts';

export interface OutgoingCall {
  readonly own: ServerlessEndpoint;
  /** Full JID of the device that is called; who is at the other end is proven later. */
  readonly peer: Jid;
  readonly introduce: boolean;
  readonly signal: AbortSignal;
}

/**
 * Our side of a connection that we have made to `peer`, up to an accepted stream. Owns `stream`.
 *
 * SECURITY: never a silent downgrade. A peer that offers no encryption, or decides for what it was not offered, is left.
 *
 * @spec XEP-0174 v2.0.1 §6
 * @spec XEP-0250 v0.2 §3.3
 * @throws XpmnError `security-failed`, `not-trusted`, `peer-unavailable`, and what else Conversation.hear and SecurityMethod.secure say
 */
export async function secureAsInitiator(stream: Duplex, call: OutgoingCall, deps: { readonly clock: Clock }, options: ServerlessOptions): Promise<SecuredStream> {
  const { introduce, signal } = call;
  return (await secureStream({ stream, role: 'initiator', introduce, signal }, (conversation, within) => agree(conversation, call, within), deps, options)).secured;
}

async function agree(conversation: Conversation, { own, peer }: OutgoingCall, signal: AbortSignal): Promise<Agreement> {
  const hear = async (): ReturnType<Conversation['hear']> => conversation.hear(signal, own.describe);
  conversation.open({ from: own.local, to: peer });
  checkAnswerer(only('header', await hear()).header.from, peer);
  const { offer: theirs } = only('features', await hear());
  if (!theirs) throw new XpmnError('security-failed', 'The peer offers no encryption.');
  const chosen = commonMethods(own.methods(peer, 'initiator'), theirs);
  const offer = offerOf(chosen, own.fingerprint);
  conversation.say({ kind: 'starttls', offer });
  const answer = await hear();
  if (answer.kind === 'failure') throw new XpmnError('security-failed', 'The peer refuses encryption.');
  const method = namedMethod(chosen, only('proceed', answer).choice);
  conversation.expectTls();
  return { own, peer, method, announcedFingerprint: announcedFingerprint(theirs), methods: { initiator: offer.methods, responder: theirs.methods } };
}

/** Addresses change hands. Nothing is proven by this name; but one that is another's needs no handshake to be known as wrong. */
function checkAnswerer(from: string | undefined, peer: Jid): void {
  const said = tryJid(from);
  if (said && isFullJid(said) && said !== peer) throw new XpmnError('peer-unavailable', 'Another device is at that address.', { details: { condition: 'invalid-from' } });
}
