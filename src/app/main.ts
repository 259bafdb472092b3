#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { systemClock, systemRandom } from '../xpmn/kernel/system.ts';
import { runCli } from './cli/program.ts';
import { interruptSignal } from './interrupts.ts';

// Whoever reads our output may stop (`xpmn devices | head`): that is no failure, and nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`xpmn: storage-failed: The output can't be written: ${error.message}.\n`);
  process.exit(1);
});
// A log that can't be written, because its disk is full or its reader gone, is no reason to end a gateway.
process.stderr.on('error', () => undefined);

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

process.exitCode = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: interruptSignal(process),
  clock: systemClock,
  random: systemRandom,
  version,
  loadGateway: async () => {
    const [{ createGateway }, { setup }] = await Promise.all([import('./gateway.ts'), import('./setup.ts')]);
    return { createGateway, setup };
  },
  exit: (status) => process.exit(status),
});
