import type { Duplex } from 'node:stream';
import { XpmnError } from '../kernel/errors.ts';
import { abortReason, throwIfAborted } from '../kernel/tasks.ts';
import type { XmlElement } from '../model/xml.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import { BeginningReader } from '../trust/presented-lists.ts';

/**
 * The lists that `stream` begins with, or undefined if it begins with something else. Either way the stream is left at
 * the application's first byte, and nobody listens to it any more.
 *
 * @throws XpmnError `security-failed` (lists that are too large or make no sense), `truncated` (the end came first); the
 * signal's reason
 */
export async function readBeginning(stream: Duplex, limits: XmlLimits, signal: AbortSignal): Promise<readonly XmlElement[] | undefined> {
  throwIfAborted(signal);
  const reader = new BeginningReader(limits);
  return await new Promise((resolve, reject) => {
    const onReadable = (): void => {
      try {
        for (let chunk = stream.read() as Buffer | null; chunk; chunk = stream.read() as Buffer | null) {
          const beginning = reader.read(chunk);
          if (beginning) return found(beginning);
        }
      } catch (error) {
        fail(new XpmnError('security-failed', 'The peer began with lists that can\'t be read.', { cause: error }));
      }
    };
    const onEnd = (): void => fail(new XpmnError('truncated', 'The stream ended before the application began.'));
    const onAbort = (): void => fail(abortReason(signal));
    const stop = (): void => {
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
      signal.removeEventListener('abort', onAbort);
    };
    // All in one turn: what is put back must not be heard here again, nor overtaken by an end that has come already.
    const found = ({ lists, rest }: ReturnType<BeginningReader['read']> & object): void => {
      stop();
      if (rest.length > 0) stream.unshift(rest);
      resolve(lists);
    };
    const fail = (error: Error): void => {
      stop();
      reject(error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stream.on('readable', onReadable).once('end', onEnd).once('close', onEnd);
    if (stream.destroyed || stream.readableEnded) onEnd();
  });
}
