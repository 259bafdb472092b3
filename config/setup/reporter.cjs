/* eslint-disable @typescript-eslint/no-require-imports -- mocha loads reporters by require */
const { writeFileSync } = require('node:fs');
const Mocha = require('mocha');

/** How much of an error is repeated at the end of the run: its message and where it came from. In characters. */
const REPEATED = 2000;

/** The spec reporter, which also leaves its totals and what failed in the file that TEST_TOTALS names. */
module.exports = class extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      const faults = this.failures.map((test) => `${test.fullTitle()}\n${String(test.err?.stack ?? test.err).slice(0, REPEATED)}`);
      writeFileSync(process.env.TEST_TOTALS, JSON.stringify({ passed: passes, failed: failures, faults }));
    });
  }
};
