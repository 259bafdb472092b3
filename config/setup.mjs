// Makes a checkout ready and runs it: `node config/setup.mjs start|dev|demo|test|ci [arguments]`. Node alone is enough.
import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
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

  /** The daemon from its sources, started anew at each change. */
  async dev() {
    ensureModules();
    const argv = ['--watch', '--import', 'tsx', 'src/app/main.ts', 'daemon', ...rest];
    const child = spawn(process.execPath, argv, { cwd: ROOT, stdio: 'inherit' });
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    process.on('SIGINT', () => undefined);
    child.on('exit', (code) => (process.exitCode = code ?? 1));
  },

  /** A home, a server and a laptop on this machine: the tour for the eye. */
  async demo() {
    prepareTests();
    const { register } = await import('tsx/esm/api');
    register();
    const { runDemo } = await import(new URL('test/demo/demo.ts', ROOT).href);
    process.exit(await runDemo());
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
