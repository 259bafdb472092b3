import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the demonstration', function () {
  this.timeout(180_000);
  let place: string;
  let temporary: string;

  before(async () => {
    place = await mkdtemp(join(tmpdir(), 'xpmn-demo-test-'));
    temporary = join(place, 'tmp');
    await mkdir(temporary);
    // other users' programs work in there, too
    await run(['chmod', '755', place, temporary]);
  });

  after(() => rm(place, { recursive: true, force: true }));

  /** As npm runs it. */
  function startDemo(path = process.env.PATH): Promise<ManagedProcess> {
    const env = { ...process.env, PATH: path, TMPDIR: temporary };
    return startProcess('demo', [process.execPath, 'config/setup.mjs', 'demo'], { cwd: ROOT, env, grace: 60_000 });
  }

  async function assertNothingIsLeft({ pid }: ManagedProcess): Promise<void> {
    const spaces = (await run(['ip', 'netns', 'list'])).split('\n').filter((line) => line.startsWith(`xpmn-${pid}-`));
    // what stays is there to be used again: generated media, compiled sources
    const files = (await readdir(temporary)).filter((name) => !/^(xpmn-media|tsx)-/.test(name));
    assert.deepEqual([...spaces, ...files], []);
  }

  it('shows a film of a NAS far away, every step as it should be', async () => {
    const demo = await startDemo();
    const { code } = await demo.exited;
    assert.equal(code, 0, demo.output());
    assert.match(lastLine(demo), /^demo: \d+ steps, all as they should be, in \d+\.\d\d s$/);
    assert.ok(demo.output().split('\n').every((line) => [...line].length <= 100));
    await assertNothingIsLeft(demo);
  });

  it('fails when a step is not what it should be', async () => {
    const fakes = join(place, 'fakes');
    await mkdir(fakes);
    await writeFile(join(fakes, 'ffprobe'), '#!/bin/sh\necho broken >&2\nexit 1\n', { mode: 0o755 });
    const demo = await startDemo(`${fakes}:${process.env.PATH}`);
    const { code } = await demo.exited;
    assert.equal(code, 1, demo.output());
    assert.match(demo.output(), /✗ ffprobe: broken/);
    assert.match(lastLine(demo), /^demo: FAILED at step \d+$/);
    await assertNothingIsLeft(demo);
  });

  it('takes everything down on Ctrl-C', async () => {
    const demo = await startDemo();
    await demo.said(/home is online/, 120_000);
    demo.kill('SIGINT');
    assert.deepEqual(await demo.exited, { code: 130, signal: null });
    assert.equal(lastLine(demo), 'demo: interrupted');
    await assertNothingIsLeft(demo);
  });
});

function lastLine(demo: ManagedProcess): string {
  return demo.output().trimEnd().split('\n').at(-1) ?? '';
}
