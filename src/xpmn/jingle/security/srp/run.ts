/**
 * One run of `srp-cb` over a stream that is nobody's yet (PROTOCOL §5). A peer that sends anything else than what is awaited
 * has failed, at once.
 *
 * ```
 *  responder   ── challenge ──▶ awaits proof ── burnt ──▶ judges ── confirmation ──▶ proven
 *  initiator   awaits challenge ── burnt ── proof ──▶ awaits confirmation ──▶ proven
 * ```
 *
 * SECURITY: an attempt is burnt at its point of no return and not at a failure: whoever plays the server has one guess in its
 * hands with the client's M1, whoever plays the client tries one with its own, and both could hang up before anything fails.
 */
import type { Duplex } from 'node:stream';
import type { Random } from '../../../kernel/clock.ts';
import { XpmnError } from '../../../kernel/errors.ts';
import type { Role } from '../../../ports/transport.ts';
import { EXPONENT_BYTES, answerChallenge, beginServer } from './proof.ts';
import type { Knowledge } from './proof.ts';
import { readRecord } from './read-record.ts';
import { SALT_BYTES, encodeRecord } from './records.ts';
import type { RecordType } from './records.ts';

export interface RunDeps {
  readonly random: Random;
  /** Counts the attempt, durably. When it rejects nothing is sent, and nothing looked at. */
  burn(signal: AbortSignal): Promise<void>;
}

/**
 * Resolves when the peer has proven that it knows the PIN in this context. What it sent behind its last record stays in the
 * stream. The responder can't know whether its own proof arrives.
 * @throws XpmnError for every failure, none of which says more to the peer than another
 */
export async function provePin(stream: Duplex, role: Role, known: Knowledge, deps: RunDeps, signal: AbortSignal): Promise<void> {
  await (role === 'responder' ? challenge(stream, known, deps, signal) : answer(stream, known, deps, signal));
  if (stream.destroyed) throw unproven('The stream is gone.');
}

/** The last word of a run that failed, whatever the reason. */
export function encodeFailure(): Buffer {
  return encodeRecord({ type: 'failure', body: Buffer.alloc(0) });
}

async function challenge(stream: Duplex, known: Knowledge, { random, burn }: RunDeps, signal: AbortSignal): Promise<void> {
  const run = beginServer(known, { salt: random.bytes(SALT_BYTES), b: random.bytes(EXPONENT_BYTES) });
  stream.write(encodeRecord({ type: 'challenge', body: run.challenge }));
  const proof = await expect(stream, 'proof', signal);
  // "The server burns the attempt on receiving M1 before looking at it."
  await burn(signal);
  const confirmation = run.judge(proof);
  if (!confirmation) throw unproven('The proof is wrong.');
  stream.write(encodeRecord({ type: 'confirmation', body: confirmation }));
}

async function answer(stream: Duplex, known: Knowledge, { random, burn }: RunDeps, signal: AbortSignal): Promise<void> {
  const run = answerChallenge(known, { a: random.bytes(EXPONENT_BYTES) }, await expect(stream, 'challenge', signal));
  if (!run) throw unproven('The challenge is wrong.');
  // "The client before sending it."
  await burn(signal);
  stream.write(encodeRecord({ type: 'proof', body: run.proof }));
  if (!run.isConfirmedBy(await expect(stream, 'confirmation', signal))) throw unproven('The confirmation is wrong.');
}

async function expect(stream: Duplex, awaited: RecordType, signal: AbortSignal): Promise<Buffer> {
  const { type, body } = await readRecord(stream, signal);
  if (type !== awaited) throw unproven(type === 'failure' ? 'The peer gave up.' : 'A record came out of order.');
  return body;
}

function unproven(message: string): XpmnError {
  return new XpmnError('security-failed', message);
}
