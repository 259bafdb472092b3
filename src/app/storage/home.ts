import { chmod, mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { Storage } from '../../xpmn/ports/storage.ts';
import { FileStorage, saying, unless } from './file-storage.ts';
import { takeLock } from './lock.ts';

/** The layout of the directory that this program reads and writes. */
const VERSION = 1;

/** Where things lie in the one directory that holds all state. */
export interface HomePaths {
  readonly directory: string;
  readonly controlSocket: string;
  /** The user's settings; may be missing. */
  readonly configFile: string;
  /** The user's files of players that have to be treated otherwise; may be missing. */
  readonly quirksFolder: string;
}

export interface Home extends HomePaths {
  readonly storage: Storage;
  /** Lets other processes have it. */
  close(): Promise<void>;
}

/** `--home`, else `$XPMN_HOME`, else `xpmn` in the user's XDG state directory. */
export function locateHome(chosen: string | undefined, env: Readonly<Record<string, string | undefined>>): HomePaths {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state');
  const directory = resolve(chosen || env.XPMN_HOME || join(state, 'xpmn'));
  return { directory, controlSocket: join(directory, 'control.sock'), configFile: join(directory, 'config.json'), quirksFolder: join(directory, 'quirks') };
}

/**
 * Makes or opens the directory, for this process alone.
 * @throws XpmnError `already-running`; `storage-failed`: it can't be used, is something else, or is of a newer version
 */
export async function openHome(paths: HomePaths): Promise<Home> {
  const { directory } = paths;
  const version = join(directory, 'version');
  await saying(`The state directory ${directory} can't be used`, () => makePrivate(directory, version));
  const unlock = await takeLock(join(directory, 'lock'));
  try {
    await saying(`${version} can't be used`, () => checkVersion(directory, version));
    const storage = await FileStorage.open(join(directory, 'state'));
    return { ...paths, storage, close: unlock };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Only an empty directory, or one that is ours already, is taken: its mode is changed. */
async function makePrivate(directory: string, version: string): Promise<void> {
  await makeDirectories(directory);
  const isOurs = (await readVersion(version)) !== undefined;
  const others = (await readdir(directory)).filter((file) => !/^(config\.json|quirks|version~|lock.*)$/.test(file));
  if (!isOurs && others.length > 0) {
    throw new XpmnError('storage-failed', `${directory} holds something else than the state of a gateway: choose an empty directory.`);
  }
  if (((await stat(directory)).mode & 0o077) !== 0) await chmod(directory, 0o700);
}

/** Not Node's `recursive`, which tries for ever where a file system makes no directories, as /proc. */
async function makeDirectories(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return;
  if (dirname(path) !== path) await makeDirectories(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    // somebody else was faster
    if (error.code !== 'EEXIST') throw error;
  });
}

async function checkVersion(directory: string, path: string): Promise<void> {
  const text = await readVersion(path);
  if (text === undefined) {
    await writeFile(`${path}~`, `${VERSION}\n`, { mode: 0o600, flush: true });
    await rename(`${path}~`, path);
    return;
  }
  const found = /^\d+$/.test(text) ? Number(text) : undefined;
  if (found === undefined || found < 1) throw new XpmnError('storage-failed', `${path} is damaged.`);
  if (found > VERSION) {
    throw new XpmnError('storage-failed', `The state in ${directory} is of a newer version (${found}) than this program knows (${VERSION}): update the program.`);
  }
}

async function readVersion(path: string): Promise<string | undefined> {
  return (await unless(['ENOENT'], readFile(path, 'utf8')))?.trim();
}
