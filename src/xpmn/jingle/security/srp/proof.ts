/**
 * Both sides of one run, without the stream: from the PIN and the context to the bodies of the records (PROTOCOL §5). Pure:
 * what is drawn by chance comes in.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { integerOf, paddedBytes } from './arithmetic.ts';
import { GROUP_3072 } from './group.ts';
import { PROOF_BYTES, PUBLIC_BYTES, SALT_BYTES } from './records.ts';
import { clientPublicValue, clientSecret, privateValue, readPublicValue, serverPublicValue, serverSecret, verifier } from './srp6a.ts';
import type { SrpSuite } from './srp6a.ts';

/** Bytes of a and b: 256 bits, as RFC 5054 §2.5.3 and §2.5.4 ask for at least. */
export const EXPONENT_BYTES = 32;

const SUITE: SrpSuite = { group: GROUP_3072, hash: 'sha256' };

export interface Knowledge {
  /** `ctx`: what the run is bound to. */
  readonly context: Buffer;
  readonly pin: string;
}

export interface ServerRun {
  /** salt | B */
  readonly challenge: Buffer;
  /** M2 for a right `A | M1`; undefined for any other. */
  judge(proof: Buffer): Buffer | undefined;
}

export interface ClientRun {
  /** A | M1: whoever sent the challenge can test one PIN with it. */
  readonly proof: Buffer;
  isConfirmedBy(confirmation: Buffer): boolean;
}

export function beginServer(known: Knowledge, chance: { readonly salt: Buffer; readonly b: Buffer }): ServerRun {
  const b = integerOf(chance.b);
  const v = verifier(SUITE, exponentOf(known, chance.salt));
  const serverPublic = serverPublicValue(SUITE, { b, v });
  return {
    challenge: Buffer.concat([chance.salt, padded(serverPublic)]),
    judge(proof) {
      const clientPublic = readPublicValue(SUITE.group, proof.subarray(0, PUBLIC_BYTES));
      if (clientPublic === undefined) return undefined;
      const values = { clientPublic, serverPublic };
      const proofs = proofsOf(known, { ...values, secret: serverSecret(SUITE, { b, v, ...values }) });
      return isEqual(proofs.client, proof.subarray(PUBLIC_BYTES)) ? proofs.server : undefined;
    },
  };
}

/** Undefined for a challenge whose B is none. */
export function answerChallenge(known: Knowledge, chance: { readonly a: Buffer }, challenge: Buffer): ClientRun | undefined {
  const serverPublic = readPublicValue(SUITE.group, challenge.subarray(SALT_BYTES));
  if (serverPublic === undefined) return undefined;
  const a = integerOf(chance.a);
  const values = { clientPublic: clientPublicValue(SUITE, a), serverPublic };
  const x = exponentOf(known, challenge.subarray(0, SALT_BYTES));
  const proofs = proofsOf(known, { ...values, secret: clientSecret(SUITE, { a, x, ...values }) });
  return {
    proof: Buffer.concat([padded(values.clientPublic), proofs.client]),
    isConfirmedBy: (confirmation) => isEqual(proofs.server, confirmation),
  };
}

/** x = H(salt | H(`xpmn-pairing:` hex(ctx) `:` PIN)): a salt and a context of its own for each run. */
function exponentOf({ context, pin }: Knowledge, salt: Buffer): bigint {
  return privateValue(SUITE, { salt, identity: `xpmn-pairing:${context.toString('hex')}`, password: pin });
}

/** K = H(PAD(S)), M1 and M2. Whose it is stands in each, so that neither can be sent back as the other. */
function proofsOf(
  { context }: Knowledge, { clientPublic, serverPublic, secret }: { readonly clientPublic: bigint; readonly serverPublic: bigint; readonly secret: bigint },
): { readonly client: Buffer; readonly server: Buffer } {
  const key = createHash('sha256').update(padded(secret)).digest();
  const shared = Buffer.concat([context, padded(clientPublic), padded(serverPublic)]);
  const client = createHmac('sha256', key).update('client').update(shared).digest();
  const server = createHmac('sha256', key).update('server').update(shared).update(client).digest();
  return { client, server };
}

function padded(value: bigint): Buffer {
  return paddedBytes(value, PUBLIC_BYTES);
}

function isEqual(expected: Buffer, given: Buffer): boolean {
  return given.length === PROOF_BYTES && timingSafeEqual(expected, given);
}
