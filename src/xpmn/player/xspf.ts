import { parseXml } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import { child, childText, childrenNamed, textOf } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { entryDuration, entryText, entryUri, resolveUri } from './playlist-entry.ts';
import type { EntryRules, PlaylistEntry } from './playlist-entry.ts';

/**
 * Entries of an XSPF list (version 0 or 1); tracks that name nothing playable are left out.
 * @throws XpmnError as the XML parser: `malformed`, `xml-restricted`, `too-large`
 */
export function parseXspf(text: string, base: string, limits: EntryRules & { readonly xml: XmlLimits }): PlaylistEntry[] {
  const root = parseXml(withoutAsides(text.replace(/^\ufeff/, '')).trim(), limits.xml);
  const list = root.name === 'playlist' ? child(root, 'trackList') : undefined;
  const own = resolveUri(root.attrs['xml:base'] ?? '', base)?.href ?? base;
  const entries: PlaylistEntry[] = [];
  for (const track of list ? childrenNamed(list, 'track') : []) {
    if (entries.length >= limits.items) break;
    const uri = locationOf(track, own, limits);
    if (uri === undefined) continue;
    const duration = entryDuration(Number(childText(track, 'duration')?.trim()) / 1000);
    entries.push({ uri, title: entryText(childText(track, 'title'), limits), artist: entryText(childText(track, 'creator'), limits), duration });
  }
  return entries;
}

/** A track may name several places for the same thing: the first that may be played counts. */
function locationOf(track: XmlElement, base: string, limits: EntryRules): string | undefined {
  for (const location of childrenNamed(track, 'location')) {
    const uri = entryUri(textOf(location), base, limits);
    if (uri !== undefined) return uri;
  }
  return undefined;
}

/** Without comments and processing instructions: files have them, and the parser takes none. In one pass, whatever the text. */
function withoutAsides(text: string): string {
  let out = '';
  let kept = 0;
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    const closing = text.startsWith('<!--', at) ? '-->' : text.startsWith('<?', at) ? '?>' : undefined;
    const end = closing === undefined ? at : text.indexOf(closing, at + 2);
    if (end < 0) break;
    if (closing !== undefined) {
      out += text.slice(kept, at);
      kept = end + closing.length;
    }
    at = Math.max(kept, at + 1);
  }
  return out + text.slice(kept);
}
