import { XpmnError } from '../kernel/errors.ts';
import type { PlaylistEntry } from './playlist-entry.ts';

/** A title of the list that is played. `depth`: in how many playlists, one in another, it stood. Each is an object of its own. */
export interface ListedTitle extends PlaylistEntry {
  readonly depth: number;
}

/** What was opened, and where in it we are. Never changed: another place is another list. */
export interface PlayList {
  readonly titles: readonly ListedTitle[];
  /** Place of the current one, from 0. */
  readonly index: number;
}

export function playListOf(uris: readonly string[]): PlayList {
  return { titles: uris.map((uri) => ({ uri, depth: 0 })), index: 0 };
}

export function currentTitle({ titles, index }: PlayList): ListedTitle {
  return titles[index] as ListedTitle;
}

/** @throws XpmnError `unexpected-request` where there is no such place */
export function atIndex(list: PlayList, index: number): PlayList {
  if (!Number.isInteger(index) || !hasPlace(list, index)) throw new XpmnError('unexpected-request', index < 0 ? 'There is no title before the first one.' : 'There is no title after the last one.');
  return { ...list, index };
}

export function hasPlace({ titles }: PlayList, index: number): boolean {
  return index >= 0 && index < titles.length;
}

/** The list with what a title turned out to hold in that title's place, as far as `items` allow; as it was if the title is not in there any more. */
export function expand(list: PlayList, title: ListedTitle, held: readonly PlaylistEntry[], items: number): PlayList {
  const at = list.titles.indexOf(title);
  if (at < 0) return list;
  const room = Math.max(0, items - list.titles.length + 1);
  const inner = held.slice(0, room).map((entry): ListedTitle => ({ ...entry, depth: title.depth + 1 }));
  const titles = [...list.titles.slice(0, at), ...inner, ...list.titles.slice(at + 1)];
  return { titles, index: list.index > at ? list.index + inner.length - 1 : list.index };
}
