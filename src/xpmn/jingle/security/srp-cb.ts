import { X509Certificate, createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Clock, Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { abortReason, abortable, sleep, throwIfAborted } from '../../kernel/tasks.ts';
import type { KeyName, PairingPeer } from '../../model/identity.ts';
import type { Jid } from '../../model/jid.ts';
import type { PairingPin, PinAttempt } from '../../ports/pairing-pin.ts';
import type { SecurityContext, SecurityMethod } from '../../ports/security.ts';
import { EXPORTER, contextHash } from './srp/pairing-context.ts';
import { encodeFailure, provePin } from './srp/run.ts';
import { createTlsMethod } from './tls.ts';
import type { ProvenEnd, TlsDeps } from './tls.ts';

export interface SrpCbDeps extends TlsDeps {
  readonly random: Random;
  readonly pin: PairingPin;
  /**
   * The name of the key of a TLS leaf (DER).
   * @throws XpmnError where that key may not stand for a device: then no attempt begins
   */
  keyOf(leaf: Buffer): KeyName;
  /** Told who has proven itself in which session. */
  proven?(peer: Jid, exporter: ProvenEnd['exporter']): void;
}

export interface SrpCbOptions {
  /** Milliseconds from the first byte of TLS to a proven peer. */
  readonly proofTimeout: number;
  /** Milliseconds that burning an attempt takes at least: how quick the disk is, and whether it was asked at all, does not show. */
  readonly leastBurnTime: number;
  /** Runs at a time, with an attempt or without: each is work for whoever may call. */
  readonly runs: number;
  /** Bytes that may wait in a secured stream, each way, before it says "full". */
  readonly highWaterMark: number;
}

/** `button-cb` is the same with a PIN that everybody knows. Names are bound into the proof: none stands for the other. */
export type SrpCbName = 'srp-cb' | 'button-cb';

/**
 * Security method `srp-cb`: mutual TLS 1.3 as with `x509`, then a PIN instead of the acceptance function, as SRP-6a bound to that
 * TLS session, its certificates, both JIDs and what both sides announced (PROTOCOL §5). It fits pairing and nothing else: the
 * peer becomes an identity with the verdict `pairing`, whoever it is.
 *
 * Each run is one attempt of the PIN, from after the handshake on. Where there is none to be had the run takes place with a PIN
 * that nobody knows: the same records, the same work, the same end. All failures are one (`security-failed`; the cause is
 * for the own log), but `timeout` and the signal's reason.
 *
 * @spec RFC 5054 §2.6 (SRP-6a in the 3072-bit group, outside its TLS suites)
 */
export function createSrpCb(deps: SrpCbDeps, options: SrpCbOptions, name: SrpCbName = 'srp-cb'): SecurityMethod {
  const ownHash = sha256(new X509Certificate(deps.credentials.certificate).raw);
  let running = 0;
  return createTlsMethod(
    {
      name,
      what: 'The proof of the PIN',
      timeout: options.proofTimeout,
      identify: async (end, session, signal) => {
        const { stream } = end;
        // There is no time to wait for the stream then: it takes that at once, or the peer is told by the end alone.
        const onAbort = (): void => void (stream.writable && stream.write(encodeFailure()));
        signal.addEventListener('abort', onAbort, { once: true });
        running += 1;
        try {
          // To the peer that is a wrong PIN, too.
          if (running > options.runs) throw new XpmnError('resource-limit', 'Too many others are pairing.');
          const key = deps.keyOf(end.leaf);
          await attempt(deps, options, end, contextOf(name, ownHash, end, session), session, signal);
          deps.proven?.(session.peer, end.exporter);
          return { verdict: 'pairing', key, jid: session.peer } satisfies PairingPeer;
        } catch (error) {
          if (signal.aborted) throw abortReason(signal);
          await refuse(stream, signal);
          throw new XpmnError('security-failed', 'The proof of the PIN failed.', { cause: error });
        } finally {
          running -= 1;
          signal.removeEventListener('abort', onAbort);
        }
      },
    },
    deps,
    options,
  );
}

/** From the beginning of an attempt to its end, which is told once: at an abort at once, whatever is still under way. */
async function attempt(deps: SrpCbDeps, options: SrpCbOptions, { stream }: ProvenEnd, context: Buffer, session: SecurityContext, signal: AbortSignal): Promise<void> {
  const one = deps.pin.begin(session.peer) ?? hopelessAttempt(deps.random);
  let isOver = false;
  const end = (proven: boolean): void => {
    if (isOver) return;
    isOver = true;
    one.done(proven);
  };
  const onAbort = (): void => end(false);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    throwIfAborted(signal);
    const burn = (until: AbortSignal): Promise<void> => burnSlowly(one, deps.clock, options, until);
    await provePin(stream, session.role, { context, pin: one.pin }, { random: deps.random, burn }, signal);
    end(true);
    stream.once('close', () => one.lost());
  } finally {
    end(false);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Its PIN of 192 random bits is never guessed, so that the run can't but fail. */
function hopelessAttempt(random: Random): PinAttempt {
  return { pin: random.bytes(24).toString('base64'), burn: () => Promise.resolve(), done: () => undefined, lost: () => undefined };
}

async function burnSlowly(one: PinAttempt, clock: Clock, { leastBurnTime }: SrpCbOptions, signal: AbortSignal): Promise<void> {
  const [burnt] = await Promise.allSettled([abortable(one.burn(), signal), sleep(clock, leastBurnTime, signal)]);
  if (signal.aborted) throw abortReason(signal);
  if (burnt.status === 'rejected') throw burnt.reason;
}

function contextOf(method: SrpCbName, ownHash: Buffer, { leaf, exporter }: ProvenEnd, { role, local, peer, methods }: SecurityContext): Buffer {
  const both = <T>(ours: T, theirs: T): Record<SecurityContext['role'], T> => (role === 'initiator' ? { initiator: ours, responder: theirs } : { initiator: theirs, responder: ours });
  return contextHash({
    exporter: exporter(EXPORTER.label, EXPORTER.length),
    certificateHashes: both(ownHash, sha256(leaf)),
    jids: both(local, peer),
    methods,
    method,
  });
}

/** Tells the peer, and gives it the time that is left to take it. */
function refuse(stream: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    stream.once('close', done);
    stream.end(encodeFailure(), done);
  });
}

function sha256(der: Uint8Array): Buffer {
  return createHash('sha256').update(der).digest();
}
