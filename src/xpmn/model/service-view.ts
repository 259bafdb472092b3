import { isDeepStrictEqual } from 'node:util';
import { byReach } from './link-addresses.ts';
import { instanceKey } from './service-entry.ts';

/** A service instance, wherever it was seen. */
interface Service {
  readonly instance: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly txt: Readonly<Record<string, string>>;
}

/** An instance as it is on one link. */
export interface SeenService extends Service {
  /** When it last said something new of itself. */
  readonly at: number;
}

/** What is seen on all links together, and what of it is new. */
export class ServiceView {
  private readonly limits: { readonly instances: number; readonly addresses: number };
  private known = new Map<string, Service>();

  constructor(limits: { readonly instances: number; readonly addresses: number }) {
    this.limits = limits;
  }

  services(): readonly Service[] {
    return [...this.known.values()];
  }

  /** `links`: what is seen on each. */
  update(links: readonly (readonly SeenService[])[]): { readonly found: readonly Service[]; readonly lost: readonly string[] } {
    const seen = new Map<string, SeenService[]>();
    for (const one of links.flat()) seen.set(instanceKey(one.instance), [...(seen.get(instanceKey(one.instance)) ?? []), one]);
    const lost = [...this.known].filter(([key]) => !seen.has(key));
    for (const [key] of lost) this.known.delete(key);
    const found: Service[] = [];
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
  private merge(places: readonly SeenService[]): Service {
    const { instance, port, txt } = places.reduce((latest, one) => (one.at > latest.at ? one : latest));
    const addresses = [...new Set(places.flatMap((one) => one.addresses))].sort(byReach).slice(0, this.limits.addresses);
    return { instance, addresses, port, txt };
  }
}
