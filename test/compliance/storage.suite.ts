import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Storage } from '../../src/xpmn/ports/storage.ts';

/** One place that keeps documents: a directory, or a disk in memory. */
export interface StorageHouse {
  /** A storage on it, as after a restart: it shares nothing with those opened before but what they made durable. */
  open(): Promise<Storage>;
  close(): Promise<void>;
}

export interface StorageHooks<H extends StorageHouse> {
  /** Begins a `put` on the storage and "kills the process" in the middle: at the worst moment before it is durable. */
  dieDuringPut?(house: H, storage: Storage, name: string, content: Uint8Array): Promise<void>;
  /** From now on the house takes no writes (full, or read-only). */
  refuseWrites?(house: H): Promise<void>;
}

const coded = (error: unknown): boolean => error instanceof XpmnError;

/** The contract of `ports/storage.ts`. */
export function describeStorage<H extends StorageHouse>(name: string, setup: () => Promise<H>, hooks: StorageHooks<H> = {}): void {
  describe(`storage: ${name}`, () => {
    let house: H;
    let storage: Storage;

    beforeEach(async () => {
      house = await setup();
      storage = await house.open();
    });
    afterEach(() => house.close());

    it('has nothing at first', async () => {
      assert.equal(await storage.get('a'), undefined);
      assert.deepEqual(await storage.list(''), []);
    });

    it('gives back exactly the bytes, also of an empty and of a large document', async () => {
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      for (const content of [all, Buffer.alloc(0), Buffer.alloc(1 << 20, 7), new Uint8Array(all.buffer, all.byteOffset + 3, 5)]) {
        await storage.put('some/document-1', content);
        assert.deepEqual(await storage.get('some/document-1'), Buffer.from(content));
      }
    });

    it('keeps what was put, not what the caller\'s buffer becomes; and gives copies', async () => {
      const content = Buffer.from('before');
      const put = storage.put('a', content);
      content.write('behind');
      await put;
      const got = await storage.get('a');
      assert.equal(got?.toString(), 'before');
      got?.fill(0);
      assert.equal((await storage.get('a'))?.toString(), 'before');
    });

    it('replaces and deletes; deleting what is not there is done at once', async () => {
      await storage.put('a', Buffer.from('long document'));
      await storage.put('a', Buffer.from('short'));
      assert.equal((await storage.get('a'))?.toString(), 'short');
      await storage.delete('a');
      await storage.delete('a');
      assert.equal(await storage.get('a'), undefined);
      assert.deepEqual(await storage.list(''), []);
    });

    it('lists names by prefix, sorted; a name may also be the beginning of others', async () => {
      for (const document of ['b', 'a/c/d', 'a', 'a/b', 'ab', 'a/b-2']) await storage.put(document, Buffer.from(document));
      assert.deepEqual(await storage.list(''), ['a', 'a/b', 'a/b-2', 'a/c/d', 'ab', 'b']);
      assert.deepEqual(await storage.list('a/'), ['a/b', 'a/b-2', 'a/c/d']);
      assert.deepEqual(await storage.list('a/b'), ['a/b', 'a/b-2']);
      assert.deepEqual(await storage.list('z'), []);
      await storage.delete('a');
      assert.equal((await storage.get('a/b'))?.toString(), 'a/b');
    });

    it('refuses names that are none, before anything is touched', async () => {
      const names = ['', '/', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'A', 'a.b', 'a_b', 'a b', 'ä', 'a\0', 'a\\b', 'a\n'];
      for (const bad of names) {
        await assert.rejects(async () => storage.get(bad), coded, `get ${JSON.stringify(bad)}`);
        await assert.rejects(async () => storage.put(bad, Buffer.from('x')), coded, `put ${JSON.stringify(bad)}`);
        await assert.rejects(async () => storage.delete(bad), coded, `delete ${JSON.stringify(bad)}`);
      }
      assert.deepEqual(await storage.list(''), []);
    });

    it('takes long names', async () => {
      const long = `trust/lists/${'0'.repeat(64)}/devices-${'f'.repeat(64)}`;
      await storage.put(long, Buffer.from('x'));
      assert.deepEqual(await storage.list('trust/'), [long]);
    });

    it('writes to one name in the order of the calls, whatever their size', async () => {
      const sizes = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 300_000 : 10));
      await Promise.all(sizes.map((size, i) => storage.put('a', Buffer.alloc(size, i))));
      assert.deepEqual(await storage.get('a'), Buffer.alloc(sizes.at(-1) as number, sizes.length - 1));
      await Promise.all([storage.put('a', Buffer.from('1')), storage.delete('a'), storage.put('b', Buffer.from('2')), storage.delete('b'), storage.put('b', Buffer.from('3'))]);
      assert.equal(await storage.get('a'), undefined);
      assert.equal((await storage.get('b'))?.toString(), '3');
    });

    it('shows a reader one whole document, old or new, while it is written', async () => {
      await storage.put('a', Buffer.alloc(100_000, 0));
      const writes = Array.from({ length: 10 }, (_, i) => storage.put('a', Buffer.alloc(100_000, i + 1)));
      for (let i = 0; i < 30; i += 1) {
        const seen = await storage.get('a');
        assert.ok(seen && seen.length === 100_000 && seen.every((byte) => byte === seen[0]));
        assert.deepEqual(await storage.list(''), ['a']);
      }
      await Promise.all(writes);
    });

    it('still has after a restart what had resolved before', async () => {
      await storage.put('kept', Buffer.from('1'));
      await storage.put('gone', Buffer.from('2'));
      await storage.delete('gone');
      const after = await house.open();
      assert.deepEqual(await after.list(''), ['kept']);
      assert.equal((await after.get('kept'))?.toString(), '1');
    });

    const { dieDuringPut, refuseWrites } = hooks;
    if (dieDuringPut) {
      it('has the old document, or none, after it died in the middle of a write; and works on', async () => {
        await storage.put('old', Buffer.from('old'));
        await dieDuringPut(house, storage, 'old', Buffer.alloc(100_000, 1));
        const after = await house.open();
        assert.equal((await after.get('old'))?.toString(), 'old');
        await dieDuringPut(house, after, 'new', Buffer.alloc(100_000, 1));
        const again = await house.open();
        assert.equal(await again.get('new'), undefined);
        assert.deepEqual(await again.list(''), ['old']);
        await again.put('new', Buffer.from('new'));
        assert.deepEqual(await again.list(''), ['new', 'old']);
      });
    }
    if (refuseWrites) {
      it('says so when it can\'t write, and keeps the old document', async () => {
        await storage.put('a', Buffer.from('old'));
        await refuseWrites(house);
        await assert.rejects(storage.put('a', Buffer.from('new')), { code: 'storage-failed' });
        await assert.rejects(storage.put('b', Buffer.from('new')), { code: 'storage-failed' });
        assert.equal((await storage.get('a'))?.toString(), 'old');
        assert.deepEqual(await storage.list(''), ['a']);
      });
    }
  });
}
