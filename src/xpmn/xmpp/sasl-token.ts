import { createHmac, timingSafeEqual } from 'node:crypto';

/** The one of its family that needs nothing of the TLS library on either side. */
export const TOKEN_MECHANISM = 'HT-SHA-256-NONE';

/**
 * How a client proves that it has the token, without saying it.
 *
 * @spec draft-schmaus-kitten-sasl-ht 08 §3
 */
export function tokenProof(username: string, token: string): Buffer {
  return Buffer.concat([Buffer.from(`${username}\0`), hashed(token, 'Initiator')]);
}

/** SECURITY: whether the server has shown that it has the token, too; without, it has shown nothing. */
export function isTokenProven(token: string, said: Uint8Array): boolean {
  const expected = hashed(token, 'Responder');
  return said.length === expected.length && timingSafeEqual(said, expected);
}

function hashed(token: string, role: 'Initiator' | 'Responder'): Buffer {
  return createHmac('sha256', token).update(role).digest();
}
