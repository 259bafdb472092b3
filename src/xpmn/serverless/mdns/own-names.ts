import type { Random } from '../../kernel/clock.ts';
import type { Link } from '../../model/link-addresses.ts';
import { instanceKey, nextLabel } from '../../model/service-entry.ts';
import { nameKey } from './dns-message.ts';
import type { DnsName } from './dns-message.ts';
import { hostClaim, serviceClaim } from './own-records.ts';
import type { Claim } from './own-records.ts';

/** So many conflicts within so many milliseconds, and each further name has to wait, until there was none for a while. @spec RFC 6762 §8.1 */
const CONFLICTS = { count: 15, within: 10_000, wait: 5_000, calm: 60_000 };

export interface OwnService {
  readonly wanted: string;
  readonly port: number;
  strings: readonly Buffer[];
  /** The label that it has on the links. */
  label: string;
  attempt: number;
}

/** The names that this machine claims: of its services, and of itself. */
export class OwnNames {
  /** A name of its own, and not the machine's: another responder beside us may have that one, with other addresses. */
  host: DnsName;
  private readonly service: DnsName;
  private readonly random: Random;
  private readonly services = new Set<OwnService>();
  private conflicts: number[] = [];
  private isFought = false;

  constructor(service: DnsName, random: Random) {
    this.service = service;
    this.random = random;
    this.host = this.newHost();
  }

  add(wanted: string, port: number, strings: readonly Buffer[]): OwnService {
    const own: OwnService = { wanted, port, strings, label: wanted, attempt: 1 };
    while (this.hasLabel(own.label)) this.next(own);
    this.services.add(own);
    return own;
  }

  remove(own: OwnService): void {
    this.services.delete(own);
  }

  /** Whether an instance is one of these. */
  isOwn({ instance, target }: { readonly instance: string; readonly target: DnsName }): boolean {
    return nameKey(target) === nameKey(this.host) || this.hasLabel(instance);
  }

  claimOf({ label, port, strings }: OwnService): Claim {
    return serviceClaim(this.service, this.host, { instance: label, port, strings });
  }

  hostClaim(link: Link): Claim {
    return hostClaim(this.host, link);
  }

  all(): readonly OwnService[] {
    return [...this.services];
  }

  /** The service of that name; undefined for the host, and for what is not ours. */
  serviceNamed(name: DnsName): OwnService | undefined {
    return this.all().find(({ label }) => nameKey([label, ...this.service]) === nameKey(name));
  }

  /** Somebody else has the name: another one is claimed instead. */
  rename(own: OwnService): void {
    do this.next(own);
    while (this.all().some((other) => other !== own && instanceKey(other.label) === instanceKey(own.label)));
  }

  renameHost(): void {
    this.host = this.newHost();
  }

  /** Notes a conflict; gives the milliseconds to wait before the next name is tried. */
  waitAfterConflict(now: number): number {
    this.isFought = this.isFought && (this.conflicts.at(-1) ?? 0) > now - CONFLICTS.calm;
    this.conflicts = [...this.conflicts, now].slice(-CONFLICTS.count);
    this.isFought ||= this.conflicts.length === CONFLICTS.count && (this.conflicts[0] ?? 0) > now - CONFLICTS.within;
    return this.isFought ? CONFLICTS.wait : 0;
  }

  private next(own: OwnService): void {
    own.attempt += 1;
    own.label = nextLabel(own.wanted, own.attempt);
  }

  private hasLabel(label: string): boolean {
    return this.all().some((own) => instanceKey(own.label) === instanceKey(label));
  }

  private newHost(): DnsName {
    return [`xpmn-${this.random.bytes(5).toString('hex')}`, 'local'];
  }
}
