import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locateHome, openHome } from '../../../../src/app/storage/home.ts';
import type { Home, HomePaths } from '../../../../src/app/storage/home.ts';

describe('home: the state directory', () => {
  let parent: string;
  let paths: HomePaths;
  const open: Home[] = [];
  const opened = async (where = paths): Promise<Home> => {
    const home = await openHome(where);
    open.push(home);
    return home;
  };

  const lock = (): string => join(paths.directory, 'lock');
  /** As one that nobody of this test holds; without a name one that nobody holds. */
  const writeLock = async (name?: string): Promise<void> => {
    await mkdir(lock(), { recursive: true });
    if (name !== undefined) await writeFile(join(lock(), name), '');
  };

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'xpmn-home-'));
    paths = locateHome(join(parent, 'deep/home'), {});
  });
  afterEach(async () => {
    for (const home of open.splice(0)) await home.close();
    await rm(parent, { recursive: true });
  });

  it('is where the user says, else where the environment does', () => {
    assert.equal(locateHome('/a', { XPMN_HOME: '/b' }).directory, '/a');
    assert.equal(locateHome(undefined, { XPMN_HOME: '/b', XDG_STATE_HOME: '/c' }).directory, '/b');
    assert.equal(locateHome(undefined, { XDG_STATE_HOME: '/c', HOME: '/d' }).directory, '/c/xpmn');
    assert.equal(locateHome(undefined, { HOME: '/d' }).directory, '/d/.local/state/xpmn');
    assert.equal(locateHome('/a', {}).controlSocket, '/a/control.sock');
  });

  it('gives up where no directory can be made', async () => {
    await assert.rejects(opened(locateHome('/proc/nowhere/home', {})), { code: 'storage-failed', message: /can't be used: there is no such file or directory\.$/ });
  });

  it('belongs to its owner alone', async () => {
    const { storage } = await opened();
    await storage.put('a/b', Buffer.from('x'));
    const mode = async (path: string): Promise<number> => (await stat(join(paths.directory, path))).mode & 0o777;
    assert.equal(await mode('.'), 0o700);
    assert.equal(await mode('state'), 0o700);
    assert.equal(await mode('state/a.b'), 0o600);
    assert.equal(await mode('lock'), 0o700);
  });

  it('takes back a mode that others could read by', async () => {
    await (await opened()).close();
    await chmod(paths.directory, 0o755);
    await opened();
    assert.equal((await stat(paths.directory)).mode & 0o777, 0o700);
  });

  it('does not take a directory that holds something else', async () => {
    await mkdir(paths.directory, { recursive: true, mode: 0o755 });
    await writeFile(join(paths.directory, 'letters.txt'), '');
    await assert.rejects(opened(), { code: 'storage-failed' });
    assert.equal((await stat(paths.directory)).mode & 0o777, 0o755);
    assert.deepEqual(await readdir(paths.directory), ['letters.txt']);
  });

  it('is of version 1; a newer or damaged one is refused, and left as it is', async () => {
    await (await opened()).close();
    const file = join(paths.directory, 'version');
    assert.equal(await readFile(file, 'utf8'), '1\n');
    for (const [text, said] of [['2\n', /newer version \(2\)/], ['', /damaged/], ['one', /damaged/]] as const) {
      await writeFile(file, text);
      await assert.rejects(opened(), { code: 'storage-failed', message: said });
      assert.equal(await readFile(file, 'utf8'), text);
    }
    await writeFile(file, '1\n');
    await opened();
  });

  it('says what is wrong when a file is in its place', async () => {
    await writeFile(join(parent, 'deep'), '');
    await assert.rejects(opened(), { code: 'storage-failed', message: /deep\/home can't be used: a part of the path is a file/ });
  });

  it('is one process\'s at a time', async () => {
    const first = await opened();
    await assert.rejects(opened(), { code: 'already-running', message: new RegExp(`process ${process.pid}`) });
    await first.close();
    await opened();
  });

  it('leaves the lock alone that another process has taken since', async () => {
    const first = await opened();
    const [mine = ''] = await readdir(lock());
    await rm(join(lock(), mine));
    await writeLock('1--a');
    await first.close();
    assert.deepEqual(await readdir(lock()), ['1--a']);
  });

  it('takes over from a process that died, also where another has its number now', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await (await opened()).close();
    for (const stale of [`${child.pid}-1-a`, `${process.pid}-1-a`, 'no lock', undefined]) {
      await writeLock(stale);
      await (await opened()).close();
    }
    assert.deepEqual((await readdir(paths.directory)).sort(), ['state', 'version']);
  });

  it('is not taken from a process of which the number alone is known', async () => {
    await (await opened()).close();
    await writeLock(`${process.pid}--a`);
    await assert.rejects(opened(), { code: 'already-running' });
    assert.deepEqual((await readdir(paths.directory)).sort(), ['lock', 'state', 'version'], 'and nothing of the attempt is left');
  });

  it('is known to be held by, or left over from, a program before locks were directories', async () => {
    await (await opened()).close();
    await writeFile(lock(), JSON.stringify({ pid: process.pid, began: '' }));
    await assert.rejects(opened(), { code: 'already-running', message: new RegExp(`process ${process.pid}`) });
    for (const stale of [JSON.stringify({ pid: process.pid, began: '1' }), '', '{']) {
      await writeFile(lock(), stale);
      await (await opened()).close();
    }
    assert.deepEqual((await readdir(paths.directory)).sort(), ['state', 'version']);
  });

  it('says so when something else is in its place', async () => {
    await (await opened()).close();
    await mkdir(join(lock(), 'something'), { recursive: true });
    await assert.rejects(opened(), { code: 'storage-failed', message: /lock can't be taken/ });
    assert.deepEqual((await readdir(paths.directory)).sort(), ['lock', 'state', 'version'], 'and nothing of the attempt is left');
  });

  it('goes to exactly one of many who find it stale, each at another point of the other\'s way', async () => {
    await (await opened()).close();
    for (let round = 0; round < 10; round += 1) {
      for (let number = 0; number < 20; number += 1) await writeLock(`${2 ** 22 + 1}-1-${number}`);
      const attempts: Promise<Home>[] = [];
      for (let number = 0; number < 12; number += 1) {
        attempts.push(opened());
        await stat(parent);
      }
      const results = await Promise.allSettled(attempts);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const home of open.splice(0)) await home.close();
    }
  });
});
