import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';

/** Something that the sink can fetch. */
export interface Target {
  readonly url: string;
  /** `Host` where it is not what the URL says: minidlna refuses all but its own. */
  readonly host?: string | undefined;
}

export interface Got {
  readonly bytes: number;
  readonly seconds: number;
  /** Seconds to the first byte, of the head. */
  readonly first: number;
}

export interface Paced {
  /** Milliseconds from connecting to the first byte, of each stream. */
  readonly first: readonly number[];
  readonly bytes: number;
  /** Milliseconds that the worst stream was ever late, after its first byte. */
  readonly worstLate: number;
  /** Streams that broke, and streams that never began. */
  readonly ended: number;
  readonly unanswered: number;
}

/** Builds the sink, once a run. */
export async function buildSink(directory: string): Promise<Sink> {
  const program = join(directory, 'sink');
  await run(['gcc', '-O2', '-o', program, fileURLToPath(new URL('sink.c', import.meta.url))]);
  return new Sink(program);
}

export class Sink {
  private readonly program: string;

  constructor(program: string) {
    this.program = program;
  }

  /** The whole of it, or its first `length` bytes, over a connection of its own. */
  async get(netns: string | undefined, target: Target, length = 0): Promise<Got> {
    return (await this.run(netns, 'get', target, [length])) as Got;
  }

  /** Milliseconds to the first byte of `count` ranges of `length` bytes, one after the other, on one connection if the server keeps it. */
  async ranges(netns: string | undefined, target: Target, size: number, count: number, length = 4096): Promise<readonly number[]> {
    const { milliseconds } = (await this.run(netns, 'ttfb', target, [size, count, length])) as { milliseconds: number[] };
    return milliseconds;
  }

  /** `streams` players that take `rate` bytes a second each, from one start on, for `seconds`. */
  async paced(netns: string | undefined, target: Target, streams: number, rate: number, seconds: number): Promise<Paced> {
    return (await this.run(netns, 'paced', target, [streams, rate, seconds])) as Paced;
  }

  /** A player that has begun to read and stalls. `release` fails if its stream has not survived. */
  async hold(netns: string | undefined, target: Target): Promise<{ release(): Promise<void> }> {
    const holder: ManagedProcess = await startProcess('sink', this.words('hold', target, []), { netns, stdin: 'pipe' });
    await holder.said(/holding/);
    return {
      async release() {
        holder.child.stdin?.end();
        await holder.exited;
        if (!/\bheld\b/.test(holder.output())) throw new Error(`the stalled stream did not survive: ${holder.output()}`);
      },
    };
  }

  private async run(netns: string | undefined, mode: string, target: Target, rest: readonly number[]): Promise<unknown> {
    return JSON.parse(await run(this.words(mode, target, rest), { netns, timeout: 300_000 }));
  }

  private words(mode: string, { url, host }: Target, rest: readonly number[]): string[] {
    const { hostname, port, pathname, host: own } = new URL(url);
    return [this.program, mode, hostname, port, host ?? own, pathname, ...rest.map(String)];
  }
}
