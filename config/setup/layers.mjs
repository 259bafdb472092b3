import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './common.mjs';

const root = fileURLToPath(ROOT);
/**
 * The layers in their order, and how many processes each is split into. Their files know nothing of each other, and those after the first mostly wait:
 * LANES processes run at a time. Those with real programs have one for each file, so that none of them pays for what another has left behind.
 */
const LAYERS = { unit: 1, compliance: 2, scenario: 2, interop: Infinity, e2e: Infinity };
const LANES = 2;
/** The whole run; a layer that ends its tests but not its process has left something open. In milliseconds. */
const BOUNDS = { whole: 28 * 60_000, lingering: 30_000 };

/**
 * Runs every layer of tests in mochas of its own and prints what failed once more, so that the end of a long output tells it, and the
 * totals, alone on the last line. Gives the exit code:
 * 0 only if something ran and nothing failed. A layer whose process ends badly, or not at all, counts as a failure.
 */
export async function runLayers({ tests = join(root, 'test'), checks = [], bounds = BOUNDS } = {}) {
  const end = Date.now() + bounds.whole;
  const total = { passed: 0, failed: 0, faults: [] };
  const add = ({ passed, failed, faults }) => {
    total.passed += passed;
    total.failed += failed;
    total.faults.push(...faults);
  };
  for (const check of checks) {
    const script = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts[check];
    const { code, why } = await supervise(['sh', '-c', script], { end });
    const verdict = `${code === 0 ? 'passed' : 'FAILED'}: ${check}${why === undefined ? '' : `: ${why}`}`;
    console.log(verdict);
    add(code === 0 ? { passed: 1, failed: 0, faults: [] } : { passed: 0, failed: 1, faults: [verdict] });
  }
  for (const [layer, parts] of Object.entries(LAYERS)) {
    const files = testFiles(tests, layer);
    console.log(`\n== ${layer}: ${files.length} files`);
    const queue = split(files, parts);
    const isAlone = queue.length === 1;
    const lane = async () => {
      for (let part = queue.shift(); part !== undefined; part = queue.shift()) add(await runPart(layer, part, { end, lingering: bounds.lingering, isAlone }));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }
  if (total.faults.length > 0) console.log(`\n== what failed\n${total.faults.join('\n\n')}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** The architecture test stands beside the layers and belongs to the first. */
function testFiles(tests, layer) {
  const found = (folder, recursive) =>
    existsSync(folder) ? readdirSync(folder, { recursive }).filter((name) => name.endsWith('.test.ts')).map((name) => join(folder, name)).sort() : [];
  return [...(layer === 'unit' ? found(tests, false) : []), ...found(join(tests, layer), true)];
}

/** Deals the files out to at most `parts` processes, the largest first: those take longest, mostly, and are not waited for at the end then. */
function split(files, parts) {
  const sized = files.map((file) => ({ file, size: statSync(file).size })).sort((one, other) => other.size - one.size);
  const dealt = Array.from({ length: Math.min(parts, files.length) }, () => []);
  for (const [index, { file }] of sized.entries()) dealt[index % dealt.length].push(file);
  return dealt;
}

/** Runs files in one process. What it says is shown as it comes if it is alone, else in one piece at its end. */
async function runPart(layer, files, { end, lingering, isAlone }) {
  const folder = mkdtempSync(join(tmpdir(), 'xpmn-totals-'));
  const [totals, said] = [join(folder, 'totals.json'), join(folder, 'said')];
  const output = isAlone ? 'inherit' : openSync(said, 'w');
  try {
    const reporter = join(root, 'config/setup/reporter.cjs');
    const argv = ['node_modules/mocha/bin/mocha.js', '--config', 'config/mocharc.json', '--reporter', reporter, ...files];
    const { code, why } = await supervise([process.execPath, ...argv], { end, totals, lingering, output });
    if (!isAlone) process.stdout.write(readFileSync(said));
    const complete = existsSync(totals);
    const counted = complete ? JSON.parse(readFileSync(totals, 'utf8')) : { passed: 0, failed: 0, faults: [] };
    if (complete && why === undefined && (code === 0 || counted.failed > 0)) return counted;
    const verdict = `FAILED: ${layer}, ${files.map((file) => basename(file)).join(', ')}: ${why ?? `its process ended with ${code}${complete ? '' : ', before its tests'}`}`;
    console.log(verdict);
    return { passed: counted.passed, failed: counted.failed + 1, faults: [...counted.faults, verdict] };
  } finally {
    if (!isAlone) closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a process group to its end, or ends it: at the deadline, or `lingering` after it wrote its totals. */
function supervise([command, ...argv], { end, totals, lingering, output = 'inherit' }) {
  return new Promise((resolve) => {
    const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
    const env = { ...process.env, PATH: path, ...(totals === undefined ? {} : { TEST_TOTALS: totals }) };
    const child = spawn(command, argv, { cwd: root, stdio: ['ignore', output, output], env, detached: true });
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
