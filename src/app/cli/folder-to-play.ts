import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { typeOfName } from '../shared/media-type.ts';

/** As people number their titles: 2 comes before 10. */
const { compare } = new Intl.Collator(undefined, { numeric: true });

export interface FolderLimits {
  /** Names that are looked at in all folders together. */
  readonly entries: number;
}

/**
 * The music and films in a folder and in those within it, in the order of their names. Pictures are left out, for they are covers mostly, and
 * playlists, for they name what is there anyway; so is what is hidden, and folders that are only linked to.
 * `unreadable` is told of folders that can't be read; they count as empty. `isWhole`: all was looked at.
 */
export async function mediaInFolder(folder: string, { entries }: FolderLimits, unreadable: (folder: string) => void): Promise<{ readonly files: readonly string[]; readonly isWhole: boolean }> {
  const files: string[] = [];
  let left = entries;
  let isWhole = true;
  const look = async (path: string): Promise<void> => {
    if (!isWhole) return;
    const found: { readonly name: string; readonly isFolder: boolean }[] = [];
    try {
      for await (const entry of await opendir(path)) {
        if (left <= 0) isWhole = false;
        if (!isWhole) break;
        left -= 1;
        if (!entry.name.startsWith('.') && (entry.isDirectory() || isMusicOrFilm(entry.name))) found.push({ name: entry.name, isFolder: entry.isDirectory() });
      }
    } catch {
      unreadable(path);
    }
    for (const { name, isFolder } of found.sort((a, b) => compare(a.name, b.name))) {
      const inner = join(path, name);
      if (isFolder) await look(inner);
      else if ((await stat(inner).catch(() => undefined))?.isFile()) files.push(inner);
    }
  };
  await look(folder);
  return { files, isWhole };
}

function isMusicOrFilm(name: string): boolean {
  return /^(audio\/(?!x-mpegurl|x-scpls)|video\/)/.test(typeOfName(name) ?? '');
}
