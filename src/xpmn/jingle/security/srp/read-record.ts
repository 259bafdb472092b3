import type { Duplex } from 'node:stream';
import { XpmnError } from '../../../kernel/errors.ts';
import { abortReason, throwIfAborted } from '../../../kernel/tasks.ts';
import { decodeRecord } from './records.ts';
import type { PairingRecord } from './records.ts';

/**
 * The next record. What follows it goes back into the stream, which is left without a listener of ours and does not flow.
 * @throws XpmnError `malformed`, `truncated`; the signal's reason
 */
export function readRecord(stream: Duplex, signal: AbortSignal): Promise<PairingRecord> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    let kept: Buffer = Buffer.alloc(0);
    const settle = (act: () => void): void => {
      stream.off('readable', onReadable).off('end', onOver).off('close', onOver);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onReadable = (): void => {
      const chunk = stream.read() as Buffer | null;
      if (!chunk) return;
      kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      try {
        const found = decodeRecord(kept);
        if (!found) return;
        // In the same turn as the reading: a stream that was read empty ends in the next one, and takes nothing back then.
        if (found.size < kept.length) stream.unshift(kept.subarray(found.size));
        settle(() => resolve(found.record));
      } catch (error) {
        settle(() => reject(error as Error));
      }
    };
    const onOver = (): void => settle(() => reject(new XpmnError('truncated', 'The stream ended within the pairing.')));
    const onAbort = (): void => settle(() => reject(abortReason(signal)));
    if (stream.destroyed || stream.readableEnded) return onOver();
    stream.on('readable', onReadable).on('end', onOver).on('close', onOver);
    signal.addEventListener('abort', onAbort, { once: true });
    onReadable();
  });
}
