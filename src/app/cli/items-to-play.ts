import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { parseMediaUri } from '../../xpmn/model/media-uri.ts';
import type { ItemToPlay } from '../control/operations.ts';
import { mediaInFolder } from './folder-to-play.ts';
import type { FolderLimits } from './folder-to-play.ts';
import { itemsOfPlaylist } from './playlist-to-play.ts';
import type { PlaylistLimits } from './playlist-to-play.ts';

export type PlayLimits = PlaylistLimits & FolderLimits;

/**
 * What a user means by the words of `xpmn play`: one item each, what a playlist on the disk names, or what is in a folder; no more than a list has.
 * @throws XpmnError `usage`; `not-found`, `not-allowed` for a file; `malformed`, `too-large` for a playlist; `not-found` where nothing is left
 */
export async function itemsFor(words: readonly string[], limits: PlayLimits, notice: (text: string) => void): Promise<ItemToPlay[]> {
  const items: ItemToPlay[] = [];
  const empty: string[] = [];
  for (const word of words) {
    const found = await meantBy(word, limits, notice);
    items.push(...found);
    if (found.length === 0) empty.push(`There is no music and no film in "${word}".`);
  }
  if (items.length === 0) throw new XpmnError('not-found', empty.join(' '));
  empty.forEach(notice);
  if (items.length > limits.items) notice(`Only the first ${limits.items} of ${items.length} titles are played: a list has no more.`);
  return items.slice(0, limits.items);
}

/** A file may have any name: only what is none is a URI. */
async function meantBy(word: string, limits: PlayLimits, notice: (text: string) => void): Promise<ItemToPlay[]> {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(word)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'xmpp': return [itemOfNetwork(word)];
    case 'http':
    case 'https': return [{ url: checkedUrl(word) }];
    default: {
      const { path, isFolder } = scheme === 'file' ? await checkedPath(pathIn(word)) : await checkedPath(word, scheme !== undefined);
      if (!isFolder) return (await itemsOfPlaylist(path, limits, notice)) ?? [{ file: path }];
      const { files, isWhole } = await mediaInFolder(path, limits, (folder) => notice(`"${folder}" can't be read: check its permissions.`));
      if (!isWhole) notice(`"${word}" has more than ${limits.entries} names in it: the rest was not looked at.`);
      return files.map((file) => ({ file }));
    }
  }
}

function itemOfNetwork(uri: string): ItemToPlay {
  try {
    parseMediaUri(uri);
  } catch (cause) {
    throw new XpmnError('usage', `"${uri}" is no media item: they look like xmpp:…?transfer;uid=…, in quotes, as \`xpmn browse\` lists them.`, { cause });
  }
  return { uri };
}

function checkedUrl(text: string): string {
  if (!URL.canParse(text)) throw new XpmnError('usage', `"${text}" is no URL.`);
  return text;
}

function pathIn(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new XpmnError('usage', `"${url}" names no file of this machine.`, { cause });
  }
}

async function checkedPath(name: string, looksLikeUri = false): Promise<{ readonly path: string; readonly isFolder: boolean }> {
  const path = resolve(name);
  const found = name === '' ? undefined : await stat(path).catch((error: NodeJS.ErrnoException) => (error.code === 'EACCES' ? Promise.reject(unreadable(name, error)) : undefined));
  if (!found && looksLikeUri) throw new XpmnError('usage', `"${name}" is neither a file nor a kind of URI that can be played: those begin with xmpp:, http: or https:.`);
  // Without a folder and an extension, it may be what a container is called.
  if (!found) throw new XpmnError('not-found', `There is no file "${name}"${/^[^/.]+$/.test(name) ? ': what a server has is named as `xpmn browse` lists it, a container together with --of' : ''}.`);
  if (found.isDirectory()) return { path, isFolder: true };
  if (!found.isFile()) throw new XpmnError('usage', `"${name}" is no ordinary file.`);
  await access(path, constants.R_OK).catch((error: unknown) => Promise.reject(unreadable(name, error)));
  return { path, isFolder: false };
}

function unreadable(name: string, cause: unknown): XpmnError {
  return new XpmnError('not-allowed', `"${name}" can't be read: check its permissions.`, { cause });
}
