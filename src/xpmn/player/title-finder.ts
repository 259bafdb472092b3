import type { Clock } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { throwIfAborted, withDeadline } from '../kernel/tasks.ts';
import type { FeedTarget, PlayerFeed, PlayerMedia } from '../ports/player-feed.ts';
import { currentTitle, expand } from './play-list.ts';
import type { ListedTitle, PlayList } from './play-list.ts';
import { isPlayableUri } from './playlist-entry.ts';
import type { PlaylistEntry } from './playlist-entry.ts';
import { parsePlaylist, playlistFormat } from './playlist-file.ts';
import type { PlaylistFileLimits } from './playlist-file.ts';

export interface TitleFinderOptions {
  readonly playlist: PlaylistFileLimits & {
    readonly bytes: number;
    /** Playlists in playlists. */
    readonly depth: number;
  };
  /** Milliseconds to make a title available, playlists included. */
  readonly feedTimeout: number;
  /** Milliseconds for which what was made available ahead is still good. */
  readonly readyFor: number;
}

export interface FoundTitle {
  /** As it was, or with the titles of a playlist in that one's place. */
  readonly list: PlayList;
  readonly media: PlayerMedia;
}

/** Makes the titles of a list available. Those that turn out to be playlists are opened only when it is their turn. */
export class TitleFinder {
  private readonly deps: { readonly feed: PlayerFeed; readonly clock: Clock };
  private readonly options: TitleFinderOptions;
  /** What was found already, for later. */
  private ready: { readonly title: ListedTitle; readonly media: PlayerMedia; readonly until: number } | undefined;

  constructor(deps: { readonly feed: PlayerFeed; readonly clock: Clock }, options: TitleFinderOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** The current title of `list`. @throws XpmnError as PlayerFeed; `origin-unreachable` for whoever has it and could not be reached; `unsupported-type` for other URIs, and for playlists that hold nothing playable */
  async find(list: PlayList, target: FeedTarget, signal: AbortSignal): Promise<FoundTitle> {
    const title = currentTitle(list);
    if (this.ready?.title === title && this.ready.until > this.deps.clock.monotonic()) return { list, media: this.ready.media };
    const { clock } = this.deps;
    try {
      return await withDeadline({ clock, signal, delay: this.options.feedTimeout, what: 'Getting the media' }, (within) => this.look(list, target, within));
    } catch (error) {
      throwIfAborted(signal);
      throw ofTheMedia(asXpmnError(error));
    }
  }

  /** What `find` answers for this title for a while, until another one is kept. */
  keep(title: ListedTitle, media: PlayerMedia): void {
    this.ready = { title, media, until: this.deps.clock.monotonic() + this.options.readyFor };
  }

  forget(): void {
    this.ready = undefined;
  }

  private async look(list: PlayList, target: FeedTarget, signal: AbortSignal): Promise<FoundTitle> {
    const title = currentTitle(list);
    // SECURITY: whoever opens, and whatever playlist it stood in.
    if (!isPlayableUri(title.uri)) throw new XpmnError('unsupported-type', 'Players are given media items of the network, and http(s) URLs.');
    const media = await this.deps.feed.media(title.uri, target, { signal });
    throwIfAborted(signal);
    const held = await this.open(title, media, signal);
    return held ? this.look(expand(list, title, held, this.options.playlist.items), target, signal) : { list, media };
  }

  /** What a playlist holds; undefined for anything else. */
  private async open({ uri, depth }: ListedTitle, { mimeType, item }: PlayerMedia, signal: AbortSignal): Promise<PlaylistEntry[] | undefined> {
    const { playlist } = this.options;
    const format = playlistFormat(mimeType, [uri, item.name, item.title]);
    if (!format) return undefined;
    if (depth >= playlist.depth) throw new XpmnError('unsupported-type', 'There are too many playlists in playlists.');
    const { body } = await this.deps.feed.text(uri, { limit: playlist.bytes, signal });
    throwIfAborted(signal);
    const held = parsePlaylist(format, body, uri, playlist);
    if (held.length === 0) throw new XpmnError('unsupported-type', 'The playlist holds nothing that can be played.');
    return held;
  }
}

/** That the device with the media can't be reached must not look as if the player could not. */
function ofTheMedia(error: XpmnError): XpmnError {
  if (error.family !== 'unreachable' || error.code === 'resource-limit' || error.code === 'aborted') return error;
  return new XpmnError('origin-unreachable', 'The device that has the item can\'t be reached.', { cause: error });
}
