import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { run } from '../peers/process.ts';
import { buildProgram } from './support/program.ts';

const RUNS = fileURLToPath(new URL('support/srp-runs.mjs', import.meta.url));
const MIB = 1024 * 1024;

interface Sample {
  readonly heap: number;
  readonly rss: number;
  readonly processes: number;
  readonly descriptors: number;
}

interface Report {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
}

describe('TLS-SRP as it is built', function () {
  this.timeout(300_000);

  before(() => buildProgram());

  it('leaves nothing behind in 300 runs: no process, no descriptor, no memory', async () => {
    const pairs = 150;
    const { outcomes, samples } = JSON.parse(await run([process.execPath, '--expose-gc', RUNS, String(pairs), '2'], { timeout: 280_000 })) as Report;
    // Every third has a wrong PIN.
    assert.deepEqual(outcomes, { 'opened': (pairs * 2) / 3, 'security-failed security-failed': pairs / 3 });
    assert.deepEqual(samples.filter(({ processes }) => processes > 0), []);
    // Warm after some; then it stays where it is.
    const [early, late] = [samples.slice(10, 30), samples.slice(-20)];
    for (const [what, room] of [['heap', 1.5 * MIB], ['rss', 8 * MIB], ['descriptors', 2]] as const) {
      const [before, after] = [Math.max(...early.map((sample) => sample[what])), Math.min(...late.map((sample) => sample[what]))];
      assert.ok(after <= before + room, `${what}: from ${before} to ${after}`);
    }
  });
});
