import { readFile } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { abortReason } from '../../xpmn/kernel/tasks.ts';
import type { CliDeps, Input } from './io.ts';

export interface PasswordSource {
  /** `-` is standard input. */
  readonly passwordFile?: string | undefined;
  /** The option that names that file. */
  readonly flag?: string | undefined;
}

/**
 * The password from a file, or typed without echo; twice where it is `isNew`. Never from the arguments, which every user
 * of the machine can read.
 * @throws XpmnError `usage` where there is neither; `bad-password` for an empty one, or two that differ
 */
export async function getPassword(question: string, { passwordFile, flag = '--password-file', isNew = false }: PasswordSource & { readonly isNew?: boolean }, deps: CliDeps, limit: number): Promise<string> {
  if (passwordFile === undefined && !deps.stdin.isTTY) throw new XpmnError('usage', `There is no terminal to type an answer on (${question}): give ${flag} FILE (- is standard input).`);
  const password = passwordFile === undefined ? await typed(question, isNew, deps, limit) : await fromFile(passwordFile, deps, limit);
  if (password === '') throw new XpmnError('bad-password', 'The password is empty.');
  return password;
}

async function typed(question: string, isNew: boolean, deps: CliDeps, limit: number): Promise<string> {
  const first = await ask(`${question}: `, deps, limit);
  if (isNew && first !== '' && (await ask('Once more: ', deps, limit)) !== first) throw new XpmnError('bad-password', 'The two passwords differ.');
  return first;
}

/** The first line of the file. */
async function fromFile(file: string, { stdin }: CliDeps, limit: number): Promise<string> {
  const content = file === '-' ? await readBounded(stdin, limit) : await readFile(file).catch((error: unknown) => fail(file, error));
  if (content.length > limit) throw new XpmnError('bad-password', `A password has at most ${limit} bytes.`);
  return content.toString('utf8').replace(/\r?\n[^]*$/, '');
}

function fail(file: string, cause: unknown): never {
  throw new XpmnError('usage', `The password file ${file} can't be read.`, { cause });
}

async function readBounded(stdin: Input, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer | string>) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > limit) break;
  }
  return Buffer.concat(chunks);
}

/** One line from the terminal, unseen. */
function ask(question: string, { stdin, stderr, signal }: CliDeps, limit: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const decoder = new StringDecoder('utf8');
    let line: string[] = [];
    const finish = (act: () => void): void => {
      stdin.off('data', onData).off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      stdin.setRawMode?.(false);
      stdin.pause();
      stderr.write('\n');
      act();
    };
    const onAbort = (): void => finish(() => reject(abortReason(signal)));
    const onEnd = (): void => finish(() => resolve(line.join('')));
    const onData = (chunk: Buffer): void => {
      // Arrows and other keys come as one chunk that begins with escape.
      if (chunk[0] === 0x1b) return;
      for (const key of decoder.write(chunk)) {
        if (key === '\r' || key === '\n' || key === '\u0004') return onEnd();
        if (key === '\u0003') return finish(() => reject(new XpmnError('aborted', 'Interrupted.')));
        if (key === '\u0015') line = [];
        else if (key === '\u007f' || key === '\b') line.pop();
        else if (key >= ' ') line.push(key);
        if (line.length > limit) return finish(() => reject(new XpmnError('bad-password', `A password has at most ${limit} bytes.`)));
      }
    };
    if (signal.aborted) {
      reject(abortReason(signal));
      return;
    }
    // first: what is typed as soon as the question shows must not show, too
    stdin.setRawMode?.(true);
    stderr.write(question);
    signal.addEventListener('abort', onAbort, { once: true });
    stdin.on('data', onData).on('end', onEnd);
    stdin.resume();
  });
}
