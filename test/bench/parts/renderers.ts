import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startProcess } from '../../peers/process.ts';
import type { Side } from './rivals.ts';

const SCRIPT = fileURLToPath(new URL('renderers.mjs', import.meta.url));

/** What a renderer says of itself. */
export interface Happened {
  readonly renderer: number;
  /** `changed`: it has begun to tell its subscribers; `fetch`, `first-byte`, `failed`: of what it was told to play. */
  readonly event: 'changed' | 'fetch' | 'first-byte' | 'failed';
  /** ms, as `now()`. */
  readonly at: number;
  readonly [property: string]: unknown;
}

export interface Renderers {
  /** Friendly names, by number. */
  readonly names: readonly string[];
  /** The next that fits, from now on. @throws Error after `timeout` ms */
  next(what: string, fits: (happened: Happened) => boolean, timeout?: number): Promise<Happened>;
  /** Somebody stands before it and does that. */
  touch(renderer: number, change: { readonly volume?: number; readonly mute?: boolean; readonly state?: string }): void;
  stop(): Promise<void>;
}

/** ms of the clock that all processes share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** MediaRenderers on one address, in one process. */
export async function startRenderers({ netns, listen }: Side, { port, count, name }: { readonly port: number; readonly count: number; readonly name: string }): Promise<Renderers> {
  const words = [process.execPath, SCRIPT, listen, String(port), String(count), name];
  const started = await startProcess('renderers', words, { netns, stdin: 'pipe' });
  const { stdin, stdout } = started.child;
  if (!stdin || !stdout) throw new Error('renderers without pipes');
  const lines = createInterface(stdout);
  await once(lines, 'line');
  return {
    names: Array.from({ length: count }, (_, index) => `${name} ${index + 1}`),
    next: (what, fits, timeout = 20_000) => new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        lines.off('line', look);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`not within ${timeout} ms: ${what}; ${started.output().slice(-1000)}`));
      }, timeout);
      const look = (line: string): void => {
        const happened = JSON.parse(line) as Happened;
        if (!fits(happened)) return;
        end();
        resolve(happened);
      };
      lines.on('line', look);
    }),
    touch: (renderer, change) => void stdin.write(`${JSON.stringify({ renderer, ...change })}\n`),
    stop: async () => void await started.stop(),
  };
}
