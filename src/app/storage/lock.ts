import { randomBytes } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { saying } from './file-storage.ts';

/** Who holds a lock: a process id alone would be found again, on another process, after a restart of the machine. */
interface Holder {
  readonly pid: number;
  /** When the process began, in the system's own terms; empty where that can't be known. */
  readonly began: string;
}

/**
 * Holds `path` for this process until the returned function is called, or the process has ended, however it did. `busy`
 * is what to say while another has it.
 * @throws XpmnError `already-running` while another process holds it; `storage-failed`
 */
export async function lockFile(path: string, busy = 'A gateway runs on this state already'): Promise<() => Promise<void>> {
  const mine = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const text = JSON.stringify({ pid: process.pid, began: (await beginning(process.pid)) ?? '' } satisfies Holder);
  await saying(`${path} can't be written`, async () => {
    await writeFile(mine, text, { mode: 0o600 });
    try {
      // A link appears with its content, or not at all: nobody ever reads half a lock.
      if (!(await linked(mine, path))) {
        await removeStale(path, `${mine}-stale`, busy);
        if (!(await linked(mine, path))) throw taken(busy);
      }
    } finally {
      await unlink(mine).catch(() => undefined);
    }
  });
  return async () => {
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) await unlink(path).catch(() => undefined);
  };
}

async function removeStale(path: string, aside: string, busy: string): Promise<void> {
  const seen = await readFile(path, 'utf8').catch(() => '');
  const holder = parseHolder(seen);
  if (holder && (await lives(holder))) throw taken(busy, holder.pid);
  await rename(path, aside).catch(() => undefined);
  const moved = await readFile(aside, 'utf8').catch(() => seen);
  // Another process was quicker and it is its new lock that was moved: it goes back.
  if (moved !== seen) await linked(aside, path);
  await unlink(aside).catch(() => undefined);
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    return typeof value?.pid === 'number' && typeof value.began === 'string' ? { pid: value.pid, began: value.began } : undefined;
  } catch {
    return undefined;
  }
}

async function lives({ pid, began }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = await beginning(pid);
  return now === undefined || began === '' || now === began;
}

/** Field 22 of /proc/PID/stat: clock ticks from the start of the machine. Undefined where there is no such file. */
async function beginning(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function taken(busy: string, pid?: number): XpmnError {
  return new XpmnError('already-running', `${busy}${pid === undefined ? '' : ` (process ${pid})`}.`, pid === undefined ? {} : { details: { pid } });
}
