/* eslint-disable @typescript-eslint/no-require-imports -- mocha loads reporters by require */
const { writeFileSync } = require('node:fs');
const Mocha = require('mocha');

/** The spec reporter, which also leaves its totals in the file that TEST_TOTALS names. */
module.exports = class extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      writeFileSync(process.env.TEST_TOTALS, JSON.stringify({ passed: passes, failed: failures }));
    });
  }
};
