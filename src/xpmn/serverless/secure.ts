import type { Duplex } from 'node:stream';
import { keepQuiet } from '../jingle/transports/keep-quiet.ts';
import type { Clock } from '../kernel/clock.ts';
import { asXpmnError } from '../kernel/errors.ts';
import type { XpmnError } from '../kernel/errors.ts';
import { abortReason, withDeadline } from '../kernel/tasks.ts';
import { NS } from '../model/namespaces.ts';
import type { SecuredStream, SecurityContext, SecurityMethod } from '../ports/security.ts';
import type { Role } from '../ports/transport.ts';
import { Conversation } from './conversation.ts';
import type { ConversationOptions } from './conversation.ts';
import type { ServerlessChannel, ServerlessEndpoint } from './endpoint.ts';

export interface ServerlessOptions extends ConversationOptions {
  /** ms from the connection to the beginning of TLS. */
  readonly negotiationTimeout: number;
  /** ms for handshake and verdict. */
  readonly securityTimeout: number;
  /** ms for the XML stream inside to be usable. */
  readonly openTimeout: number;
}

/** What the two sides have come to in the clear. */
export interface Agreement extends Pick<SecurityContext, 'peer' | 'announcedFingerprint' | 'methods'> {
  readonly own: ServerlessEndpoint;
  readonly method: SecurityMethod;
}

interface Securing {
  readonly stream: Duplex;
  readonly role: Role;
  /** Initiator: the peer took us for a stranger the last time. */
  readonly introduce: boolean;
  readonly signal: AbortSignal;
}

/**
 * From a bare stream, which it owns, to an accepted peer: what `agree` says in the clear, then TLS on the same stream. There
 * is no other way out than that or the end of the stream.
 *
 * @throws XpmnError as `agree` and SecurityMethod.secure; `timeout`; the signal's reason; the stream is being freed then
 */
export async function secureStream(
  { stream, role, introduce, signal }: Securing,
  agree: (conversation: Conversation, signal: AbortSignal) => Promise<Agreement>,
  deps: { readonly clock: Clock },
  options: ServerlessOptions,
): Promise<{ readonly own: ServerlessEndpoint; readonly secured: SecuredStream }> {
  keepQuiet(stream);
  const conversation = new Conversation(stream, role, deps, options);
  try {
    const deadline = { ...deps, signal, delay: options.negotiationTimeout, what: 'The negotiation before TLS' };
    const agreement = await withDeadline(deadline, (within) => agree(conversation, within));
    const secured = await runTls(agreement);
    conversation.secured();
    return { own: agreement.own, secured };
  } catch (error) {
    const failure = asXpmnError(error);
    conversation.fail(failure);
    throw failure;
  }

  function runTls({ own, peer, method, announcedFingerprint, methods }: Agreement): Promise<SecuredStream> {
    const { local } = own;
    return owned({ ...deps, signal, delay: options.securityTimeout, what: 'Securing the stream' }, (within) => method.secure(stream, {
      role, local, peer, announcedFingerprint, methods, signal: within,
      accept: (leaf, claimed, asked, proven) => own.accept(leaf, claimed, asked, { stream: proven, role, local, application: NS.xmlStream, introduce, isVouchedFor: false }),
    }), (late) => late.stream.destroy());
  }
}

/** Opens the XML stream of `own` on what was secured for it. @throws XpmnError as ApplicationMethod.open; `timeout`; `not-running` */
export async function openChannel(
  own: ServerlessEndpoint, secured: SecuredStream, { clock }: { readonly clock: Clock }, { openTimeout }: ServerlessOptions, signal: AbortSignal,
): Promise<ServerlessChannel> {
  own.streams.add(secured);
  const { channelMethod } = own;
  const deadline = { clock, signal, delay: openTimeout, what: 'Opening the stream' };
  return await owned(deadline, (within) => channelMethod.open(secured, channelMethod.describe(), { signal: within }), (late, why) => late.destroy(why));
}

/** `work` within its time; what it brings after that goes to `discard`. */
function owned<T>(deadline: Parameters<typeof withDeadline>[0], work: (signal: AbortSignal) => Promise<T>, discard: (late: T, why: XpmnError) => void): Promise<T> {
  return withDeadline(deadline, async (within) => {
    const result = await work(within);
    if (within.aborted) discard(result, asXpmnError(abortReason(within)));
    return result;
  });
}
