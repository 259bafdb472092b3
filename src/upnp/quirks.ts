import type { FeedProfile } from '../xpmn/ports/player-feed.ts';

/** How a renderer is told where to go on. */
export type SeekFormat = 'rel-time' | 'rel-time-fraction' | 'abs-time';

/** What a kind of device needs to be treated otherwise in; what is missing is as usual. */
export interface DeviceQuirks {
  /** What it insists on when it fetches media. */
  readonly feed?: Partial<FeedProfile>;
  readonly seek?: SeekFormat;
  /** It has SetNextAVTransportURI, and it does not work. */
  readonly ignoreNext?: boolean;
  /** Its events are not to be relied on. */
  readonly poll?: 'always';
  /** Of what is to be played. */
  readonly metadata?: 'full' | 'minimal' | 'none';
  /** It is stopped before each item, also where it plays nothing. */
  readonly stopBeforeLoad?: boolean;
  /** It plays what is set without being told to: that is kept back until it is to play. */
  readonly playsWhatIsSet?: boolean;
}

/** Which devices; all that are given must fit. Without `*` a part of the text is enough; with it, the whole must fit. Case does not matter. */
export interface QuirkMatch {
  readonly manufacturer?: string;
  readonly model?: string;
  readonly name?: string;
}

export interface QuirkEntry extends DeviceQuirks {
  readonly match: QuirkMatch;
}

export interface DeviceNames {
  readonly manufacturer: string | undefined;
  readonly modelName: string | undefined;
  readonly friendlyName: string;
}

/** All entries that fit, the later ones over the earlier. */
export function quirksFor(device: DeviceNames, entries: readonly QuirkEntry[]): DeviceQuirks {
  let quirks: DeviceQuirks = {};
  for (const { match, ...more } of entries) {
    if (!fits(match, device)) continue;
    const mimeTypes = { ...quirks.feed?.mimeTypes, ...more.feed?.mimeTypes };
    quirks = { ...quirks, ...more, ...(quirks.feed || more.feed ? { feed: { ...quirks.feed, ...more.feed, mimeTypes } } : {}) };
  }
  return quirks;
}

function fits(match: QuirkMatch, { manufacturer, modelName, friendlyName }: DeviceNames): boolean {
  const pairs = [[match.manufacturer, manufacturer], [match.model, modelName], [match.name, friendlyName]] as const;
  return pairs.every(([pattern, text]) => pattern === undefined || globFits(pattern, text ?? ''));
}

/** SECURITY: patterns come from files that people share, so they are no regular expressions: those can take forever. */
export function globFits(pattern: string, text: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), text.toLowerCase()];
  if (!wanted.includes('*')) return given.includes(wanted);
  const [first = '', ...rest] = wanted.split('*');
  const last = rest.pop() ?? '';
  if (!given.startsWith(first) || !given.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = given.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= given.length - last.length;
}
