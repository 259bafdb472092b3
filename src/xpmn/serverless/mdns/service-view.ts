import { isDeepStrictEqual } from 'node:util';
import { byReach } from '../../model/link-addresses.ts';
import { instanceKey } from '../../model/service-entry.ts';
import type { DiscoveryLimits, FoundService } from '../../ports/service-discovery.ts';
import type { Seen } from './link-browser.ts';

/** What is seen on all links together, and what of it is new. */
export class ServiceView {
  private readonly limits: DiscoveryLimits;
  private known = new Map<string, FoundService>();

  constructor(limits: DiscoveryLimits) {
    this.limits = limits;
  }

  services(): readonly FoundService[] {
    return [...this.known.values()];
  }

  /** `links`: what is seen on each. */
  update(links: readonly (readonly Seen[])[]): { readonly found: readonly FoundService[]; readonly lost: readonly string[] } {
    const seen = new Map<string, Seen[]>();
    for (const one of links.flat()) seen.set(instanceKey(one.instance), [...(seen.get(instanceKey(one.instance)) ?? []), one]);
    const lost = [...this.known].filter(([key]) => !seen.has(key));
    for (const [key] of lost) this.known.delete(key);
    const found: FoundService[] = [];
    for (const [key, places] of seen) {
      const known = this.known.get(key);
      if (!known && this.known.size >= this.limits.instances) continue;
      const service = this.merge(places);
      this.known.set(key, service);
      if (!isDeepStrictEqual(known, service)) found.push(service);
    }
    return { found, lost: lost.map(([, { instance }]) => instance) };
  }

  clear(): void {
    this.known.clear();
  }

  /** All addresses; for the rest, what is newest: another link may have missed it. */
  private merge(places: readonly Seen[]): FoundService {
    const { instance, port, txt } = places.reduce((latest, one) => (one.at > latest.at ? one : latest));
    const addresses = [...new Set(places.flatMap((one) => one.addresses))].sort(byReach).slice(0, this.limits.addresses);
    return { instance, addresses, port, txt };
  }
}
