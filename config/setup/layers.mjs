import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './common.mjs';

const root = fileURLToPath(ROOT);
const LAYERS = ['unit', 'compliance', 'scenario', 'interop', 'e2e'];
/** Their files know nothing of each other, and mostly wait: two at a time. What they leave open is not noticed then; the first layer, which has most, and those with real programs go by themselves. */
const TOGETHER = ['compliance', 'scenario'];
/** The whole run; a layer that ends its tests but not its process has left something open. In milliseconds. */
const BOUNDS = { whole: 28 * 60_000, lingering: 30_000 };

/**
 * Runs every layer of tests in a mocha of its own and prints the totals, alone on the last line. Gives the exit code:
 * 0 only if something ran and nothing failed. A layer whose process ends badly, or not at all, counts as a failure.
 */
export async function runLayers({ tests = join(root, 'test'), checks = [], bounds = BOUNDS } = {}) {
  const end = Date.now() + bounds.whole;
  const total = { passed: 0, failed: 0 };
  const add = ({ passed, failed }) => {
    total.passed += passed;
    total.failed += failed;
  };
  for (const check of checks) {
    const script = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts[check];
    const { code, why } = await supervise(['sh', '-c', script], { end });
    console.log(`${code === 0 ? 'passed' : 'FAILED'}: ${check}${why === undefined ? '' : `: ${why}`}`);
    add(code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
  }
  for (const layer of LAYERS) {
    const files = testFiles(tests, layer);
    console.log(`\n== ${layer}: ${files.length} files`);
    if (files.length > 0) add(await runLayer(layer, files, { end, lingering: bounds.lingering }));
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** The architecture test stands beside the layers and belongs to the first. */
function testFiles(tests, layer) {
  const found = (folder, recursive) =>
    existsSync(folder) ? readdirSync(folder, { recursive }).filter((name) => name.endsWith('.test.ts')).map((name) => join(folder, name)).sort() : [];
  return [...(layer === 'unit' ? found(tests, false) : []), ...found(join(tests, layer), true)];
}

async function runLayer(layer, files, { end, lingering }) {
  const folder = mkdtempSync(join(tmpdir(), 'xpmn-totals-'));
  const totals = join(folder, 'totals.json');
  try {
    const reporter = join(root, 'config/setup/reporter.cjs');
    const argv = ['node_modules/mocha/bin/mocha.js', '--config', 'config/mocharc.json', '--reporter', reporter, ...(TOGETHER.includes(layer) ? ['--parallel', '--jobs', '2'] : []), ...files];
    const { code, why } = await supervise([process.execPath, ...argv], { end, totals, lingering });
    const complete = existsSync(totals);
    const counted = complete ? JSON.parse(readFileSync(totals, 'utf8')) : { passed: 0, failed: 0 };
    if (complete && why === undefined && (code === 0 || counted.failed > 0)) return counted;
    console.log(`FAILED: layer ${layer}: ${why ?? `its process ended with ${code}${complete ? '' : ', before its tests'}`}`);
    return { passed: counted.passed, failed: counted.failed + 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a process group to its end, or ends it: at the deadline, or `lingering` after it wrote its totals. */
function supervise([command, ...argv], { end, totals, lingering }) {
  return new Promise((resolve) => {
    const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
    const env = { ...process.env, PATH: path, ...(totals === undefined ? {} : { TEST_TOTALS: totals }) };
    const child = spawn(command, argv, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env, detached: true });
    let why;
    let finished;
    const stop = (reason) => {
      why ??= reason;
      kill(child.pid, 'SIGKILL');
    };
    const interrupt = (signal) => {
      kill(child.pid, 'SIGKILL');
      process.removeListener(signal, interrupt);
      process.kill(process.pid, signal);
    };
    const timer = setInterval(() => {
      if (Date.now() > end) stop('the time of the whole run is up');
      else if (totals !== undefined && existsSync(totals)) {
        finished ??= Date.now();
        if (Date.now() - finished > lingering) stop('its tests ended, but something was left open');
      }
    }, 200);
    const settle = (code) => {
      clearInterval(timer);
      for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, interrupt);
      resolve({ code, why });
    };
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupt);
    child.on('error', (error) => {
      why = error.message;
      settle(1);
    });
    child.on('exit', (code, signal) => settle(code ?? signal));
  });
}

function kill(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
