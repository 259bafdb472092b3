import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { parseMediaUri } from '../../xpmn/model/media-uri.ts';
import type { ItemToPlay } from '../control/operations.ts';
import { itemsOfPlaylist } from './playlist-to-play.ts';
import type { PlaylistLimits } from './playlist-to-play.ts';

/**
 * What a user means by the words of `xpmn play`: one item each, or what a playlist on the disk names.
 * @throws XpmnError `usage`; `not-found`, `not-allowed` for a file; `malformed`, `too-large` for a playlist
 */
export async function itemsFor(words: readonly string[], limits: PlaylistLimits, notice: (text: string) => void): Promise<ItemToPlay[]> {
  const items: ItemToPlay[] = [];
  for (const word of words) {
    const item = await itemFor(word);
    items.push(...(('file' in item && (await itemsOfPlaylist(item.file, limits, notice))) || [item]));
  }
  return items;
}

/**
 * What a user means by one word. A file may have any name: only what is none is a URI.
 * @throws XpmnError `usage`; `not-found`, `not-allowed` for a file
 */
export async function itemFor(word: string): Promise<ItemToPlay> {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(word)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'xmpp': return itemOfNetwork(word);
    case 'http':
    case 'https': return { url: checkedUrl(word) };
    case 'file': return { file: await checkedFile(pathIn(word)) };
    default: return { file: await checkedFile(word, scheme !== undefined) };
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

async function checkedFile(name: string, looksLikeUri = false): Promise<string> {
  const path = resolve(name);
  const found = name === '' ? undefined : await stat(path).catch((error: NodeJS.ErrnoException) => (error.code === 'EACCES' ? Promise.reject(unreadable(name, error)) : undefined));
  if (!found && looksLikeUri) throw new XpmnError('usage', `"${name}" is neither a file nor a kind of URI that can be played: those begin with xmpp:, http: or https:.`);
  if (!found) throw new XpmnError('not-found', `There is no file "${name}".`);
  if (found.isDirectory()) throw new XpmnError('usage', `"${name}" is a directory: name the files in it, like ${name.replace(/\/$/, '')}/*.`);
  if (!found.isFile()) throw new XpmnError('usage', `"${name}" is no ordinary file.`);
  await access(path, constants.R_OK).catch((error: unknown) => Promise.reject(unreadable(name, error)));
  return path;
}

function unreadable(name: string, cause: unknown): XpmnError {
  return new XpmnError('not-allowed', `"${name}" can't be read: check its permissions.`, { cause });
}
