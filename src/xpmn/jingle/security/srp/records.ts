/**
 * The messages of `srp-cb`: a length of two bytes, big-endian, that counts what follows; a type of one byte; a body whose size
 * the type decides (PROTOCOL §5). The decoder takes what has arrived so far and never needs more than the longest record.
 */
import { XpmnError } from '../../../kernel/errors.ts';
import type { Found } from '../../../kernel/read-some.ts';

/** The server's salt and B; the client's A and M1; the server's M2; and the end, whatever went wrong. */
export type RecordType = 'challenge' | 'proof' | 'confirmation' | 'failure';

export interface PairingRecord {
  readonly type: RecordType;
  readonly body: Buffer;
}

export const SALT_BYTES = 16;
export const PUBLIC_BYTES = 384;
export const PROOF_BYTES = 32;

const HEADER = 3;
const CODES: Readonly<Record<RecordType, number>> = { challenge: 1, proof: 2, confirmation: 3, failure: 255 };
const BODIES: Readonly<Record<RecordType, number>> = { challenge: SALT_BYTES + PUBLIC_BYTES, proof: PUBLIC_BYTES + PROOF_BYTES, confirmation: PROOF_BYTES, failure: 0 };
const TYPES = Object.keys(CODES) as RecordType[];

export function encodeRecord({ type, body }: PairingRecord): Buffer {
  if (body.length !== BODIES[type]) throw new XpmnError('internal', 'A record of the pairing has the wrong size.');
  return Buffer.concat([header(type), body]);
}

/**
 * The record at the beginning of `bytes` and its size with everything, or undefined while it is incomplete.
 * @throws XpmnError `malformed` as soon as the bytes can't become a record
 */
export function decodeRecord(bytes: Buffer): Found<PairingRecord> | undefined {
  const start = bytes.subarray(0, HEADER);
  const type = TYPES.find((name) => header(name).subarray(0, start.length).equals(start));
  if (!type) throw new XpmnError('malformed', 'That is no record of a pairing.');
  const size = HEADER + BODIES[type];
  return bytes.length < size ? undefined : { value: { type, body: bytes.subarray(HEADER, size) }, size };
}

function header(type: RecordType): Buffer {
  const length = 1 + BODIES[type];
  return Buffer.from([length >> 8, length & 0xff, CODES[type]]);
}
