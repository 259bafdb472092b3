/**
 * What the shipped daemon can do, against what people would use instead, measured in the same rounds.
 *
 *   npm run bench [-- NAME...] [--rounds N] [--quick] [--profile DIR]
 *
 * Prints one JSON document on stdout, tables for people and progress on stderr. Needs root (network namespaces), Debian's
 * nginx-light, stunnel4 and gcc beside what the tests need, and 1.1 GiB of memory for the film.
 */
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { goodput } from './goodput.ts';
import { latency } from './latency.ts';
import { line } from './line.ts';
import { link } from './link.ts';
import { growth, memory } from './memory.ts';
import { stalled } from './stalled.ts';
import type { Bench } from './parts/bench.ts';
import type { Figure } from './parts/figures.ts';
import { isMet } from './parts/figures.ts';
import { parseOptions } from './parts/options.ts';
import type { BenchOptions } from './parts/options.ts';
import { createLine, createMachine } from './parts/place.ts';
import { buildSink } from './parts/sink.ts';
import { makeFilm } from './parts/sources.ts';
import { formatTable } from './parts/table.ts';

const BENCHES: Readonly<Record<string, Bench>> = { goodput, latency, line, link, memory, growth, stalled };
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
    say('making a film …');
    const film = join(directory, 'film');
    await makeFilm(film, options.quick ? FILM.quick : FILM.bytes);
    const context = {
      options, directory, film, say,
      sink: await buildSink(directory),
      machine: createMachine,
      line: createLine,
    };
    const results: Record<string, { title: string; figures: readonly object[] }> = {};
    for (const name of options.names) {
      const bench = BENCHES[name] as Bench;
      say(`\n${name}: ${bench.title}`);
      const figures = await bench.run(context);
      results[name] = { title: bench.title, figures: figures.map(withVerdict) };
      say(`\n${formatTable(bench.title, figures)}`);
    }
    const machine = { cores: cpus().length, model: cpus()[0]?.model, node: process.version };
    process.stdout.write(`${JSON.stringify({ machine, options, results }, undefined, 1)}\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
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
