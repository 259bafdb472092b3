import { entryDuration, entryText, entryUri } from './playlist-entry.ts';
import type { EntryLimits, EntryRules, PlaylistEntry } from './playlist-entry.ts';

/** Tags that only HLS has: such a list names the pieces of one title, or its variants (RFC 8216 §4.3). */
const HLS = /^#EXT-X-/m;

/** Whether an M3U list is one stream in pieces. */
export function isHls(text: string): boolean {
  return HLS.test(text);
}

/** Entries of an M3U list, plain or extended; lines that name nothing playable are left out. */
export function parseM3u(text: string, base: string, limits: EntryRules): PlaylistEntry[] {
  const entries: PlaylistEntry[] = [];
  let about: Omit<PlaylistEntry, 'uri'> = {};
  for (const line of linesOf(text)) {
    if (entries.length >= limits.items) break;
    if (line.startsWith('#')) {
      if (line.startsWith('#EXTINF:')) about = describe(line.slice(8, 8 + 4 * limits.textLength), limits);
      continue;
    }
    const uri = entryUri(line, base, limits);
    if (uri !== undefined) entries.push({ uri, ...about });
    about = {};
  }
  return entries;
}

/** `123 attr="a, b",Artist - Title`: some writers put attributes before the comma. */
function describe(info: string, limits: EntryLimits): Omit<PlaylistEntry, 'uri'> {
  const comma = commaOutsideQuotes(info);
  const duration = entryDuration(Number.parseFloat(info));
  return { title: comma < 0 ? undefined : entryText(info.slice(comma + 1), limits), duration };
}

/** Lines without their ends and without white space around; empty ones are left out. */
export function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/).map((line) => line.trim()).filter((line) => line !== '');
}

function commaOutsideQuotes(text: string): number {
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === ',' && !isQuoted) return at;
  }
  // A quotation mark that is never closed is part of the title.
  return text.indexOf(',');
}
