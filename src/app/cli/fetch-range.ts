import { createWriteStream } from 'node:fs';
import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import { abortReason } from '../../xpmn/kernel/tasks.ts';
import { saying } from '../storage/file-storage.ts';
import { failureOf } from './fetch-failure.ts';

export interface RangeToFetch {
  readonly url: string;
  readonly etag: string;
  /** Bytes of the entity; undefined: a live one, which has no ranges. */
  readonly size: number | undefined;
  readonly from: number;
  /** Last byte; undefined exactly if the size is. */
  readonly to: number | undefined;
}

/**
 * Appends these bytes to a file, and nothing else.
 * @throws XpmnError `entity-changed` before a byte was written, if it is another entity now; `connection-lost`; `storage-failed`
 */
export async function fetchRange(wanted: RangeToFetch, file: string, { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: (count: number) => void }): Promise<void> {
  const response = await request(wanted, signal);
  try {
    checkAnswer(wanted, response);
  } catch (error) {
    response.destroy();
    throw error;
  }
  let count = 0;
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      count += chunk.length;
      onBytes(chunk.length);
      yield chunk;
    }
  }
  const sink = createWriteStream(file, { flags: 'a', flush: true });
  // Each is destroyed with the other's error: the first to fail is the one that did.
  let failed: 'way' | 'disk' | undefined;
  response.once('error', () => (failed ??= 'way'));
  sink.once('error', () => (failed ??= 'disk'));
  try {
    await pipeline(response, counted, sink, { signal });
  } catch (error) {
    if (signal.aborted) throw abortReason(signal);
    if (failed === 'disk') await saying(`${file} can't be written`, () => Promise.reject(error as Error));
    throw new XpmnError('connection-lost', 'The transfer broke off.', { cause: error });
  }
  if (wanted.to !== undefined && count !== wanted.to - wanted.from + 1) throw new XpmnError('truncated', 'The transfer ended early.');
}

function request({ url, etag, size, from, to }: RangeToFetch, signal: AbortSignal): Promise<IncomingMessage> {
  const isWhole = size === undefined || (from === 0 && to === size - 1);
  const headers = isWhole ? {} : { Range: `bytes=${from}-${to}`, ...(etag === '' ? {} : { 'If-Range': `"${etag}"` }) };
  return new Promise((resolve, reject) => {
    http.get(url, { headers, signal, agent: false }, resolve).on('error', (error) => {
      reject(signal.aborted ? abortReason(signal) : new XpmnError('connection-lost', 'The media port does not answer.', { cause: error }));
    });
  });
}

function checkAnswer({ etag, size, from, to }: RangeToFetch, response: IncomingMessage): void {
  const { statusCode, headers } = response;
  if (statusCode !== 200 && statusCode !== 206) throw failureOf(response);
  if (etag !== '' && headers.etag !== `"${etag}"`) throw changed();
  if (size === undefined || to === undefined) return;
  // The whole instead of a part: that is how a changed entity is told.
  if (statusCode === 200 ? from !== 0 || to !== size - 1 : headers['content-range'] !== `bytes ${from}-${to}/${size}`) throw changed();
  if (headers['content-length'] !== String(to - from + 1)) throw changed();
}

function changed(): XpmnError {
  return new XpmnError('entity-changed', 'The item has changed.');
}

export function isChanged(error: unknown): boolean {
  return asXpmnError(error).code === 'entity-changed';
}
