import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const RUNNER = new URL('../../config/setup/layers.mjs', import.meta.url).href;

/** Runs the layers over files that are written for it; what a test run says of itself is only worth this proof. */
async function layers(files: Readonly<Record<string, string>>): Promise<{ status: number | null; last: string; text: string }> {
  const tests = await mkdtemp(join(tmpdir(), 'xpmn-layers-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(tests, path)), { recursive: true });
      await writeFile(join(tests, path), text);
    }
    const script = `import { runLayers } from '${RUNNER}';
      const bounds = { whole: 90_000, lingering: 5_000 };
      process.exitCode = await runLayers({ tests: process.argv[1], bounds });`;
    const argv = ['--input-type=module', '-e', script, tests];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '', text: stdout + stderr };
  } finally {
    await rm(tests, { recursive: true, force: true });
  }
}

const GOOD = "it('is good', () => undefined);";

describe('the run of all layers', function () {
  this.timeout(120_000);

  it('adds up the layers, in their order', async () => {
    const { status, last, text } = await layers({ 'e2e/b.test.ts': GOOD, 'architecture.test.ts': GOOD, 'unit/deep/a.test.ts': GOOD });
    assert.equal(last, '3 passed, 0 failed');
    assert.equal(status, 0);
    assert.match(text, /unit: 2 files[^]*compliance: 0 files[^]*e2e: 1 files/);
  });

  it('fails when one case fails, whatever passes after it', async () => {
    const { status, last } = await layers({ 'unit/a.test.ts': "it('is bad', () => { throw new Error('bad'); });", 'e2e/b.test.ts': GOOD });
    assert.equal(last, '1 passed, 1 failed');
    assert.equal(status, 1);
  });

  it('tells once more at the end what failed, of every layer', async () => {
    const bad = (why: string): string => `describe('a thing', () => it('is bad', () => { throw new Error('${why}'); }));`;
    const { text } = await layers({ 'unit/a.test.ts': bad('too thin'), 'e2e/b.test.ts': "throw new Error('no');", 'e2e/c.test.ts': bad('too thick'), 'e2e/d.test.ts': GOOD });
    const end = text.slice(text.indexOf('== what failed'));
    assert.match(end, /a thing is bad\nError: too thin\n +at [^]*a thing is bad\nError: too thick/);
    assert.match(end, /FAILED: e2e, b\.test\.ts/);
    assert.doesNotMatch(end, /is good/);
  });

  it('fails when no test ran', async () => {
    const { status, last } = await layers({ 'unit/a.test.ts': '' });
    assert.equal(last, '0 passed, 0 failed');
    assert.equal(status, 1);
  });

  it('fails when a test is skipped', async () => {
    const { status } = await layers({ 'unit/a.test.ts': `${GOOD} it.skip('is skipped', () => undefined);` });
    assert.equal(status, 1);
  });

  it('fails when a file does not load, or ends the process', async () => {
    const { status, last } = await layers({ 'unit/a.test.ts': "throw new Error('no');", 'e2e/b.test.ts': "it('quits', () => process.exit(0));" });
    assert.equal(status, 1);
    assert.match(last, /, 2 failed$/);
  });

  it('fails when a layer leaves something open', async () => {
    const { status, last, text } = await layers({ 'unit/a.test.ts': `setInterval(() => undefined, 1000); ${GOOD}` });
    assert.equal(last, '1 passed, 1 failed');
    assert.equal(status, 1);
    assert.match(text, /left open/);
  });

  it('counts files that run beside each other, and says which of them left something open', async () => {
    const { last, text } = await layers({ 'e2e/a.test.ts': `setInterval(() => undefined, 1000); ${GOOD}`, 'e2e/b.test.ts': GOOD, 'e2e/c.test.ts': GOOD });
    assert.equal(last, '3 passed, 1 failed');
    assert.match(text, /FAILED: e2e, a\.test\.ts: .*left open/);
  });
});
