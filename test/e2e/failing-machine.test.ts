import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LibraryEntry } from '../../src/app/gateway-api.ts';
import { createLan } from '../peers/lan.ts';
import type { Lan } from '../peers/lan.ts';
import { generateFilm } from '../peers/media.ts';
import { run } from '../peers/process.ts';
import { browseAll, sha256 } from './support/crawl.ts';
import { heldAgain } from './support/held.ts';
import { Machine } from './support/machine.ts';
import { buildProgram } from './support/program.ts';
import { World } from './support/world.ts';

/** Mounts an empty file system of a few bytes, and takes it away after `work`. */
async function withDisk(path: string, options: string, work: () => Promise<void>): Promise<void> {
  await mkdir(path, { recursive: true });
  await run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  try {
    await work();
  } finally {
    await run(['umount', '-l', path]);
  }
}

describe('a machine in trouble', function () {
  this.timeout(120_000);
  let lan: Lan;
  let machine: Machine;

  before(async () => {
    await buildProgram();
    lan = await createLan({ hosts: 1 });
    machine = await Machine.create({ ns: lan.hosts[0]?.ns as string });
  });

  after(async () => {
    await machine?.remove();
    await lan?.close();
  });

  const startFails = async (): Promise<{ code: number | null; stderr: string }> => machine.xpmn(['daemon'], { timeout: 20_000 });

  it('refuses a state directory that can not be written', async () => {
    await withDisk(machine.home, 'ro,size=64k', async () => {
      const { code, stderr } = await startFails();
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^xpmn: storage-failed: .*\n$/m);
    });
  });

  it('refuses a state directory that has no room', async () => {
    await withDisk(machine.home, 'size=4k,mode=700', async () => {
      await writeFile(join(machine.home, 'config.json'), `{}${' '.repeat(4000)}`);
      const { code, stderr } = await startFails();
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^xpmn: storage-failed: /m);
    });
  });

  it('lets no second daemon on one state; the first works on', async () => {
    await machine.start();
    const { code, stderr } = await startFails();
    assert.equal(code, 1);
    assert.match(stderr, /^xpmn: already-running: /m);
    assert.ok((await machine.status()).jid.length > 0);
    assert.deepEqual(await machine.stop(), { code: 0, signal: null });
  });

  it('starts again on the state that a killed daemon left', async () => {
    await machine.start();
    const { jid } = await machine.status();
    machine.daemon?.kill('SIGKILL');
    await machine.stop();
    assert.ok((await readdir(machine.home)).includes('control.sock'));
    await machine.start();
    assert.equal((await machine.status()).jid, jid);
    await machine.stop();
  });

  it('says that no daemon runs', async () => {
    const { code, stderr } = await machine.xpmn(['devices']);
    assert.equal(code, 3);
    assert.match(stderr, /^xpmn: not-running: /);
  });
});

describe('a full disk where a film should go', function () {
  this.timeout(120_000);

  it('is said, and harms nobody; with room the film comes', async () => {
    const world = await World.create({ hosts: 2, media: (directory) => generateFilm(directory, 30_000_000) });
    try {
      const [, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
      const b = await world.join(a, world.network.out);
      const nas = await b.library();
      const film = (await browseAll(b, nas.id)).find(({ title }) => title === 'film') as LibraryEntry & { uri: string };
      const source = await readFile(join(world.media, 'film.ts'));
      assert.equal((await b.xpmn(['get', film.uri, '-o', join(b.folder, 'first')])).code, 0);
      const clean = await heldAgain([a, b]);
      const disk = join(b.folder, 'disk');
      await withDisk(disk, 'size=4m', async () => {
        const { code, stderr } = await b.xpmn(['get', film.uri, '-o', join(disk, 'film')]);
        assert.equal(code, 1, stderr);
        assert.match(stderr, /^xpmn: storage-failed: /m);
        const left = await readdir(disk);
        assert.ok(!left.includes('film'), left.join());
        assert.ok(source.subarray(0, 4_000_000).equals((await readFile(join(disk, 'film.part'))).subarray(0, 4_000_000)));
      });
      await clean();
      const target = join(b.folder, 'film');
      assert.equal((await b.xpmn(['get', film.uri, '-o', target])).code, 0);
      assert.equal(sha256(await readFile(target)), sha256(source));
      assert.ok(a.isAlive && b.isAlive);
    } finally {
      await world.close();
    }
  });
});
