import type { Link } from '../../model/link-addresses.ts';
import { DNS_TYPES, nameKey } from './dns-message.ts';
import type { DnsData, DnsName, DnsRecord } from './dns-message.ts';
import { rawData } from './dns-writer.ts';

/** Seconds that others keep what names a host, and everything else. @spec RFC 6762 §10 */
const HOST_TTL = 120;
const OTHER_TTL = 4_500;

/** Everything this machine says of one name. */
export interface Claim {
  /** Nobody else on the link may have it. */
  readonly name: DnsName;
  /** The records of the name itself, and the one that says there are no others. */
  readonly unique: readonly DnsRecord[];
  readonly denial: DnsRecord;
  /** Leads here from the name of the service. */
  readonly pointer: DnsRecord | undefined;
  /** Leads to the service from the list of all types; everybody who has an instance says the same. */
  readonly listing: DnsRecord | undefined;
}

/** `_presence._tcp` as the name that is browsed. */
export function serviceName(type: string): DnsName {
  return [...type.split('.'), 'local'];
}

/** The name under which all service types of a link are listed. @spec RFC 6763 §9 */
export const TYPE_LIST: DnsName = ['_services', '_dns-sd', '_udp', 'local'];

export function serviceClaim(
  service: DnsName,
  host: DnsName,
  { instance, port, strings }: { readonly instance: string; readonly port: number; readonly strings: readonly Buffer[] },
): Claim {
  const name = [instance, ...service];
  return {
    name,
    unique: [
      unique(name, HOST_TTL, { type: 'SRV', priority: 0, weight: 0, port, target: host }),
      unique(name, OTHER_TTL, { type: 'TXT', strings }),
    ],
    denial: unique(name, OTHER_TTL, { type: 'NSEC', next: name, types: ['TXT', 'SRV'] }),
    pointer: shared(service, name),
    listing: shared(TYPE_LIST, service),
  };
}

export function hostClaim(host: DnsName, { addresses }: Link): Claim {
  const records = addresses.map(({ address }) => unique(host, HOST_TTL, { type: address.includes(':') ? 'AAAA' : 'A', address }));
  const types = (['A', 'AAAA'] as const).filter((type) => records.some(({ data }) => data.type === type));
  return { name: host, unique: records, denial: unique(host, HOST_TTL, { type: 'NSEC', next: host, types }), pointer: undefined, listing: undefined };
}

/** All that is said of a name, in the order of being asked for. */
export function recordsOf({ listing, pointer, unique: own }: Claim): DnsRecord[] {
  return [listing, pointer, ...own].filter((record) => record !== undefined);
}

/** The same, said to be gone; the list of types is everybody's. @spec RFC 6762 §10.1 */
export function goodbye({ pointer, unique: own }: Claim): DnsRecord[] {
  return [...(pointer ? [pointer] : []), ...own].map((record) => ({ ...record, ttl: 0 }));
}

/** Under which a record is one and the same, whatever its lifetime. */
export function recordKey(record: DnsRecord): string {
  const known = recordKeys.get(record);
  if (known !== undefined) return known;
  const { name, data } = record;
  const key = `${nameKey(name)} ${data.type} ${rawData(data).toString('latin1')}`;
  recordKeys.set(record, key);
  return key;
}

const recordKeys = new WeakMap<DnsRecord, string>();

/** Which of two sets of records for one name wins when both are probed for. @spec RFC 6762 §8.2 */
export function compareRecords(a: readonly DnsRecord[], b: readonly DnsRecord[]): number {
  const [mine, theirs] = [a, b].map((records) => records.map(({ data }) => comparable(data)).sort(Buffer.compare)) as [Buffer[], Buffer[]];
  for (let index = 0; index < Math.min(mine.length, theirs.length); index += 1) {
    const order = Buffer.compare(mine[index] as Buffer, theirs[index] as Buffer);
    if (order !== 0) return order;
  }
  return mine.length - theirs.length;
}

function comparable(data: DnsData): Buffer {
  return Buffer.concat([Buffer.from([DNS_TYPES[data.type]]), rawData(data)]);
}

function unique(name: DnsName, ttl: number, data: DnsData): DnsRecord {
  return { name, ttl, flush: true, data };
}

function shared(name: DnsName, target: DnsName): DnsRecord {
  return { name, ttl: OTHER_TTL, flush: false, data: { type: 'PTR', target } };
}
