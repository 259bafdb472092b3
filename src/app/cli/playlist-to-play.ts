import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import { parsePlaylist, playlistFormat } from '../../xpmn/player/playlist-file.ts';
import type { PlaylistFileLimits } from '../../xpmn/player/playlist-file.ts';
import type { ItemToPlay } from '../control/operations.ts';

export interface PlaylistLimits extends PlaylistFileLimits {
  /** Size of a playlist file. */
  readonly bytes: number;
}

/**
 * What a playlist on this disk names, in its order: only here it is known what its relative paths mean. Files that are not there are left
 * out, with a word. Undefined for what is no playlist. @throws XpmnError `malformed`, `xml-restricted`, `too-large`; `not-found` if nothing is left
 */
export async function itemsOfPlaylist(path: string, limits: PlaylistLimits, notice: (text: string) => void): Promise<ItemToPlay[] | undefined> {
  const format = playlistFormat('', [path]);
  if (!format) return undefined;
  if ((await stat(path)).size > limits.bytes) throw new XpmnError('too-large', `"${path}" is too large for a playlist: ${limits.bytes} bytes are the most.`);
  const local = (text: string): string | undefined => fileMeant(text, dirname(path));
  const text = await readFile(path, 'utf8');
  const entries = asNamed(path, () => parsePlaylist(format, text, pathToFileURL(path).href, { ...limits, local }));
  const items = entries.flatMap(({ uri, title }): ItemToPlay[] => {
    const called = title === undefined ? {} : { title };
    if (!uri.startsWith('file:')) return [uri.startsWith('xmpp:') ? { uri } : { url: uri, ...called }];
    const file = fileURLToPath(uri);
    if (existsSync(file)) return [{ file, ...called }];
    notice(`"${path}" names a file that is not there: ${file}`);
    return [];
  });
  if (items.length === 0) throw new XpmnError('not-found', `"${path}" names nothing that could be played.`);
  return items;
}

/** Whose fault it is; there may be several on one command line. */
function asNamed<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const error = asXpmnError(thrown);
    throw new XpmnError(error.code, `"${path}" can't be played: ${error.message}`, { cause: error });
  }
}

/** A path as it is, or as a URL has it: writers of playlists do both. */
function fileMeant(text: string, folder: string): string | undefined {
  if (/^file:/i.test(text)) return localUrl(text);
  if (/^[A-Za-z][A-Za-z0-9+.-]+:/.test(text)) return undefined;
  const path = resolve(folder, text);
  const decoded = existsSync(path) ? undefined : decodedPath(text);
  return pathToFileURL(decoded === undefined ? path : resolve(folder, decoded)).href;
}

function localUrl(text: string): string | undefined {
  try {
    return pathToFileURL(fileURLToPath(text)).href;
  } catch {
    return undefined;
  }
}

function decodedPath(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
