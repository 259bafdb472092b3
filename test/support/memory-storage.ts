import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Storage } from '../../src/xpmn/ports/storage.ts';

/** What a disk is to a FileStorage: outlives the MemoryStorage on it, can be full, can lose its power. */
export class MemoryDisk {
  readonly documents = new Map<string, Buffer>();
  /** While set, writes fail like those to a full disk. */
  isFull = false;
  /** While set, writes never come back: the process died in the middle of one. */
  isDead = false;
  writes = 0;
  private failure: { readonly after: number; readonly how: 'isFull' | 'isDead'; readonly tell: () => void } | undefined;

  /** Takes so many writes more, then is full, or dead; resolves when a write finds it so. */
  failAfter(writes: number, how: 'isFull' | 'isDead'): Promise<void> {
    return new Promise((tell) => {
      this.failure = { after: this.writes + writes, how, tell };
    });
  }

  /** As a machine finds it that starts again: with what was written, and nothing wrong with it. */
  restarted(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [name, content] of this.documents) disk.documents.set(name, content);
    return disk;
  }

  /** A write is about to happen. */
  beginWrite(): void {
    if (!this.failure || this.writes < this.failure.after) return;
    this[this.failure.how] = true;
    this.failure.tell();
  }
}

/** Storage in memory, with the contract of the real one. Each step takes a turn of the event loop, like a disk's. */
export class MemoryStorage implements Storage {
  readonly disk: MemoryDisk;
  private readonly tails = new Map<string, Promise<void>>();

  constructor(disk = new MemoryDisk()) {
    this.disk = disk;
  }

  async get(name: string): Promise<Buffer | undefined> {
    checkName(name);
    await turn();
    const found = this.disk.documents.get(name);
    return found && Buffer.from(found);
  }

  put(name: string, content: Uint8Array): Promise<void> {
    const copy = Buffer.from(content);
    return this.write(name, () => this.disk.documents.set(name, copy));
  }

  delete(name: string): Promise<void> {
    return this.write(name, () => this.disk.documents.delete(name));
  }

  async list(prefix: string): Promise<string[]> {
    await turn();
    return [...this.disk.documents.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  private async write(name: string, change: () => void): Promise<void> {
    checkName(name);
    const before = this.tails.get(name);
    const done = (async () => {
      await before?.catch(() => undefined);
      await turn();
      this.disk.beginWrite();
      if (this.disk.isDead) await new Promise(() => undefined);
      if (this.disk.isFull) throw new XpmnError('storage-failed', 'The disk is full.');
      this.disk.writes += 1;
      change();
    })();
    this.tails.set(name, done);
    await done;
  }
}

function checkName(name: string): void {
  if (!/^[a-z0-9-]+(\/[a-z0-9-]+)*$/.test(name)) throw new XpmnError('storage-failed', 'That is not the name of a document.');
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
