import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MOCHA = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));
const NAMES = ['a', 'b', 'c'];

describe('rejections that nobody waits for', function () {
  this.timeout(30_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-floating-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  for (const [how, more] of [['one file after another', []], ['several at a time', ['--parallel', '--jobs', '2']]] as const) {
    it(`are told with the tests that leave them: ${how}`, async () => {
      const files = NAMES.map((name) => join(folder, `${name}.test.mjs`));
      await Promise.all(NAMES.map((name) => writeFile(join(folder, `${name}.test.mjs`), `it('leaves ${name}', () => void Promise.reject(new Error('nobody')));\n`)));
      const run = fork(MOCHA, ['--config', 'config/mocharc.json', ...more, ...files], { silent: true, execArgv: [] });
      let said = '';
      run.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
      const [code] = (await once(run, 'close')) as [number];
      assert.notEqual(code, 0);
      for (const name of NAMES) assert.match(said, new RegExp(`leaves ${name}: Error: nobody`));
    });
  }
});
