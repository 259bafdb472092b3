// Makes a checkout ready and runs it: `node config/setup.mjs start|dev|demo|check|test|ci [arguments]`. Node alone is enough.
import { pathToFileURL } from 'node:url';
import { runTogether } from './setup/check.mjs';
import { ensureBuilt, ensureModules } from './setup/checkout.mjs';
import { ensurePackages } from './setup/debian.mjs';
import { runLayers } from './setup/layers.mjs';
import { ROOT, SetupError } from './setup/common.mjs';

const [task, ...rest] = process.argv.slice(2);

const TASKS = {
  /** The daemon in this very process, so that signals, the terminal and the exit status are its own. */
  async start() {
    ensureModules();
    ensureBuilt();
    const main = new URL('dist/app/main.js', ROOT);
    process.argv = [process.argv[0], main.pathname, 'daemon', ...rest];
    await import(pathToFileURL(main.pathname).href);
  },

  /** The daemon from its sources, started anew at each change, with a media server that is a fake. */
  async dev() {
    ensureModules();
    const { register } = await import('tsx/esm/api');
    register();
    const { runDev } = await import(new URL('test/dev/dev.ts', ROOT).href);
    process.exit(await runDev(rest));
  },

  /** A home, a server and a laptop on this machine: the tour for the eye. */
  async demo() {
    prepareTests();
    const { register } = await import('tsx/esm/api');
    register();
    const { runDemo } = await import(new URL('test/demo/demo.ts', ROOT).href);
    process.exit(await runDemo());
  },

  /** What is quick: for every change. */
  async check() {
    ensureModules();
    process.exitCode = await runTogether(['types', 'lint', 'test:unit']);
  },

  async test() {
    prepareTests();
    process.exitCode = await runLayers();
  },

  /** The tests, and before them types and style as two more that can fail. */
  async ci() {
    prepareTests();
    process.exitCode = await runLayers({ checks: ['types', 'lint'] });
  },

  /** The benches in this very process: JSON on stdout, tables on stderr. */
  async bench() {
    prepareTests(['bench']);
    const main = new URL('test/bench/main.ts', ROOT);
    process.argv = [process.argv[0], main.pathname, ...rest];
    const { register } = await import('tsx/esm/api');
    register();
    await import(main.href);
  },
};

function prepareTests(more = []) {
  ensureModules();
  ensureBuilt();
  ensurePackages(['test', ...more]);
}

try {
  const run = TASKS[task];
  if (!run) throw new SetupError(`usage: node config/setup.mjs ${Object.keys(TASKS).join('|')} [arguments]`);
  await run();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
