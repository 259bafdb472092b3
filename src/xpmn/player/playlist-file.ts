import { XpmnError } from '../kernel/errors.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import { isHls, parseM3u } from './m3u.ts';
import type { EntryLimits, EntryRules, PlaylistEntry } from './playlist-entry.ts';
import { parsePls } from './pls.ts';
import { parseXspf } from './xspf.ts';

export type PlaylistFormat = 'm3u' | 'pls' | 'xspf';

export interface PlaylistFileLimits extends EntryLimits {
  readonly xml: XmlLimits;
}

const BY_TYPE: Readonly<Record<string, PlaylistFormat>> = {
  'audio/x-mpegurl': 'm3u', 'audio/mpegurl': 'm3u', 'application/x-mpegurl': 'm3u', 'application/mpegurl': 'm3u', 'application/vnd.apple.mpegurl': 'm3u',
  'audio/x-scpls': 'pls', 'audio/scpls': 'pls', 'application/pls+xml': 'pls',
  'application/xspf+xml': 'xspf',
};
const BY_EXTENSION: Readonly<Record<string, PlaylistFormat>> = { m3u: 'm3u', m3u8: 'm3u', pls: 'pls', xspf: 'xspf' };
/** What says nothing of the kind of a file; any other type is believed. */
const VAGUE = /^$|^\*$|^text\/|^application\/(octet-stream|x-octet-stream|binary|xml|x-download)$/;

/** Whether what is told of a file makes it a playlist: its type, or else how one of its names ends. */
export function playlistFormat(mimeType: string, names: readonly (string | undefined)[]): PlaylistFormat | undefined {
  const type = (mimeType.split(';', 1)[0] as string).trim().toLowerCase();
  if (Object.hasOwn(BY_TYPE, type)) return BY_TYPE[type];
  if (!VAGUE.test(type)) return undefined;
  for (const name of names) {
    const extension = /\.([a-z0-9]{3,4})$/i.exec((name ?? '').replace(/[?#].*$/s, ''))?.[1]?.toLowerCase();
    if (extension !== undefined && Object.hasOwn(BY_EXTENSION, extension)) return BY_EXTENSION[extension];
  }
  return undefined;
}

/**
 * The entries of a playlist whose own URI is `base`. What the list says is believed as far as titles go; what it names may be anything that
 * `isPlayableUri` allows, or `local`.
 * @throws XpmnError `malformed`, `xml-restricted`, `too-large` for an XSPF list that is no XML of ours; `unsupported-type` for an HLS list
 */
export function parsePlaylist(format: PlaylistFormat, text: string, base: string, limits: PlaylistFileLimits & Pick<EntryRules, 'local'>): PlaylistEntry[] {
  if (format === 'xspf') return parseXspf(text, base, limits);
  if (format === 'pls') return parsePls(text, base, limits);
  // SECURITY: its pieces a player would fetch by itself, past all that is asked of what it is given (PROTOCOL §7).
  if (isHls(text)) throw new XpmnError('unsupported-type', 'Streams in pieces (HLS) are not played.');
  return parseM3u(text, base, limits);
}
