import type { Lease, OpenMedia } from '../../ports/media-source.ts';
import { throwIfAborted } from '../../kernel/tasks.ts';

/** Small payloads, such as a stanza's XML: bytes at hand, or as they are made. */
export type Content = Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** `content` as a source, for the same path as media. */
export function mediaOf(content: Content): OpenMedia {
  const parts = content instanceof Uint8Array ? [content] : content;
  const size = Array.isArray(parts) ? (parts as Uint8Array[]).reduce((sum, part) => sum + part.length, 0) : undefined;
  return {
    entity: { size, type: 'application/octet-stream', etag: '' },
    range: size ? { from: 0, to: size - 1 } : undefined,
    read: async (lease, { signal }) => {
      for await (const part of parts as Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
        throwIfAborted(signal);
        await copyInto(lease, part);
      }
    },
    close: () => undefined,
  };
}

async function copyInto(lease: Lease, part: Uint8Array): Promise<void> {
  for (let at = 0; at < part.length; ) {
    const room = lease.buffer();
    const count = Math.min(room.length, part.length - at);
    room.set(part.subarray(at, at + count));
    at += count;
    await lease.filled(count);
  }
}
