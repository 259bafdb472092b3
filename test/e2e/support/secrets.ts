import { readFile, readdir } from 'node:fs/promises';
import { join, parse } from 'node:path';
import type { LibraryEntry } from '../../../src/app/gateway-api.ts';
import type { Secrets } from './secrecy.ts';

/** Shorter words occur by chance, the sooner if base64 can spell them. */
const isTelling = (text: string): boolean => text.length >= (/^[A-Za-z0-9+/]*$/.test(text) ? 8 : 5);

/** All that a library says and holds: titles of items and containers, names of files and folders, contents of files. */
export async function librarySecrets(folder: string, entries: readonly LibraryEntry[]): Promise<Secrets> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = files.flatMap(({ name }) => [name, parse(name).name]);
  const artists = entries.flatMap((entry) => (entry.kind === 'item' ? [entry.artist, entry.album] : []));
  const texts = [...entries.map(({ title }) => title), ...names, ...artists];
  const media = await Promise.all(files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name))));
  return { texts: [...new Set(texts)].filter((text): text is string => text !== undefined && isTelling(text)), media };
}
