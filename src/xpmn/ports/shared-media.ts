import type { MediaLibrary } from './media-device.ts';

export interface ShareOptions {
  /** What it is called by whoever names it, as playlists do; undefined: by its own name. */
  readonly title?: string | undefined;
  /** Nothing of this machine or its networks, wherever a name or a redirect leads; for what others name. */
  readonly publicOnly?: boolean | undefined;
  readonly signal: AbortSignal;
}

/**
 * Files and URLs that the user of this machine, or a device, wants to be played elsewhere: each an item for a while, under a uid that can't be
 * guessed. As a library it can't be listed (`browse` rejects `not-allowed`); `object` finds by uid.
 */
export interface SharedMedia extends MediaLibrary {
  /**
   * Makes an absolute path, or an `http(s):` URL, an item, and gives its uid; the same one under the same title while it lasts.
   *
   * @throws XpmnError `not-found`, `not-allowed`, `unsupported-type` for what is no media, `origin-unreachable`, `origin-broken`
   */
  share(what: string, options: ShareOptions): Promise<string>;
}
