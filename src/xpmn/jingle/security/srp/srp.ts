import type { Duplex } from 'node:stream';
import type { Clock, Random } from '../../../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../../../kernel/errors.ts';
import { abortable, throwIfAborted, withDeadline } from '../../../kernel/tasks.ts';
import type { PeerIdentity } from '../../../model/identity.ts';
import { bareJid } from '../../../model/jid.ts';
import type { PairingPin, PinAttempt } from '../../../ports/pairing-pin.ts';
import { brandSecured } from '../../../ports/security.ts';
import type { SecuredStream, SecurityContext, SecurityMethod } from '../../../ports/security.ts';
import type { RunSettings } from './control-frames.ts';
import { exportKeys } from './key-export.ts';
import { SrpStream } from './srp-stream.ts';
import type { SrpStreamOptions } from './srp-stream.ts';

export interface SrpOptions extends SrpStreamOptions {
  /** Milliseconds from the first byte to an identified peer. */
  readonly handshakeTimeout: number;
  /** Bytes that may wait in each buffer of the process. */
  readonly bufferBytes: number;
  /** Bits of the group: as responder that one of RFC 5054, as initiator no smaller one. */
  readonly groupBits: number;
  /** Runs at a time: each is a process. */
  readonly runs: number;
}

/** A stream whose other end has proven that it knows the PIN, and nothing else. */
export interface PinProof {
  readonly stream: Duplex;
  readonly context: SecurityContext;
  exporter(label: string, length: number): Buffer;
}

export interface SrpDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly pin: PairingPin;
  /** Who has proven it. What TLS-SRP can't know is asked for here. @throws XpmnError e.g. `not-trusted` */
  identify(proof: PinProof, signal: AbortSignal): Promise<PeerIdentity>;
}

/** Random bytes that make a password nobody knows. */
const DECOY = 16;

/**
 * Security method `srp`: TLS-SRP as the thesis has it, for pairing with peers that know nothing newer. Both ends prove that they
 * know the PIN, within TLS 1.2, without certificates; nothing is proven about keys.
 *
 * TLS runs in a process of its own for each run (see `srp-process.ts`), started when the run begins and ended with the stream.
 * Without an open pairing window the run goes on with a password that nobody knows: to the peer that is a wrong PIN.
 *
 * @spec RFC 5054 §2
 * @spec draft-meyer-xmpp-e2e-encryption 02 §3 (Jingle initiator = TLS client)
 */
export function createSrp(deps: SrpDeps, options: SrpOptions): SecurityMethod {
  let running = 0;

  function start(raw: Duplex, context: SecurityContext, attempt: PinAttempt | undefined): SrpStream {
    const stream = new SrpStream({
      raw,
      settings: settingsOf(deps, options, context, attempt),
      burn: async () => attempt?.burn(),
      onGone: () => (running -= 1),
    }, options);
    running += 1;
    return stream;
  }

  return {
    name: 'srp',
    async secure(raw, context) {
      // Between two owners a stream has no listener, and a reset at that moment must not end the process.
      raw.on('error', () => undefined);
      let stream: SrpStream | undefined;
      let attempt: PinAttempt | undefined;
      try {
        throwIfAborted(context.signal);
        if (raw.destroyed) throw failed('The stream below was lost.');
        if (running >= options.runs) throw new XpmnError('resource-limit', 'Too many others are pairing.');
        attempt = once(deps.pin.begin(context.peer));
        const began = (stream = start(raw, context, attempt));
        return await withDeadline(
          { clock: deps.clock, signal: context.signal, delay: options.handshakeTimeout, what: 'Pairing by TLS-SRP' },
          (signal) => complete(deps, began, context, attempt, signal),
        );
      } catch (error) {
        attempt?.done(false);
        stream?.destroy();
        raw.destroy();
        throw asXpmnError(error, 'security-failed', 'The peer could not be authenticated.');
      }
    },
  };
}

function settingsOf({ random }: SrpDeps, options: SrpOptions, { role, local, peer }: SecurityContext, attempt: PinAttempt | undefined): RunSettings {
  const decoy = random.bytes(DECOY).toString('hex');
  return {
    role,
    // The RFC leaves the name open, and both are in use: the initiator's full JID, and its bare one (XEP-0250).
    names: role === 'initiator' ? [local] : [peer, bareJid(peer)],
    pin: attempt?.pin ?? decoy,
    decoy,
    groupBits: options.groupBits,
    bufferBytes: options.bufferBytes,
  };
}

/** From the first byte to an identified peer. */
async function complete(
  deps: SrpDeps,
  stream: SrpStream,
  context: SecurityContext,
  attempt: PinAttempt | undefined,
  signal: AbortSignal,
): Promise<SecuredStream> {
  const keys = await abortable(stream.established, signal);
  // SECURITY: nobody can prove a password that was made up a moment ago. Whatever says so is not to be believed.
  if (!attempt) throw failed('There was no PIN to be proven.');
  attempt.done(true);
  stream.once('close', () => attempt.lost());
  const exporter = (label: string, length: number): Buffer => exportKeys(keys, label, length);
  const peer = await abortable(deps.identify({ stream, context, exporter }, signal), signal);
  if (stream.destroyed) throw failed('The stream was lost.');
  return brandSecured({ stream, peer, local: context.local, method: 'srp', role: context.role, exporter });
}

/** An attempt for which it counts what is said first. */
function once(attempt: PinAttempt | undefined): PinAttempt | undefined {
  let isOver = false;
  return attempt && {
    pin: attempt.pin,
    burn: () => attempt.burn(),
    done(proven) {
      if (isOver) return;
      isOver = true;
      attempt.done(proven);
    },
    lost: () => attempt.lost(),
  };
}

function failed(message: string): XpmnError {
  return new XpmnError('security-failed', message);
}
