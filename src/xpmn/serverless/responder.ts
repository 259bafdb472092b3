import type { Duplex } from 'node:stream';
import { announcedFingerprint, commonMethods } from '../jingle/session-security.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { base32 } from '../kernel/ids.ts';
import { isFullJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { SecurityMethod, SecuredStream } from '../ports/security.ts';
import type { StreamHeader } from '../xmpp/xml-stream.ts';
import { offerOf, only } from './conversation.ts';
import type { Conversation } from './conversation.ts';
import type { ServerlessEndpoint } from './endpoint.ts';
import { secureStream } from './secure.ts';
import type { Agreement, ServerlessOptions } from './secure.ts';

export interface ResponderDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** The device that a stream is addressed to, or the one that answers where it says nothing; undefined: nobody. */
  endpointFor(to: Jid | undefined): ServerlessEndpoint | undefined;
}

/**
 * Our side of a connection that somebody has made to us, up to an accepted stream, and for which of our devices that is.
 * Owns `stream`.
 *
 * @spec XEP-0174 v2.0.1 §6, §10
 * @spec XEP-0250 v0.2 §3.3
 * @throws XpmnError `security-failed`, `not-trusted`, `peer-unavailable`, and what else Conversation.hear and SecurityMethod.secure say
 */
export function secureAsResponder(
  stream: Duplex, deps: ResponderDeps, options: ServerlessOptions, signal: AbortSignal,
): Promise<{ readonly own: ServerlessEndpoint; readonly secured: SecuredStream }> {
  return secureStream({ stream, role: 'responder', introduce: false, signal }, (conversation, within) => agree(conversation, deps, within), deps, options);
}

async function agree(conversation: Conversation, deps: ResponderDeps, signal: AbortSignal): Promise<Agreement> {
  const { header } = only('header', await conversation.hear(signal));
  const own = addressee(header, deps);
  const peer = claimed(header);
  const offered = peer ? own.methods(peer, 'responder') : [];
  conversation.open({ from: own.local, to: tryJid(header.from), id: base32(deps.random.bytes(16)) });
  const ours = offerOf(offered, own.fingerprint);
  const info = own.describe?.(undefined);
  // Whoever we have nothing to do with is offered nothing. It may ask what is here, as it hears from everybody on the link.
  conversation.say({ kind: 'features', ...(offered.length > 0 && { offer: ours }) }, ...(info ? [info] : []));
  const { offer: theirs } = only('starttls', await conversation.hear(signal, own.describe));
  const method = decide(conversation, offered, theirs);
  if (!peer) throw new XpmnError('internal', 'Nobody was offered anything.');
  conversation.expectTls();
  conversation.say({ kind: 'proceed', choice: { methods: [method.name] } });
  return { own, peer, method, announcedFingerprint: announcedFingerprint(theirs), methods: { initiator: theirs.methods, responder: ours.methods } };
}

function addressee({ to }: StreamHeader, { endpointFor }: ResponderDeps): ServerlessEndpoint {
  const jid = tryJid(to);
  const own = to !== undefined && jid === undefined ? undefined : endpointFor(jid);
  if (!own) throw new XpmnError('peer-unavailable', 'Nobody of that name is here.');
  return own;
}

/** Lists name devices by full JIDs: nobody can be accepted under another name. */
function claimed({ from }: StreamHeader): Jid | undefined {
  const jid = tryJid(from);
  return jid && isFullJid(jid) ? jid : undefined;
}

/** The best that both can use. Where there is nothing, the peer is told so. */
function decide(conversation: Conversation, offered: readonly SecurityMethod[], theirs: Parameters<typeof commonMethods>[1]): SecurityMethod {
  try {
    return commonMethods(offered, theirs)[0];
  } catch (error) {
    conversation.say({ kind: 'failure' });
    throw error;
  }
}
