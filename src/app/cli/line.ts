import { createInterface } from 'node:readline';
import { abortReason, throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import type { CliDeps } from './io.ts';

/** Asks for a line on the terminal, which shows what is typed; empty where it ends before one. @throws the signal's reason */
export async function askLine(question: string, { stdin, stderr, signal }: CliDeps): Promise<string> {
  throwIfAborted(signal);
  stderr.write(question);
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', (line) => resolve(line.trim()));
      lines.once('close', () => resolve(''));
      signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true });
    });
  } finally {
    lines.close();
  }
}
