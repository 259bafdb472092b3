/**
 * Values as players write them into properties and metadata. What says nothing is undefined; nothing throws. The types of the
 * specification are accepted, and those that players are known to use instead.
 * @spec MPRIS v2.2 §Player_Interface
 */

/** Microseconds; more than a century is no length of anything. */
const LONGEST = 3.2e15;
const TRACK_ID = /^\/(?:\w+(?:\/\w+)*)?$/;
/** What the specification says for "no track". */
const NO_TRACK = '/org/mpris/MediaPlayer2/TrackList/NoTrack';
const PATH_LENGTH = 255;

/** Text without control characters, of at most `limit` characters. */
export function readText(value: unknown, limit: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  // A bound before anything is looked at: it may be megabytes.
  const text = value.slice(0, 2 * limit).replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim();
  return [...text].slice(0, limit).join('').trim() || undefined;
}

/** Several texts as one; COMPAT: players write one text where the specification has a list, and the other way round. */
export function readTexts(value: unknown, limit: number): string | undefined {
  if (!Array.isArray(value)) return readText(value, limit);
  const texts = value.slice(0, limit).flatMap((one) => readText(one, limit) ?? []);
  return readText(texts.join(', '), limit);
}

/** Characters of a `data:` URL that are looked at: megabytes may follow, each time that anything is read, and whoever decodes them looks at all. */
const DATA_HEAD = 1024;

/** An address, cut never: half of one is another. */
export function readUrl(value: unknown, limit: number): string | undefined {
  if (typeof value !== 'string' || value.length > limit || !/^[a-z][\w+.-]*:/i.test(value)) return undefined;
  return /[\p{Cc}\s]/u.test(/^data:/i.test(value) ? value.slice(0, DATA_HEAD) : value) ? undefined : value;
}

/** COMPAT: int64 by the specification; int32, uint64, double and text are met. */
export function readNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\s*[+-]?\d{1,20}(?:\.\d{1,20})?\s*$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' && typeof number !== 'bigint') return undefined;
  return Number.isFinite(Number(number)) ? Number(number) : undefined;
}

/** Seconds of microseconds, 0 and more. */
export function readTime(value: unknown): number | undefined {
  const micros = readNumber(value);
  return micros === undefined || micros < 0 || micros > LONGEST ? undefined : Math.round(micros / 1000) / 1000;
}

/** Seconds; 0 is how players say that they do not know. */
export function readLength(value: unknown): number | undefined {
  return readTime(value) || undefined;
}

/** Microseconds of seconds, as D-Bus writes an int64. */
export function mprisTime(seconds: number): bigint {
  return BigInt(Math.round(seconds * 1e6));
}

/** 0 to 100; players that go beyond 1.0 amplify, which has no place there. */
export function readVolume(value: unknown): number | undefined {
  const volume = readNumber(value);
  return volume === undefined ? undefined : Math.round(100 * Math.min(1, Math.max(0, volume)));
}

export function mprisVolume(volume: number): number {
  return volume / 100;
}

/** Something that can be given back as an object path; COMPAT: text by the type is taken if it is one. */
export function readTrackId(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= PATH_LENGTH && TRACK_ID.test(value) && value !== NO_TRACK ? value : undefined;
}

export type MprisStatus = 'playing' | 'paused' | 'stopped';

const STATUS: Readonly<Record<string, MprisStatus>> = { Playing: 'playing', Paused: 'paused', Stopped: 'stopped' };

export function readStatus(value: unknown): MprisStatus {
  return (typeof value === 'string' && Object.hasOwn(STATUS, value) && STATUS[value]) || 'stopped';
}

/** Speeds that there are; 0 is not one of them, by the specification. */
export function readRate(value: unknown): number {
  const rate = readNumber(value);
  return rate !== undefined && rate > 0 && rate <= 100 ? rate : 1;
}

/** Whether it can; what nobody can tell is taken to work. */
export function readAbility(value: unknown): boolean {
  return value !== false;
}
