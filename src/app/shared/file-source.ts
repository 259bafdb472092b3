import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { clampRange } from '../../upnp/origin-answer.ts';
import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import { abortable, throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import type { ByteRange, Lease, MediaEntity, MediaSource, OpenMedia } from '../../xpmn/ports/media-source.ts';

/** A file of this machine. Its tag changes with its size, its date, and when another file takes its place. */
export function createFileSource(path: string, { type }: { readonly type: string }): MediaSource {
  async function opened(signal: AbortSignal): Promise<{ file: FileHandle; entity: MediaEntity }> {
    throwIfAborted(signal);
    const file = await openPlainFile(path);
    try {
      const entity = entityOf(await file.stat({ bigint: true }), type);
      throwIfAborted(signal);
      return { file, entity };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  return {
    async probe({ signal }) {
      const { file, entity } = await opened(signal);
      await file.close();
      return entity;
    },
    async open({ range, signal }) {
      const { file, entity } = await opened(signal);
      try {
        return new OpenFile(file, entity, clampRange(range, entity.size));
      } catch (error) {
        await file.close();
        throw error;
      }
    },
  };
}

/** @throws XpmnError `not-found` also for what is no plain file, `not-allowed`, `origin-broken` */
export async function openPlainFile(path: string): Promise<FileHandle> {
  try {
    // Not to wait for the other end of a pipe.
    const file = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    throw failure(error);
  }
  throw new XpmnError('not-found', 'That is no file.');
}

class OpenFile implements OpenMedia {
  readonly entity: MediaEntity;
  readonly range: ByteRange | undefined;
  private readonly file: FileHandle;
  private isClosed = false;

  constructor(file: FileHandle, entity: MediaEntity, range: ByteRange | undefined) {
    this.file = file;
    this.entity = entity;
    this.range = range;
  }

  async read(lease: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    try {
      const { from, to } = this.range ?? { from: 0, to: -1 };
      for (let at = from; at <= to; ) {
        throwIfAborted(signal);
        if (this.isClosed) throw new XpmnError('aborted', 'Nobody wants the file any more.');
        const buffer = lease.buffer();
        const { bytesRead } = await this.file.read(buffer, 0, Math.min(buffer.length, to + 1 - at), at);
        if (bytesRead === 0) throw new XpmnError('truncated', 'The file has become shorter.');
        at += bytesRead;
        throwIfAborted(signal);
        const wait = lease.filled(bytesRead);
        if (wait) await abortable(wait, signal);
      }
    } catch (error) {
      throw failure(error);
    } finally {
      this.close();
    }
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.file.close().catch(() => undefined);
  }
}

function entityOf({ dev, ino, size, mtimeNs }: BigIntStats, type: string): MediaEntity {
  const etag = createHash('sha256').update([dev, ino, size, mtimeNs].join('\n')).digest('base64url').slice(0, 32);
  return { size: Number(size), type, etag };
}

function failure(error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENXIO') return new XpmnError('not-found', 'There is no such file.', { cause: error });
  if (code === 'EACCES' || code === 'EPERM') return new XpmnError('not-allowed', 'The file may not be read.', { cause: error });
  return asXpmnError(error, 'origin-broken');
}
