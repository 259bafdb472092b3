import { parseMediaUri } from '../model/media-uri.ts';

/** One title of a playlist: what to play, and what the list says of it. */
export interface PlaylistEntry {
  readonly uri: string;
  readonly title?: string | undefined;
  readonly artist?: string | undefined;
  /** Seconds. */
  readonly duration?: number | undefined;
}

export interface EntryLimits {
  /** Entries that are read; what follows is left out. */
  readonly items: number;
  /** Characters of a URI; longer ones are left out. */
  readonly uriLength: number;
  /** Characters of a title; longer ones are cut. */
  readonly textLength: number;
}

export interface EntryRules extends EntryLimits {
  /** What an entry means beside what anybody may play: to the owner of the list, who has it on the own disk. */
  readonly local?: ((text: string) => string | undefined) | undefined;
}

/** `http:`, `https:`, and `xmpp:` URIs of media items. SECURITY: never `file:` or any other (PROTOCOL §7). */
export function isPlayableUri(uri: string): boolean {
  if (uri.startsWith('xmpp:')) return isMediaUri(uri);
  return /^https?:$/.test(resolveUri(uri)?.protocol ?? '');
}

/** `uri`, which may be relative to `base`; undefined if that makes no URL. */
export function resolveUri(uri: string, base?: string): URL | undefined {
  return URL.canParse(uri, base) ? new URL(uri, base) : undefined;
}

/** What a playlist at `base` means by `text`; undefined for what nobody may play, and for what makes no sense. */
export function entryUri(text: string, base: string, { uriLength, local }: Pick<EntryRules, 'uriLength' | 'local'>): string | undefined {
  const uri = text.trim();
  if (uri === '' || uri.length > uriLength) return undefined;
  const own = local?.(uri);
  if (own !== undefined) return own;
  if (uri.startsWith('xmpp:')) return isMediaUri(uri) ? uri : undefined;
  const resolved = resolveUri(uri, base)?.href;
  return resolved !== undefined && resolved.length <= uriLength && !resolved.startsWith('xmpp:') && isPlayableUri(resolved) ? resolved : undefined;
}

/** Text of a list, for people: one line, not too long; undefined if nothing is left. */
export function entryText(text: string | undefined, { textLength }: Pick<EntryLimits, 'textLength'>): string | undefined {
  const clean = text?.slice(0, 2 * textLength).replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, textLength);
  return clean === '' ? undefined : clean;
}

/** A length that makes sense: lists say -1 or 0 of what they don't know. */
export function entryDuration(seconds: number): number | undefined {
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

function isMediaUri(uri: string): boolean {
  try {
    parseMediaUri(uri);
    return true;
  } catch {
    return false;
  }
}
