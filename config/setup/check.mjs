import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './common.mjs';

const root = fileURLToPath(ROOT);

/** Runs scripts of the package side by side; each shows what it said when it has ended. Gives the exit code: 0 if none failed. */
export async function runTogether(names) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const codes = await Promise.all(names.map(async (name) => {
    const { code, output } = await run(scripts[name]);
    process.stdout.write(output);
    console.log(`${code === 0 ? 'passed' : 'FAILED'}: ${name}`);
    return code;
  }));
  return codes.every((code) => code === 0) ? 0 : 1;
}

function run(script) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` };
    const child = spawn('sh', ['-c', `${script} 2>&1`], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env });
    const parts = [];
    child.stdout.on('data', (part) => parts.push(part));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(parts) }));
  });
}
