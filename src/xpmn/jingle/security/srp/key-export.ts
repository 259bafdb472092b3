import { createHmac } from 'node:crypto';
import type { SessionKeys } from './tls-engine.ts';

/** The explicit empty context: its length, two bytes. "None" would be something else. */
const EMPTY_CONTEXT = Buffer.alloc(2);

/**
 * Keying material of a TLS 1.2 session whose suite has the version's own PRF (all with SRP do).
 *
 * @spec RFC 5705 §4
 */
export function exportKeys({ master, clientRandom, serverRandom }: SessionKeys, label: string, length: number): Buffer {
  return prf(master, Buffer.concat([Buffer.from(label, 'ascii'), clientRandom, serverRandom, EMPTY_CONTEXT]), length);
}

/** RFC 5246 §5: P_SHA256. */
function prf(secret: Buffer, seed: Buffer, length: number): Buffer {
  const hmac = (...parts: readonly Buffer[]): Buffer => createHmac('sha256', secret).update(Buffer.concat(parts)).digest();
  let a = seed;
  let out = Buffer.alloc(0);
  while (out.length < length) {
    a = hmac(a);
    out = Buffer.concat([out, hmac(a, seed)]);
  }
  return out.subarray(0, length);
}
