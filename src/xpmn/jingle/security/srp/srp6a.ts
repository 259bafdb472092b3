/**
 * SRP-6a, the numbers: what each side computes, over any group and hash. Pure. Letters in comments are those of the RFC.
 *
 * @spec RFC 5054 §2.4, §2.5.3, §2.5.4, §2.6
 */
import { createHash } from 'node:crypto';
import { integerOf, paddedBytes, power } from './arithmetic.ts';
import type { SrpGroup } from './group.ts';

export interface SrpSuite {
  readonly group: SrpGroup;
  readonly hash: 'sha1' | 'sha256';
}

export interface Password {
  readonly salt: Uint8Array;
  /** I, the user's name. */
  readonly identity: string;
  readonly password: string;
}

/** What has passed in the clear. */
export interface PublicValues {
  /** A */
  readonly clientPublic: bigint;
  /** B */
  readonly serverPublic: bigint;
}

/** x = H(s | H(I | ":" | P)): the password as an exponent. */
export function privateValue(suite: SrpSuite, { salt, identity, password }: Password): bigint {
  return integerOf(digest(suite, salt, digest(suite, Buffer.from(`${identity}:${password}`))));
}

/** v = g^x: what a server knows of the password. */
export function verifier({ group }: SrpSuite, x: bigint): bigint {
  return power(group.generator, x, group.prime);
}

/** k = H(N | PAD(g)) */
export function multiplier(suite: SrpSuite): bigint {
  const { prime, generator, size } = suite.group;
  return integerOf(digest(suite, paddedBytes(prime, size), paddedBytes(generator, size)));
}

/** u = H(PAD(A) | PAD(B)) */
export function scrambler(suite: SrpSuite, { clientPublic, serverPublic }: PublicValues): bigint {
  const { size } = suite.group;
  return integerOf(digest(suite, paddedBytes(clientPublic, size), paddedBytes(serverPublic, size)));
}

/** A = g^a */
export function clientPublicValue({ group }: SrpSuite, a: bigint): bigint {
  return power(group.generator, a, group.prime);
}

/** B = k*v + g^b */
export function serverPublicValue(suite: SrpSuite, { b, v }: { readonly b: bigint; readonly v: bigint }): bigint {
  const { generator, prime } = suite.group;
  return (multiplier(suite) * v + power(generator, b, prime)) % prime;
}

/** S = (B - k*g^x) ^ (a + u*x), as the client has it. */
export function clientSecret(suite: SrpSuite, { a, x, ...values }: { readonly a: bigint; readonly x: bigint } & PublicValues): bigint {
  const { prime } = suite.group;
  const masked = (multiplier(suite) * verifier(suite, x)) % prime;
  return power(values.serverPublic + prime - masked, a + scrambler(suite, values) * x, prime);
}

/** S = (A * v^u) ^ b, as the server has it. */
export function serverSecret(suite: SrpSuite, { b, v, ...values }: { readonly b: bigint; readonly v: bigint } & PublicValues): bigint {
  const { prime } = suite.group;
  return power(values.clientPublic * power(v, scrambler(suite, values), prime), b, prime);
}

/**
 * A or B as the peer sent it, or undefined.
 *
 * SECURITY: RFC 5054 §2.5.3, §2.5.4: both sides MUST abort if the other's value modulo N is 0, for then S is known whatever
 * the password. What is not reduced is refused with it: every value has one encoding, and honest peers use that.
 */
export function readPublicValue({ prime, size }: SrpGroup, bytes: Uint8Array): bigint | undefined {
  const value = integerOf(bytes);
  return bytes.length === size && value > 0n && value < prime ? value : undefined;
}

function digest({ hash }: SrpSuite, ...parts: readonly Uint8Array[]): Buffer {
  const made = createHash(hash);
  for (const part of parts) made.update(part);
  return made.digest();
}
