import type { Clock, Random } from '../kernel/clock.ts';
import type { XpmnError } from '../kernel/errors.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { FeedProfile } from '../ports/player-feed.ts';
import { PLAIN_PROFILE } from '../ports/player-feed.ts';
import { profileKey, servedType } from './feed-profile.ts';

export interface TicketOptions {
  /** Milliseconds from the last use until a URL is forgotten. */
  readonly lifetime: number;
  /** URLs at one time; the one unused for longest makes room. */
  readonly tickets: number;
}

/** What an unguessable path stands for: one item, for players of one kind that come in by one door, for a while. */
export interface Ticket {
  readonly reference: MediaReference;
  readonly profile: FeedProfile;
  /** Local address that it is served at; undefined: at the port for this machine. */
  readonly door: string | undefined;
  readonly path: string;
  /** Why its bytes could not be had when they were last asked for. */
  readonly failure: XpmnError | undefined;
}

/** Whom a ticket is for. */
export interface TicketFor {
  readonly profile?: FeedProfile | undefined;
  readonly door?: string | undefined;
}

interface Entry extends Ticket {
  used: number;
  /** Requests in progress. */
  held: number;
  failure: XpmnError | undefined;
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

  issue(reference: MediaReference, type: string, { profile = PLAIN_PROFILE, door }: TicketFor = {}): Ticket {
    const item = keyOf({ reference, profile, door });
    const known = this.byItem.get(item);
    const living = known === undefined ? undefined : this.find(known);
    if (living) {
      living.failure = undefined;
      return living;
    }
    const token = this.deps.random.bytes(16).toString('base64url');
    const entry: Entry = { reference, profile, door, path: `/m/${token}/media.${extensionFor(servedType(type, profile))}`, used: this.deps.clock.monotonic(), held: 0, failure: undefined };
    this.byToken.set(token, entry);
    this.byItem.set(item, token);
    if (this.byToken.size > this.options.tickets) this.makeRoom();
    return entry;
  }

  /** The ticket of a request's path, at that door; using it prolongs it. */
  atPath(path: string, door?: string): Ticket | undefined {
    const token = /^\/m\/([A-Za-z0-9_-]{22})\/media\.[a-z0-9]{1,5}$/.exec(path)?.[1];
    const known = token === undefined ? undefined : this.byToken.get(token);
    if (token === undefined || known?.path !== path || known.door !== door) return undefined;
    return this.find(token);
  }

  /** A request is in progress until the returned function is called: a film may be paused for longer than a ticket lives. */
  hold(ticket: Ticket): () => void {
    const entry = ticket as Entry;
    entry.held += 1;
    return () => {
      entry.held -= 1;
      entry.used = this.deps.clock.monotonic();
    };
  }

  /** Whether its bytes can be had, as a request has found out. */
  note(ticket: Ticket, failure: XpmnError | undefined): void {
    (ticket as Entry).failure = failure;
  }

  /** Whether anything is still to be had at that door. */
  isOpen(door: string): boolean {
    return [...this.byToken.values()].some((entry) => entry.door === door && this.isLiving(entry));
  }

  /** When the URL would be forgotten if nobody used it, Unix ms. */
  get expiry(): number {
    return this.deps.clock.now() + this.options.lifetime;
  }

  private find(token: string): Entry | undefined {
    const entry = this.byToken.get(token);
    if (!entry) return undefined;
    if (!this.isLiving(entry)) {
      this.forget(token);
      return undefined;
    }
    entry.used = this.deps.clock.monotonic();
    // Moved to the end: the first one is always the one unused for longest.
    this.byToken.delete(token);
    this.byToken.set(token, entry);
    return entry;
  }

  private isLiving({ used, held }: Entry): boolean {
    return held > 0 || used + this.options.lifetime >= this.deps.clock.monotonic();
  }

  private makeRoom(): void {
    const tokens = [...this.byToken.keys()];
    this.forget(tokens.find((token) => this.byToken.get(token)?.held === 0) ?? (tokens[0] as string));
  }

  private forget(token: string): void {
    const entry = this.byToken.get(token);
    this.byToken.delete(token);
    if (entry) this.byItem.delete(keyOf(entry));
  }
}

function keyOf({ reference: { device, uid }, profile, door }: Pick<Ticket, 'reference' | 'profile' | 'door'>): string {
  return JSON.stringify([device, uid, door ?? '', profileKey(profile)]);
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
