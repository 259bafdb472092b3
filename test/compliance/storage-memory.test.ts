import { settle } from '../support/fake-clock.ts';
import { MemoryDisk, MemoryStorage } from '../support/memory-storage.ts';
import { describeStorage } from './storage.suite.ts';

class MemoryHouse {
  readonly disk = new MemoryDisk();

  open(): Promise<MemoryStorage> {
    this.disk.isDead = false;
    return Promise.resolve(new MemoryStorage(this.disk));
  }

  async close(): Promise<void> {}
}

describeStorage('memory', () => Promise.resolve(new MemoryHouse()), {
  async dieDuringPut(house, storage, name, content) {
    house.disk.isDead = true;
    void storage.put(name, content);
    await settle();
  },
  async refuseWrites(house) {
    house.disk.isFull = true;
  },
});
