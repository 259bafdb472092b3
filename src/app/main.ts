#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { systemClock, systemRandom } from '../xpmn/kernel/system.ts';
import { runCli } from './cli/program.ts';
import { interruptSignal } from './interrupts.ts';

// V8's room for what is new stays as small as it is at the start. What streams bring lies in buffers outside of it, and dies with the small
// objects in there: with much room these wait so long that V8 takes the buffers for want of memory, and collects everything over and over.
setFlagsFromString('--semi-space-growth-factor=1');
// Such buffers count as if they were V8's own: with the little that it allows a small heap to grow by, a few megabytes under way make it
// collect everything.
setFlagsFromString('--heap-growing-percent=200');

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
  signal: interruptSignal(process, systemClock),
  clock: systemClock,
  random: systemRandom,
  version,
  loadGateway: async () => {
    const [{ createGateway }, { setup }] = await Promise.all([import('./gateway.ts'), import('./setup.ts')]);
    return { createGateway, setup };
  },
  exit: (status) => process.exit(status),
});
