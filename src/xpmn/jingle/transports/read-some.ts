import type { Readable } from 'node:stream';
import { XpmnError } from '../../kernel/errors.ts';
import { abortReason, throwIfAborted } from '../../kernel/tasks.ts';

/**
 * The next bytes of a stream that does not flow, as many as there are. Between two calls nobody listens: what comes then
 * waits in the stream, for whoever owns it next.
 * @throws XpmnError `connection-lost` when it has ended, `within` what; the signal's reason
 */
export function readSome(stream: Readable, within: string, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    const settle = (outcome: Buffer | Error): void => {
      stream.off('readable', onReadable).off('end', onOver).off('close', onOver);
      signal.removeEventListener('abort', onAbort);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    const onReadable = (): void => {
      const chunk = stream.read() as Buffer | null;
      if (chunk) settle(chunk);
    };
    const onOver = (): void => settle(new XpmnError('connection-lost', `The connection ended within ${within}.`));
    const onAbort = (): void => settle(abortReason(signal));
    if (stream.destroyed || stream.readableEnded) return onOver();
    stream.on('readable', onReadable).on('end', onOver).on('close', onOver);
    signal.addEventListener('abort', onAbort, { once: true });
    onReadable();
  });
}
