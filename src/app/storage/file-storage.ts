import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { SerialQueue } from '../../xpmn/kernel/tasks.ts';
import type { Storage } from '../../xpmn/ports/storage.ts';

/** The part of node:fs/promises that is used; tests put a disk that dies in its place. */
export type Files = Pick<typeof nodeFiles, 'mkdir' | 'open' | 'readFile' | 'readdir' | 'rename' | 'unlink'>;

const NAME = /^[a-z0-9-]+(\/[a-z0-9-]+)*$/;
/** Of a document that is being written; no name ends like that. */
const UNFINISHED = '~';
/** What common file systems take, less the mark. */
const LONGEST_FILE_NAME = 254;

/**
 * Storage over one directory: a document is one file, named like the document with `.` for `/`, so that a name may also
 * be the beginning of others. A write goes to a file beside it, to the disk, and then takes the old one's place.
 */
export class FileStorage implements Storage {
  private readonly directory: string;
  private readonly files: Files;
  private readonly queues = new Map<string, { queue: SerialQueue; waiting: number }>();

  private constructor(directory: string, files: Files) {
    this.directory = directory;
    this.files = files;
  }

  /** Makes the directory if it is missing, and removes what writes that never ended left. @throws XpmnError `storage-failed` */
  static async open(directory: string, files: Files = nodeFiles): Promise<FileStorage> {
    const storage = new FileStorage(directory, files);
    await saying(`${directory} can't be used`, async () => {
      await files.mkdir(directory, { recursive: true, mode: 0o700 });
      const left = (await files.readdir(directory)).filter((file) => file.endsWith(UNFINISHED));
      for (const file of left) await files.unlink(join(directory, file));
    });
    return storage;
  }

  async get(name: string): Promise<Buffer | undefined> {
    const path = this.path(name);
    return saying(`${path} can't be read`, () => unless(['ENOENT'], this.files.readFile(path)));
  }

  async put(name: string, content: Uint8Array): Promise<void> {
    const path = this.path(name);
    const copy = Buffer.from(content);
    await this.inOrder(name, () => saying(`${path} can't be written`, () => this.replace(path, copy)));
  }

  async delete(name: string): Promise<void> {
    const path = this.path(name);
    await this.inOrder(name, () =>
      saying(`${path} can't be deleted`, async () => {
        await unless(['ENOENT'], this.files.unlink(path));
        await syncDirectory(this.directory, this.files);
      }),
    );
  }

  async list(prefix: string): Promise<string[]> {
    const found = await saying(`${this.directory} can't be read`, () => this.files.readdir(this.directory));
    return found
      .map((file) => file.replaceAll('.', '/'))
      .filter((name) => NAME.test(name) && name.startsWith(prefix))
      .sort();
  }

  private async replace(path: string, content: Buffer): Promise<void> {
    const unfinished = path + UNFINISHED;
    try {
      await writeDurably(unfinished, content, this.files);
      await this.files.rename(unfinished, path);
    } catch (error) {
      await this.files.unlink(unfinished).catch(() => undefined);
      throw error;
    }
    await syncDirectory(this.directory, this.files);
  }

  private async inOrder(name: string, work: () => Promise<void>): Promise<void> {
    const entry = this.queues.get(name) ?? { queue: new SerialQueue(), waiting: 0 };
    this.queues.set(name, entry);
    entry.waiting += 1;
    try {
      await entry.queue.run(work);
    } finally {
      entry.waiting -= 1;
      if (entry.waiting === 0) this.queues.delete(name);
    }
  }

  private path(name: string): string {
    const file = name.replaceAll('/', '.');
    if (!NAME.test(name) || file.length > LONGEST_FILE_NAME) throw new XpmnError('storage-failed', 'That is not the name of a document.');
    return join(this.directory, file);
  }
}

/** A file that is wholly on the disk when this resolves; only its owner can read it. */
async function writeDurably(path: string, content: Buffer, files: Files): Promise<void> {
  const handle = await files.open(path, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Names are durable only when their directory is. */
async function syncDirectory(directory: string, files: Files): Promise<void> {
  const handle = await files.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What it comes to; undefined where it fails with one of these codes of the system. */
export async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full', EDQUOT: 'the disk quota is used up', EROFS: 'the file system is read-only', EACCES: 'permission is denied',
  EPERM: 'permission is denied', ENOTDIR: 'a part of the path is a file', EEXIST: 'a file is in its place', EISDIR: 'a directory is in its place',
  ENOENT: 'there is no such file or directory',
};

/** Runs `work`; its failures become `storage-failed` with `what` and a reason in words. */
export async function saying<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof XpmnError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new XpmnError('storage-failed', `${what}: ${REASONS[code ?? ''] ?? message}.`, { cause: error });
  }
}
