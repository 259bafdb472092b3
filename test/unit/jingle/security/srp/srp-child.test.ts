import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XpmnError } from '../../../../../src/xpmn/kernel/errors.ts';
import { deferred } from '../../../../../src/xpmn/kernel/tasks.ts';
import { SrpChild } from '../../../../../src/xpmn/jingle/security/srp/srp-child.ts';
import { waitUntil } from '../../../../peers/wait.ts';
import { settings } from '../../../../support/settings.ts';
import { alive } from '../../../../support/srp-parties.ts';

/** What a process does that was taken over by whoever it talked to. */
const TAKEN_OVER: Readonly<Record<string, string>> = {
  'says what is no frame': 'process.stdout.write("<html>");',
  'says more than it may': 'process.stdout.write(Buffer.from([22, 255, 255]));',
  'says what does not belong there': 'process.stdout.write(Buffer.from([19, 0, 0]));',
  'says what only we say': 'process.stdout.write(Buffer.from([2, 0, 0]));',
  'talks without end': 'for (;;) process.stdout.write(Buffer.alloc(65536, 17));',
};

describe('a process for TLS-SRP', function () {
  this.timeout(20_000);
  let state: string;

  before(async () => (state = await mkdtemp(join(tmpdir(), 'xpmn-srp-'))));
  after(() => rm(state, { recursive: true, force: true }));

  /** Runs another program in its place, and refuses every frame but `ready`. */
  async function start(code: string): Promise<{ gone: Promise<XpmnError>; pid: Promise<number> }> {
    const [program, pidFile] = ['program.mjs', 'pid'].map((name) => join(state, name)) as [string, string];
    await rm(pidFile, { force: true });
    await writeFile(program, `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => undefined, 1000); ${code}`);
    const gone = deferred<XpmnError>();
    new SrpChild({
      onFrame: ({ name }) => {
        if (name !== 'ready') throw new XpmnError('out-of-order', name);
      },
      onGone: (error) => gone.resolve(error),
    }, settings.srp, program);
    const pid = waitUntil('it runs', async () => Number(await readFile(pidFile, 'utf8')));
    // Not every test asks for it.
    pid.catch(() => undefined);
    return { gone: gone.promise, pid };
  }

  for (const [what, code] of Object.entries(TAKEN_OVER)) {
    it(`is ended when it ${what}`, async () => {
      const { gone, pid } = await start(code);
      assert.equal((await gone).code, 'security-failed');
      const id = await pid;
      await waitUntil('it is gone', async () => !(await alive(id)));
    });
  }

  it('is missed when it ends by itself', async () => {
    const { gone } = await start('process.exit(3);');
    assert.match((await gone).message, /ended \(3\)/);
  });
});
