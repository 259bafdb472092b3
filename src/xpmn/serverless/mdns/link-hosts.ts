import type { Random } from '../../kernel/clock.ts';
import { byReach, dialableOnLink } from '../../model/link-addresses.ts';
import type { Link } from '../../model/link-addresses.ts';
import { nameKey } from './dns-message.ts';
import type { DnsName, DnsQuestion, DnsRecord } from './dns-message.ts';
import { Lease } from './lease.ts';

/** What a host said just now stands beside what it says now: one record set may come in several packets. */
const SAME_SET = 1_000;

interface Host {
  readonly name: DnsName;
  /** By the address as it is dialled. */
  readonly addresses: Map<string, Lease<'A' | 'AAAA'>>;
}

/** The addresses of the hosts that somebody named, as far as they can be reached on the link. @spec RFC 6762 §10.2 */
export class LinkHosts {
  private link: Link;
  private readonly options: { readonly addresses: number; readonly maxLifetime: number };
  private readonly random: Random;
  private readonly hosts = new Map<string, Host>();

  constructor(link: Link, options: { readonly addresses: number; readonly maxLifetime: number }, random: Random) {
    this.link = link;
    this.options = options;
    this.random = random;
  }

  /** Keeps these hosts, and no others. */
  keep(names: readonly DnsName[]): void {
    const named = new Map(names.map((name) => [nameKey(name), name]));
    for (const key of this.hosts.keys()) if (!named.has(key)) this.hosts.delete(key);
    for (const [key, name] of named) if (!this.hosts.has(key)) this.hosts.set(key, { name, addresses: new Map() });
  }

  /** This machine has other addresses: what can't be reached any more is forgotten. */
  moveTo(link: Link): void {
    this.link = link;
    for (const { addresses } of this.hosts.values()) {
      for (const address of addresses.keys()) if (dialableOnLink([address], link).length === 0) addresses.delete(address);
    }
  }

  /** Tells whether any of the records belongs here, and whether any address is new. */
  heard(records: readonly DnsRecord[], sender: string, now: number): { readonly isTouched: boolean; readonly hasChanged: boolean } {
    const own = records.filter(({ name, data }) => 'address' in data && this.hosts.has(nameKey(name)));
    for (const record of own) if (record.flush && record.ttl > 0) this.replace(record, now);
    const added = own.filter((record) => this.take(record, sender, now));
    return { isTouched: own.length > 0, hasChanged: added.length > 0 };
  }

  expire(now: number): boolean {
    let hasChanged = false;
    for (const { addresses } of this.hosts.values()) {
      for (const [address, { until }] of addresses) if (until <= now) hasChanged = addresses.delete(address) || hasChanged;
    }
    return hasChanged;
  }

  /** Best first. */
  addressesOf(name: DnsName): string[] {
    const addresses = this.hosts.get(nameKey(name))?.addresses.keys() ?? [];
    return [...addresses].sort((a, b) => byReach(a, b) || (a < b ? -1 : 1));
  }

  missing(): DnsQuestion[] {
    const without = [...this.hosts.values()].filter(({ addresses }) => addresses.size === 0);
    return without.flatMap(({ name }): DnsQuestion[] => [{ name, type: 'A' }, { name, type: 'AAAA' }]);
  }

  leases(): { readonly question: DnsQuestion; readonly lease: Lease<unknown> }[] {
    const ofHost = ({ name, addresses }: Host) => [...addresses.values()].map((lease) => ({ question: { name, type: lease.value }, lease }));
    return [...this.hosts.values()].flatMap(ofHost);
  }

  /** The cache-flush bit: what was said of the name and type before is over. */
  private replace({ name, data }: DnsRecord, now: number): void {
    for (const lease of this.hosts.get(nameKey(name))?.addresses.values() ?? []) {
      if (lease.value === data.type && lease.since < now - SAME_SET) lease.end(now);
    }
  }

  /** Tells whether it is new. */
  private take({ name, ttl, data }: DnsRecord, sender: string, now: number): boolean {
    const host = this.hosts.get(nameKey(name));
    const [address] = host && 'address' in data ? dialableOnLink([data.address], this.link, sender) : [];
    if (!host || address === undefined || !('address' in data)) return false;
    const known = host.addresses.get(address);
    const standing = [...host.addresses.values()].filter(({ isEnding }) => !isEnding).length;
    if (ttl === 0) known?.end(now);
    else if (known || standing < this.options.addresses) {
      host.addresses.set(address, new Lease(data.type, now, Math.min(ttl * 1_000, this.options.maxLifetime), this.random.fraction()));
      return !known;
    }
    return false;
  }
}
