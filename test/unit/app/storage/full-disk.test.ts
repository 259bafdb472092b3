import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODULE = new URL('../../../../src/app/storage/file-storage.ts', import.meta.url).href;

/** Runs `body` in a process of its own, on a real file system of 64 KiB that only it can see. */
function onTinyDisk(body: string): unknown {
  const directory = mkdtempSync(join(tmpdir(), 'xpmn-disk-'));
  try {
    const script = `
      import { spawnSync } from 'node:child_process';
      import { FileStorage } from '${MODULE}';
      const directory = process.argv[1];
      const failure = (promise) => promise.then(() => 'none', (error) => ({ code: error.code, message: error.message.replace(directory, 'D') }));
      const remount = (how) => spawnSync('mount', ['-o', 'remount,' + how, directory]).status;
      const storage = await FileStorage.open(directory);
      ${body}
      console.log(JSON.stringify(said));`;
    const mount = 'mount -t tmpfs -o size=64k,mode=700 tmpfs "$0" && exec "$@"';
    const isRoot = process.getuid?.() === 0;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script, directory];
    const { stdout, stderr } = spawnSync('unshare', [...(isRoot ? [] : ['--map-root-user']), '--mount', 'sh', '-c', mount, directory, ...node], { encoding: 'utf8' });
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('file storage on a disk that takes no more', function () {
  this.timeout(30_000);

  it('says that the disk is full, keeps the old document and leaves room for small ones', () => {
    const said = onTinyDisk(`
      await storage.put('a', Buffer.from('old'));
      const said = [await failure(storage.put('a', Buffer.alloc(200_000))), String(await storage.get('a')), await failure(storage.put('b', Buffer.alloc(9000)))];`);
    assert.deepEqual(said, [{ code: 'storage-failed', message: "D/a can't be written: the disk is full." }, 'old', 'none']);
  });

  it('says that the state is read-only, and still reads', () => {
    const said = onTinyDisk(`
      await storage.put('a', Buffer.from('old'));
      remount('ro');
      const said = [await failure(storage.put('a', Buffer.from('new'))), await failure(storage.delete('a')), String(await storage.get('a'))];`);
    assert.deepEqual(said, [
      { code: 'storage-failed', message: "D/a can't be written: the file system is read-only." },
      { code: 'storage-failed', message: "D/a can't be deleted: the file system is read-only." },
      'old',
    ]);
  });
});
