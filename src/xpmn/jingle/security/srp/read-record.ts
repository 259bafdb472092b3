import type { Duplex } from 'node:stream';
import { XpmnError } from '../../../kernel/errors.ts';
import { readUntil } from '../../../kernel/read-some.ts';
import { decodeRecord } from './records.ts';
import type { PairingRecord } from './records.ts';

/**
 * The next record. What follows it goes back into the stream, which is left without a listener of ours and does not flow.
 * @throws XpmnError `malformed`, `truncated`; the signal's reason
 */
export function readRecord(stream: Duplex, signal: AbortSignal): Promise<PairingRecord> {
  return readUntil(stream, decodeRecord, () => new XpmnError('truncated', 'The stream ended within the pairing.'), signal);
}
