import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { saying, unless } from './file-storage.ts';

/** Who holds a lock: a process id alone would be found again, on another process, after a restart of the machine. */
interface Holder {
  readonly pid: number;
  /** When the process began, in the system's own terms; empty where that can't be known. */
  readonly began: string;
}

/** Whoever fails as often as that is not late, but where something else is in the way. */
const ATTEMPTS = 100;

/**
 * Holds `path` for this process until the returned function is called, or the process has ended, however it did. `busy`
 * is what to say while another has it.
 *
 * A lock is a directory with one file, whose name tells the holder, and which no other lock ever has. A directory takes
 * another one's place only if that is empty, and what is cleared away is a holder's file, by name: however many find
 * the lock of a dead process, and however slow they are, nobody clears away the lock of one who was quicker.
 * @throws XpmnError `already-running` while another process holds it; `storage-failed`
 */
export async function takeLock(path: string, busy = 'A gateway runs on this state already'): Promise<() => Promise<void>> {
  const name = `${process.pid}-${(await beginning(process.pid)) ?? ''}-${randomBytes(8).toString('hex')}`;
  const mine = `${path}.${name}`;
  await saying(`${path} can't be made`, async () => {
    await mkdir(mine, { mode: 0o700 });
    try {
      await writeFile(join(mine, name), '', { mode: 0o600 });
      for (let attempts = 1; !(await moved(mine, path)); attempts += 1) {
        if (attempts === ATTEMPTS) throw new XpmnError('storage-failed', `${path} can't be taken: what is there can't be cleared away.`);
        await clearStale(path, busy);
      }
    } finally {
      await rm(mine, { recursive: true, force: true });
    }
  });
  return async () => {
    await unlink(join(path, name)).catch(() => undefined);
    await rmdir(path).catch(() => undefined);
  };
}

/** Every step of it may have been done by another one meanwhile. */
async function clearStale(path: string, busy: string): Promise<void> {
  for (const { file, holder } of await claimsOn(path)) {
    if (holder && (await lives(holder))) throw new XpmnError('already-running', `${busy} (process ${holder.pid}).`, { details: { pid: holder.pid } });
    await unless(['ENOENT', 'EISDIR'], unlink(file));
  }
  // not every file system puts one directory in the place of another, be it empty
  await unless(['ENOENT', 'ENOTDIR', ...OCCUPIED], rmdir(path));
}

/** How the name of a lock's file tells its holder, and how the text of a former lock did. */
const [NAME, FORMER] = [/^(\d{1,10})-(\d*)-[0-9a-f]+$/, /^\{"pid":(\d{1,10}),"began":"(\d*)"\}$/];

/** The files that say who holds it. */
async function claimsOn(path: string): Promise<{ readonly file: string; readonly holder: Holder | undefined }[]> {
  const names = await unless(['ENOENT', 'ENOTDIR'], readdir(path));
  if (names) return names.map((name) => ({ file: join(path, name), holder: holderIn(name, NAME) }));
  // COMPAT: before locks were directories, a file said it.
  const text = await unless(['ENOENT', 'EISDIR'], readFile(path, 'utf8'));
  return text === undefined ? [] : [{ file: path, holder: holderIn(text, FORMER) }];
}

function holderIn(text: string, form: RegExp): Holder | undefined {
  const [, pid, began] = form.exec(text) ?? [];
  return pid === undefined || began === undefined ? undefined : { pid: Number(pid), began };
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

/** How systems say that a directory is not empty. */
const OCCUPIED = ['ENOTEMPTY', 'EEXIST'];

async function moved(from: string, to: string): Promise<boolean> {
  return (await unless(['ENOTDIR', ...OCCUPIED], rename(from, to).then(() => true))) ?? false;
}
