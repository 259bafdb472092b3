import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, run, startProcess } from '../../peers/process.ts';
import { Unrecoverable, waitUntil } from '../../peers/wait.ts';

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Gone, or dead and waiting for its parent. */
async function gone(pid: number): Promise<boolean> {
  if (!alive(pid)) return true;
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return / Z/.test(status.slice(status.lastIndexOf(')')));
}

describe('a managed process', () => {
  it('ends on TERM with its whole group', async () => {
    const shell = await startProcess('shell', ['sh', '-c', 'sleep 100 & echo child $!; wait']);
    const [, child] = await shell.said(/child (\d+)/);
    const exit = await shell.stop();
    assert.equal(exit.signal, 'SIGTERM');
    assert.equal(shell.running, false);
    await waitUntil('the grandchild is gone', () => gone(Number(child)));
    assert.deepEqual(await shell.stop(), exit);
  });

  it('is killed when it ignores TERM', async () => {
    const shell = await startProcess('deaf', ['sh', '-c', 'trap "" TERM; echo deaf; while :; do sleep 100; done'], { grace: 100 });
    await shell.said(/deaf/);
    assert.equal((await shell.stop()).signal, 'SIGKILL');
  });

  it('dies with the process that started it', async () => {
    const script = `import('${new URL('../../peers/process.ts', import.meta.url).href}').then(async ({ startProcess }) => {
      const child = await startProcess('orphan', ['sleep', '100']);
      console.log('child ' + child.pid);
    })`;
    const parent = await startProcess('parent', [process.execPath, '--import', 'tsx', '-e', script]);
    const [, child] = await parent.said(/child (\d+)/);
    assert.ok(alive(Number(child)));
    parent.kill('SIGKILL');
    await waitUntil('the child is gone', () => gone(Number(child)));
    await parent.stop();
  });

  it('keeps a log no longer than its bound, and reads on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xpmn-process-'));
    try {
      const log = join(folder, 'log');
      const yes = await startProcess('yes', ['sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x; echo; echo end'], { log, logLimit: 1000 });
      await yes.exited;
      assert.match(yes.output(), /end/);
      assert.ok((await stat(log)).size < 1100);
      assert.match(await readFile(log, 'utf8'), /cut here/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says what it printed when it ends before it said the expected', async () => {
    const shell = await startProcess('shell', ['sh', '-c', 'echo no such file; exit 3']);
    await assert.rejects(shell.said(/ready/), /no such file/);
    assert.equal((await shell.exited).code, 3);
  });

  it('ends at once with an exit code when there is no such program', async () => {
    const process = await startProcess('nobody', ['/nonexistent/program']);
    assert.notEqual((await process.exited).code, 0);
  });
});

describe('run', () => {
  it('gives stdout, and an error with stderr', async () => {
    assert.equal(await run(['cat'], { input: 'text' }), 'text');
    await assert.rejects(run(['sh', '-c', 'echo why >&2; exit 1']), /why/);
  });
});

describe('waitUntil', () => {
  it('names what it waited for, with the last error, and stops at an unrecoverable one', async () => {
    await assert.rejects(waitUntil('rain', () => false, { timeout: 1, interval: 1 }), /rain/);
    const dry = new Unrecoverable('a desert');
    await assert.rejects(waitUntil('rain', () => Promise.reject(dry)), dry);
  });
});

describe('freePort', () => {
  it('gives a port that can be listened on', async () => {
    const { createServer } = await import('node:net');
    const server = createServer().listen(await freePort(), '127.0.0.1');
    await once(server, 'listening');
    server.close();
  });
});
