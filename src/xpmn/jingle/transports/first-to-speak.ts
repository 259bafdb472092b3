import type { Duplex } from 'node:stream';
import { abortReason, throwIfAborted } from '../../kernel/tasks.ts';

/** The first of `streams` that has a byte to read; nothing is taken out of any. Rejects with the signal's reason. */
export function firstToSpeak<T extends Duplex>(streams: readonly T[], signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    const listeners = new Map<T, () => void>();
    const finish = (): void => {
      for (const [stream, listener] of listeners) stream.off('readable', listener);
      signal.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      finish();
      reject(abortReason(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    for (const stream of streams) {
      const listener = (): void => {
        if (stream.readableLength === 0) return;
        finish();
        resolve(stream);
      };
      listeners.set(stream, listener);
      stream.on('readable', listener);
    }
  });
}
