import type { XpmnError } from '../kernel/errors.ts';
import type { MediaItem } from '../model/media.ts';

/** What a kind of device insists on when it fetches media; the defaults suit players that know HTTP. */
export interface FeedProfile {
  /** How the length of a whole file is told: as it is; in chunks; or by the end of the connection. */
  readonly length: 'exact' | 'chunked' | 'close';
  /** MIME types that are called otherwise: by the true one, in lower case. */
  readonly mimeTypes: Readonly<Record<string, string>>;
  /** Whether DLNA headers are sent without being asked for. */
  readonly dlnaAlways: boolean;
  /** Connections that are kept between requests. */
  readonly keepAlive: boolean;
}

/** For players that know HTTP. */
export const PLAIN_PROFILE: FeedProfile = { length: 'exact', mimeTypes: {}, dlnaAlways: false, keepAlive: true };

/** Who fetches, and how. */
export interface FeedTarget {
  /** Address of the player, an IP literal; undefined for one on this machine. */
  readonly address: string | undefined;
  readonly profile: FeedProfile;
}

/** Media as a player is given it. */
export interface PlayerMedia {
  /** `http:` always: of the local media port, or of the server itself where both are on one LAN. */
  readonly url: string;
  /** What the answer's Content-Type will be. */
  readonly mimeType: string;
  /** Fourth field of protocolInfo, the same as the header `contentFeatures.dlna.org` will say; `*` if nothing is known. */
  readonly contentFeatures: string;
  /** Bytes; undefined of a live source. */
  readonly size: number | undefined;
  /** What is known of it, for the player's display; the uri in there means nothing to the player. */
  readonly item: MediaItem;
  /** Whether one can go to another place of it: a live source has none. */
  readonly isSeekable: boolean;
  /** Why its bytes could not be had when the player last asked for them: then it stops as if that were the end. Left out where they don't pass through here. */
  readonly failure?: () => XpmnError | undefined;
}

/**
 * Makes what a URI names available to one player. What it hands out is an `http:` URL that names nothing but this item, and can't be
 * guessed where it is ours.
 */
export interface PlayerFeed {
  /**
   * @throws XpmnError `unsupported-type` for a URI of a kind that nobody may hand to a player (PROTOCOL §7), `not-found`, `not-allowed`,
   * `origin-unreachable`, or why its device could not be reached
   */
  media(uri: string, target: FeedTarget, options: { readonly signal: AbortSignal }): Promise<PlayerMedia>;
  /** A playlist's text. @throws XpmnError as `media`; `too-large` */
  text(uri: string, options: { readonly limit: number; readonly signal: AbortSignal }): Promise<{ readonly body: string; readonly mimeType: string }>;
}
