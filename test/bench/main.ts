/**
 * What the shipped daemon can do, against what people would use instead, measured in the same rounds.
 *
 *   npm run bench [-- NAME...] [--rounds N] [--quick] [--profile DIR]
 *
 * Prints one JSON document on stdout, tables for people and progress on stderr. Needs root (network namespaces), Debian's
 * nginx-light, stunnel4 and gcc beside what the tests need, and 1.1 GiB of memory for the film; `handshakes`, `fanout` and `idle`
 * do without the film and those three.
 */
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fanout } from './fanout.ts';
import { goodput } from './goodput.ts';
import { handshakes } from './handshakes.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { line } from './line.ts';
import { link } from './link.ts';
import { growth, memory } from './memory.ts';
import { stalled } from './stalled.ts';
import type { Bench, BenchContext, LocalBench, LocalContext } from './parts/bench.ts';
import type { Figure } from './parts/figures.ts';
import { isMet } from './parts/figures.ts';
import { parseOptions } from './parts/options.ts';
import type { BenchOptions } from './parts/options.ts';
import { createLine, createMachine } from './parts/place.ts';
import { buildSink } from './parts/sink.ts';
import { makeFilm } from './parts/sources.ts';
import { formatTable } from './parts/table.ts';

const BENCHES: Readonly<Record<string, Bench | LocalBench>> = { goodput, latency, line, link, memory, growth, stalled, handshakes, idle, fanout };
const FILM = { bytes: 2 ** 30, quick: 2 ** 26 };
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(options: BenchOptions): Promise<void> {
  const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'xpmn-bench-'));
  // The film lies in memory; the processes die with this one, and the next run removes its namespaces.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      rmSync(directory, { recursive: true, force: true });
      process.kill(process.pid, signal);
    });
  }
  try {
    let prepared: Promise<BenchContext> | undefined;
    const results: Record<string, { title: string; figures: readonly object[]; missing?: readonly string[] }> = {};
    for (const name of options.names) {
      const bench = BENCHES[name] as Bench | LocalBench;
      const missing: string[] = [];
      const context: LocalContext = { options, directory, say, miss: (what) => void missing.push(what) };
      say(`\n${name}: ${bench.title}`);
      const figures = 'isLocal' in bench ? await bench.run(context) : await bench.run({ ...await (prepared ??= prepare(context)), ...context });
      results[name] = { title: bench.title, figures: figures.map(withVerdict), ...(missing.length > 0 && { missing }) };
      say(`\n${formatTable(bench.title, figures)}${missing.map((what) => `not measured: ${what}\n`).join('')}`);
    }
    const machine = { cores: cpus().length, model: cpus()[0]?.model, node: process.version };
    process.stdout.write(`${JSON.stringify({ machine, options, results }, undefined, 1)}\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function prepare(context: LocalContext): Promise<BenchContext> {
  context.say('making a film …');
  const film = join(context.directory, 'film');
  await makeFilm(film, context.options.quick ? FILM.quick : FILM.bytes);
  return { ...context, film, sink: await buildSink(context.directory), machine: createMachine, line: createLine };
}

function withVerdict(one: Figure): object {
  return { ...one, met: isMet(one) };
}

try {
  await main(parseOptions(process.argv.slice(2), Object.keys(BENCHES)));
} catch (error) {
  say(String((error as Error).stack ?? error));
  process.exitCode = 1;
}
