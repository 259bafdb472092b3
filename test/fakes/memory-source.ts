import { createHash } from 'node:crypto';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { throwIfAborted, abortable } from '../../src/xpmn/kernel/tasks.ts';
import type { ByteRange, Lease, MediaEntity, MediaSource, OpenMedia, RangeRequest } from '../../src/xpmn/ports/media-source.ts';

/** Bytes in memory as a media source. `endAfter` bytes the "origin" breaks. */
export function memorySource(content: Buffer, { type = 'video/mp4', endAfter = Infinity }: { type?: string; endAfter?: number } = {}): MediaSource {
  const entity: MediaEntity = { size: content.length, type, etag: createHash('sha256').update(content).digest('base64url').slice(0, 32) };
  return {
    probe: ({ signal }) => {
      throwIfAborted(signal);
      return Promise.resolve(entity);
    },
    open: async ({ range, signal }) => {
      await Promise.resolve();
      throwIfAborted(signal);
      return openMemory(content, entity, clamp(range, content.length), endAfter);
    },
  };
}

function openMemory(content: Buffer, entity: MediaEntity, range: ByteRange | undefined, endAfter: number): OpenMedia {
  return {
    entity,
    range,
    close: () => undefined,
    read: async (lease: Lease, { signal }) => {
      if (!range) return;
      for (let at = range.from; at <= range.to; ) {
        throwIfAborted(signal);
        if (at - range.from >= endAfter) throw new XpmnError('truncated', 'The file ended too early.');
        const buffer = lease.buffer();
        const count = Math.min(buffer.length, range.to + 1 - at, endAfter - (at - range.from));
        content.copy(buffer, 0, at, at + count);
        at += count;
        const wait = lease.filled(count);
        if (wait) await abortable(wait, signal);
        else if (at % (1 << 20) < count) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function clamp(range: RangeRequest | undefined, size: number): ByteRange | undefined {
  const from = range === undefined ? 0 : 'last' in range ? Math.max(0, size - range.last) : range.from;
  const to = Math.min(size - 1, (range && 'to' in range ? range.to : undefined) ?? size - 1);
  if (size === 0 && from === 0) return undefined;
  if (from > to || (range && 'last' in range && range.last === 0)) throw new XpmnError('range-not-satisfiable', 'Outside.', { details: { size } });
  return { from, to };
}
