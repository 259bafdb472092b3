import type { Picture } from '../model/picture.ts';

/** Fetches the pictures that programs of this machine name. */
export interface PictureLoader {
  /**
   * What lies at a URL that a player here has stated itself; never one that a peer, or a device of the LAN, has. `file:` are ordinary files of this machine, `http(s):`
   * what the whole world can reach, wherever a name or a redirect leads, and `data:` says it all itself. What it is, its first bytes say.
   *
   * @throws XpmnError `not-found`, `not-allowed`, `unsupported-type` for what is no JPEG, PNG, GIF or WebP, `too-large`, `origin-unreachable`, `origin-broken`,
   * `truncated`; the signal's reason
   */
  load(url: string, options: { readonly signal: AbortSignal }): Promise<Picture>;
}
