import * as nodeFiles from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStorage } from '../../src/app/storage/file-storage.ts';
import type { Files } from '../../src/app/storage/file-storage.ts';
import { describeStorage } from './storage.suite.ts';

/** A directory; `stopBeforeRename` is the moment at which everything is written and nothing is durable. */
class DirectoryHouse {
  readonly directory: string;
  stopBeforeRename: (() => void) | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  open(): Promise<FileStorage> {
    this.stopBeforeRename = undefined;
    return FileStorage.open(this.directory, { ...nodeFiles, rename: ((from, to) => this.rename(String(from), String(to))) as Files['rename'] });
  }

  close(): Promise<void> {
    return nodeFiles.rm(this.directory, { recursive: true });
  }

  private rename(from: string, to: string): Promise<void> {
    if (!this.stopBeforeRename) return nodeFiles.rename(from, to);
    this.stopBeforeRename();
    return new Promise(() => undefined);
  }
}

describeStorage('file', async () => new DirectoryHouse(await nodeFiles.mkdtemp(join(tmpdir(), 'xpmn-storage-'))), {
  async dieDuringPut(house, storage, name, content) {
    await new Promise<void>((resolve) => {
      house.stopBeforeRename = resolve;
      void storage.put(name, content);
    });
  },
  async refuseWrites(house) {
    // Root writes to read-only directories, too: what nobody can write to is a directory in the file's place.
    for (const name of ['a', 'b']) await nodeFiles.mkdir(join(house.directory, `${name}~`));
  },
});
