import { readAbility, readLength, readNumber, readRate, readStatus, readText, readTexts, readTrackId, readUrl, readVolume } from './mpris-values.ts';
import type { MprisStatus } from './mpris-values.ts';

/** @spec MPRIS v2.2 §Player_Interface */

export interface MprisLimits {
  /** Characters of a title, a name and the like. */
  readonly text: number;
  /** Characters of an address. */
  readonly url: number;
  /** Characters of the address of a picture, which may be all of it. */
  readonly art: number;
}

/** What a player has, as it says. */
export interface MprisTrack {
  /** An object path, to be given back. */
  readonly id: string | undefined;
  readonly url: string | undefined;
  readonly title: string | undefined;
  readonly artist: string | undefined;
  readonly album: string | undefined;
  readonly genre: string | undefined;
  readonly track: number | undefined;
  /** Seconds. */
  readonly duration: number | undefined;
  /** Where its picture is: a path of its machine, mostly. SECURITY: for nobody else. */
  readonly art: string | undefined;
}

/** Properties of a player, but for its position, which is asked for. */
export interface MprisReading {
  readonly status: MprisStatus;
  readonly rate: number;
  readonly track: MprisTrack;
  /** 0 to 100. */
  readonly volume: number | undefined;
  /** Whether it repeats by itself. */
  readonly repeats: boolean;
  readonly canControl: boolean;
  readonly canPlay: boolean;
  readonly canPause: boolean;
  readonly canSeek: boolean;
  readonly canGoNext: boolean;
  readonly canGoPrevious: boolean;
}

/** What a player is. */
export interface MprisIdentity {
  readonly name: string | undefined;
  /** Its program. */
  readonly desktopEntry: string | undefined;
  /** Of what it can be told to open, in lower case; none: nothing; undefined: it does not say. */
  readonly schemes: readonly string[] | undefined;
}

/** Properties by name, of any type. */
export type MprisProperties = Readonly<Record<string, unknown>>;

/** The properties of a player that are looked at. */
export const PLAYER_PROPERTIES = [
  'PlaybackStatus', 'LoopStatus', 'Rate', 'Metadata', 'Volume', 'CanControl', 'CanPlay', 'CanPause', 'CanSeek', 'CanGoNext', 'CanGoPrevious',
] as const;

/** Schemes that are looked at; the rest does not matter here. */
const SCHEMES = 256;

export function readPlayer(properties: MprisProperties, limits: MprisLimits): MprisReading {
  const { PlaybackStatus, LoopStatus, Rate, Metadata, Volume } = properties as Partial<Record<string, unknown>>;
  const canControl = readAbility(properties['CanControl']);
  // By the specification, nothing else can be done if it can't be controlled, whatever the others say.
  const can = (name: string): boolean => canControl && readAbility(properties[name]);
  return {
    status: readStatus(PlaybackStatus),
    rate: readRate(Rate),
    track: readTrack(Metadata, limits),
    volume: readVolume(Volume),
    repeats: LoopStatus === 'Track' || LoopStatus === 'Playlist',
    canControl,
    canPlay: can('CanPlay'),
    canPause: can('CanPause'),
    canSeek: can('CanSeek'),
    canGoNext: can('CanGoNext'),
    canGoPrevious: can('CanGoPrevious'),
  };
}

export function readTrack(metadata: unknown, { text, url, art }: MprisLimits): MprisTrack {
  const fields = isRecord(metadata) ? metadata : {};
  const number = readNumber(fields['xesam:trackNumber']);
  return {
    id: readTrackId(fields['mpris:trackid']),
    url: readUrl(fields['xesam:url'], url),
    title: readTexts(fields['xesam:title'], text),
    artist: readTexts(fields['xesam:artist'], text) ?? readTexts(fields['xesam:albumArtist'], text),
    album: readTexts(fields['xesam:album'], text),
    genre: readTexts(fields['xesam:genre'], text),
    track: number !== undefined && number >= 1 && number <= 65_535 ? Math.floor(number) : undefined,
    duration: readLength(fields['mpris:length']),
    art: readUrl(fields['mpris:artUrl'], art),
  };
}

export function readIdentity({ Identity, DesktopEntry, SupportedUriSchemes: schemes }: MprisProperties, { text }: Pick<MprisLimits, 'text'>): MprisIdentity {
  const known: readonly unknown[] | undefined = Array.isArray(schemes) ? schemes.slice(0, SCHEMES) : undefined;
  return {
    name: readText(Identity, text),
    desktopEntry: readText(DesktopEntry, text),
    // COMPAT: some write `http://`.
    schemes: known?.flatMap((one) => (typeof one === 'string' ? one.toLowerCase().replace(/:.*$/, '') || [] : [])),
  };
}

/** Whether two addresses name the same, as far as their spelling goes: players write them anew. */
export function isSameUrl(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && (one === other || plain(one) === plain(other));
}

function plain(url: string): string {
  try {
    return decodeURI(new URL(url).href);
  } catch {
    return url;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
