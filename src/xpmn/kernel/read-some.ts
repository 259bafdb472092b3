import type { Readable } from 'node:stream';
import { XpmnError } from './errors.ts';
import { abortReason, throwIfAborted } from './tasks.ts';

/** What was found at the beginning of some bytes, and how many of them it is. */
export interface Found<T> {
  readonly value: T;
  readonly size: number;
}

/**
 * What a stream that does not flow begins with, as soon as `find` sees it in the bytes that have come; what follows it goes
 * back into the stream. Between two calls nobody listens: what comes then waits in the stream, for whoever owns it next.
 * @throws XpmnError `ended` when it has; what `find` says; the signal's reason
 */
export function readUntil<T>(stream: Readable, find: (bytes: Buffer) => Found<T> | undefined, ended: () => XpmnError, signal: AbortSignal): Promise<T> {
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
        const found = find(kept);
        if (!found) return;
        // In the same turn as the reading: a stream that was read empty may end in the next one, and takes nothing back then.
        if (found.size < kept.length) stream.unshift(kept.subarray(found.size));
        settle(() => resolve(found.value));
      } catch (error) {
        settle(() => reject(error as Error));
      }
    };
    const onOver = (): void => settle(() => reject(ended()));
    const onAbort = (): void => settle(() => reject(abortReason(signal)));
    if (stream.destroyed || stream.readableEnded) return onOver();
    stream.on('readable', onReadable).on('end', onOver).on('close', onOver);
    signal.addEventListener('abort', onAbort, { once: true });
    onReadable();
  });
}

/** The next bytes, as many as there are. Not for whoever wants to put some of them back. @throws XpmnError as `readUntil` */
export function readSome(stream: Readable, ended: () => XpmnError, signal: AbortSignal): Promise<Buffer> {
  return readUntil(stream, (bytes) => ({ value: bytes, size: bytes.length }), ended, signal);
}

export function lostWithin(what: string): XpmnError {
  return new XpmnError('connection-lost', `The connection ended within ${what}.`);
}
