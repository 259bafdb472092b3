import type { Clock, Random } from '../kernel/clock.ts';
import type { MediaReference } from '../model/media-uri.ts';

export interface TicketOptions {
  /** Milliseconds from the last use until a URL is forgotten. */
  readonly lifetime: number;
  /** URLs at one time; the one unused for longest makes room. */
  readonly tickets: number;
}

/** What an unguessable path stands for: one item, for a while. */
export interface Ticket {
  readonly reference: MediaReference;
  readonly path: string;
}

interface Entry extends Ticket {
  used: number;
}

/**
 * The URLs that were given out. A path is bound to one item, can't be guessed, ends in a file extension, and has no query:
 * what old renderers insist on. The same item gets the same path while it is in use, so that players can come back.
 */
export class MediaTickets {
  private readonly deps: { readonly clock: Clock; readonly random: Random };
  private readonly options: TicketOptions;
  private readonly byToken = new Map<string, Entry>();
  private readonly byItem = new Map<string, string>();

  constructor(deps: { readonly clock: Clock; readonly random: Random }, options: TicketOptions) {
    this.deps = deps;
    this.options = options;
  }

  issue(reference: MediaReference, type: string): Ticket {
    const item = keyOf(reference);
    const known = this.byItem.get(item);
    const living = known === undefined ? undefined : this.find(known);
    if (living) return living;
    const token = this.deps.random.bytes(16).toString('base64url');
    const entry = { reference, path: `/m/${token}/media.${extensionFor(type)}`, used: this.deps.clock.now() };
    this.byToken.set(token, entry);
    this.byItem.set(item, token);
    if (this.byToken.size > this.options.tickets) this.forget(this.byToken.keys().next().value as string);
    return entry;
  }

  /** The ticket of a request's path; using it prolongs it. */
  atPath(path: string): Ticket | undefined {
    const token = /^\/m\/([A-Za-z0-9_-]{22})\/media\.[a-z0-9]{1,5}$/.exec(path)?.[1];
    const entry = token === undefined ? undefined : this.find(token);
    return entry?.path === path ? entry : undefined;
  }

  /** When the URL would be forgotten if nobody used it, Unix ms. */
  get expiry(): number {
    return this.deps.clock.now() + this.options.lifetime;
  }

  private find(token: string): Entry | undefined {
    const entry = this.byToken.get(token);
    if (!entry) return undefined;
    if (entry.used + this.options.lifetime < this.deps.clock.now()) {
      this.forget(token);
      return undefined;
    }
    entry.used = this.deps.clock.now();
    // Moved to the end: the first one is always the one unused for longest.
    this.byToken.delete(token);
    this.byToken.set(token, entry);
    return entry;
  }

  private forget(token: string): void {
    const entry = this.byToken.get(token);
    this.byToken.delete(token);
    if (entry) this.byItem.delete(keyOf(entry.reference));
  }
}

function keyOf({ device, uid }: MediaReference): string {
  return JSON.stringify([device, uid]);
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  'video/mp4': 'mp4', 'video/x-matroska': 'mkv', 'video/x-mkv': 'mkv', 'video/webm': 'webm', 'video/x-msvideo': 'avi', 'video/avi': 'avi',
  'video/mpeg': 'mpg', 'video/mp2t': 'ts', 'video/quicktime': 'mov', 'video/vnd.dlna.mpeg-tts': 'ts', 'audio/mpeg': 'mp3', 'audio/mp4': 'm4a',
  'audio/flac': 'flac', 'audio/x-flac': 'flac', 'audio/ogg': 'ogg', 'application/ogg': 'ogg', 'audio/wav': 'wav', 'audio/x-wav': 'wav',
  'audio/aac': 'aac', 'image/jpeg': 'jpg', 'image/png': 'png', 'image/gif': 'gif', 'image/webp': 'webp',
};

/** Players trust the extension more than the type. */
export function extensionFor(type: string): string {
  return (Object.hasOwn(EXTENSIONS, type) ? EXTENSIONS[type] : undefined) ?? 'bin';
}
