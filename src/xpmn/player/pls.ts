import { linesOf } from './m3u.ts';
import { entryDuration, entryText, entryUri } from './playlist-entry.ts';
import type { EntryRules, PlaylistEntry } from './playlist-entry.ts';

const LINE = /^(file|title|length)([0-9]{1,7})\s*=(.*)$/i;

/** Entries of a PLS list in the order of their numbers, which may have gaps; what names nothing playable is left out. */
export function parsePls(text: string, base: string, limits: EntryRules): PlaylistEntry[] {
  const told = new Map<number, Map<string, string>>();
  for (const line of linesOf(text)) {
    const [, name, number, value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const entry = told.get(Number(number)) ?? new Map<string, string>();
    told.set(Number(number), entry.set(name.toLowerCase(), value));
  }
  const entries: PlaylistEntry[] = [];
  for (const [, entry] of [...told].sort(([a], [b]) => a - b)) {
    if (entries.length >= limits.items) break;
    const uri = entryUri(entry.get('file') ?? '', base, limits);
    if (uri !== undefined) entries.push({ uri, title: entryText(entry.get('title'), limits), duration: entryDuration(Number(entry.get('length'))) });
  }
  return entries;
}
