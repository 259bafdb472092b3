import type { Storage } from '../xpmn/ports/storage.ts';

/** Names that nothing reads; what a crash leaves there goes with the next take-over. */
const TRIAL = 'trial/';

/** A state that is made whole in memory, before it takes the place of another one on a disk. */
export class StagedStorage implements Storage {
  /** In the order in which they were written last. */
  private readonly documents = new Map<string, Buffer>();

  get(name: string): Promise<Buffer | undefined> {
    return Promise.resolve(this.documents.get(name));
  }

  put(name: string, content: Uint8Array): Promise<void> {
    this.documents.delete(name);
    this.documents.set(name, Buffer.from(content));
    return Promise.resolve();
  }

  delete(name: string): Promise<void> {
    this.documents.delete(name);
    return Promise.resolve();
  }

  list(prefix: string): Promise<string[]> {
    return Promise.resolve([...this.documents.keys()].filter((name) => name.startsWith(prefix)).sort());
  }

  /** Whether there is room for all of it: as much is written, without the secrets, and deleted. @throws XpmnError `storage-failed` */
  async tryOn(storage: Storage): Promise<void> {
    const written: string[] = [];
    try {
      for (const { length } of this.documents.values()) {
        const name = `${TRIAL}${written.length}`;
        written.push(name);
        await storage.put(name, Buffer.alloc(length, ' '));
      }
    } finally {
      for (const name of written) await storage.delete(name).catch(() => undefined);
    }
  }

  /** Each in its turn. @throws XpmnError `storage-failed` */
  async writeTo(storage: Storage): Promise<void> {
    for (const [name, content] of this.documents) await storage.put(name, content);
  }
}
