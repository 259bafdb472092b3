/**
 * What multicast DNS says, as plain data. Names are lists of labels and never joined: the label of a service instance may
 * have dots of its own.
 * @spec RFC 1035 §4.1
 * @spec RFC 6762 §18
 */

/** From the left: `['nas 2.1@verona', '_presence', '_tcp', 'local']`. */
export type DnsName = readonly string[];

export const DNS_TYPES = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, NSEC: 47, ANY: 255 } as const;

export type RecordType = Exclude<keyof typeof DNS_TYPES, 'ANY'>;
export type QuestionType = keyof typeof DNS_TYPES;

export type DnsData =
  | { readonly type: 'PTR'; readonly target: DnsName }
  | { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: DnsName }
  | { readonly type: 'TXT'; readonly strings: readonly Buffer[] }
  /** IP literal without zone. */
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  /** The types that a name has; there are no others (RFC 6762 §6.1). */
  | { readonly type: 'NSEC'; readonly next: DnsName; readonly types: readonly RecordType[] };

export interface DnsRecord {
  readonly name: DnsName;
  /** Seconds; 0: gone. */
  readonly ttl: number;
  /** Whether this replaces what was said of the name and type before (the cache-flush bit). */
  readonly flush: boolean;
  readonly data: DnsData;
}

export interface DnsQuestion {
  readonly name: DnsName;
  readonly type: QuestionType;
}

export interface DnsMessage {
  /** 0 in multicast DNS; resolvers of the older kind want theirs back. */
  readonly id: number;
  readonly isResponse: boolean;
  /** More known answers follow in the next message. */
  readonly isTruncated: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** Under which a name is one and the same: no case in ASCII. Dots inside of labels are told from those between. */
export function nameKey(name: DnsName): string {
  const known = nameKeys.get(name);
  if (known !== undefined) return known;
  const escaped = name.map((label) => label.replace(/[\\.]/g, '\\$&'));
  const key = escaped.join('.').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  nameKeys.set(name, key);
  return key;
}

/** Names never change, and are compared again and again. */
const nameKeys = new WeakMap<DnsName, string>();
