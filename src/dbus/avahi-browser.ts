import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../xpmn/kernel/clock.ts';
import { dialableOnLink } from '../xpmn/model/link-addresses.ts';
import type { Link } from '../xpmn/model/link-addresses.ts';
import { decodeTxt, instanceKey, isInstanceLabel } from '../xpmn/model/service-entry.ts';
import type { SeenService } from '../xpmn/model/service-view.ts';
import type { DiscoveryLimits } from '../xpmn/ports/service-discovery.ts';
import type { BusSignal } from './bus.ts';
import type { AvahiQueue } from './avahi-announcer.ts';
import { AvahiHosts } from './avahi-hosts.ts';
import type { AvahiObject, AvahiObjects } from './avahi-objects.ts';
import { RetryTimer } from './retry-timer.ts';

const ANY = -1;
const LOCAL = 'local';
/** Of a resolver: the addresses come by browsers of their own, all of them. */
const NO_ADDRESS = 8;

interface Found {
  readonly host: string;
  readonly port: number;
  readonly txt: Readonly<Record<string, string>> | undefined;
}

/** An instance on one interface. */
interface Item {
  readonly index: number;
  readonly label: string;
  readonly type: string;
  readonly protocols: Set<unknown>;
  link: string;
  found: Found | undefined;
  at: number;
  resolver: AvahiObject | undefined;
  readonly retry: RetryTimer;
}

/**
 * Browses by avahi: one browser, a resolver for each instance and interface, and the addresses of their hosts. The
 * limit to instances is one for all interfaces: avahi keeps no more than 1,024 objects for a client, and of these we need
 * three for an instance, and one for each that we announce.
 */
export class AvahiBrowser {
  private readonly objects: AvahiObjects;
  private readonly clock: Clock;
  private readonly queue: AvahiQueue;
  private readonly limits: DiscoveryLimits;
  private readonly type: string;
  private readonly onNews: () => void;
  private readonly hosts: AvahiHosts;
  private readonly items = new Map<string, Item>();
  private readonly names = new Map<number, string>();
  private readonly again: RetryTimer;
  private browser: AvahiObject | undefined;
  /** Whether instances were left out for lack of room. */
  private isIncomplete = false;
  private isOver = false;

  constructor(
    deps: { readonly objects: AvahiObjects; readonly clock: Clock; readonly queue: AvahiQueue; readonly onNews: () => void },
    type: string,
    limits: DiscoveryLimits,
  ) {
    this.objects = deps.objects;
    this.clock = deps.clock;
    this.queue = deps.queue;
    this.onNews = deps.onNews;
    this.type = type;
    this.limits = limits;
    this.hosts = new AvahiHosts(deps, limits.addresses);
    this.again = new RetryTimer(deps.clock);
  }

  /** Also anew: avahi says all that it knows to a new browser. */
  async begin(): Promise<void> {
    if (this.isOver) return;
    const before = this.browser;
    this.isIncomplete = false;
    try {
      this.browser = await this.objects.create('ServiceBrowser', 'iissu', [ANY, ANY, this.type, '', 0], (signal) => this.heard(signal));
      this.again.reset();
    } catch (error) {
      this.beginLater();
      throw error;
    }
    await before?.free();
  }

  /** Lets go of everything. */
  async end(): Promise<void> {
    this.isOver = true;
    this.again.cancel();
    const all = [this.browser, ...[...this.items.values()].map(({ resolver }) => resolver)];
    for (const item of [...this.items.values()]) this.drop(item);
    await Promise.all(all.map((one) => one?.free()));
  }

  /** Avahi is gone. */
  forget(): void {
    for (const { retry } of this.items.values()) retry.cancel();
    this.again.cancel();
    this.items.clear();
    this.hosts.forget();
    this.names.clear();
    this.browser = undefined;
  }

  /** What is there, by the links of this machine. */
  services(links: readonly Link[]): SeenService[] {
    const seen: SeenService[] = [];
    for (const { index, label, link: name, found, at } of this.items.values()) {
      const link = links.find((one) => one.name === name);
      if (!link || !found?.txt || found.port === 0) continue;
      const addresses = dialableOnLink(this.hosts.addressesOf(index, found.host), link);
      if (addresses.length > 0) seen.push({ instance: label, addresses, port: found.port, txt: found.txt, at });
    }
    return seen;
  }

  private heard({ member, body: [index, protocol, label, type, domain] }: BusSignal): void {
    if (typeof index !== 'number' || typeof label !== 'string' || typeof type !== 'string' || domain !== LOCAL || !isInstanceLabel(label)) return;
    const key = `${index} ${instanceKey(label)}`;
    const known = this.items.get(key);
    if (member === 'ItemNew') {
      if (known) known.protocols.add(protocol);
      else if (this.hasRoom(index)) this.take(key, { index, label, type, protocol });
      else this.isIncomplete = true;
    } else if (member === 'ItemRemove' && known?.protocols.delete(protocol) && known.protocols.size === 0) this.drop(known);
  }

  /** So many in all, of which each interface has its share: one that is flooded leaves room for the others. */
  private hasRoom(index: number): boolean {
    const indexes = [...this.items.values()].map((item) => item.index);
    const share = this.limits.instances / new Set([...indexes, index]).size;
    return indexes.length < this.limits.instances && indexes.filter((one) => one === index).length < share;
  }

  private beginLater(): void {
    if (!this.isOver) this.again.later(() => void this.queue(() => this.begin()));
  }

  private take(key: string, { index, label, type, protocol }: { index: number; label: string; type: string; protocol: unknown }): void {
    const item: Item = {
      index, label, type, protocols: new Set([protocol]), link: '', found: undefined, at: 0, resolver: undefined, retry: new RetryTimer(this.clock),
    };
    this.items.set(key, item);
    void this.queue(() => this.resolve(item));
  }

  private async resolve(item: Item): Promise<void> {
    if (!this.has(item)) return;
    try {
      item.link = await this.nameOf(item.index);
      const body = [item.index, ANY, item.label, item.type, LOCAL, ANY, NO_ADDRESS];
      const resolver = await this.objects.create('ServiceResolver', 'iisssiu', body, (signal) => this.resolved(item, signal));
      if (this.has(item)) item.resolver = resolver;
      else await resolver.free();
    } catch (error) {
      if (this.has(item)) this.tryLater(item);
      throw error;
    }
  }

  private resolved(item: Item, { member, body }: BusSignal): void {
    if (!this.has(item)) return;
    if (member === 'Failure') return this.tryLater(item);
    const [, , , , , host, , , port, strings] = body;
    if (member !== 'Found' || typeof host !== 'string' || typeof port !== 'number' || !Array.isArray(strings)) return;
    // COMPAT: avahi keeps the strings of a TXT record from the last to the first.
    const txt = strings.filter((one) => Buffer.isBuffer(one)).reverse();
    const found: Found = { host, port, txt: decodeTxt(txt, this.limits.txtBytes) };
    if (isDeepStrictEqual(found, item.found)) return;
    if (found.host !== item.found?.host) {
      this.hosts.use(item.index, host);
      if (item.found) this.hosts.leave(item.index, item.found.host);
    }
    Object.assign(item, { found, at: this.clock.monotonic() });
    item.retry.reset();
    this.onNews();
  }

  /** A resolver that failed says nothing more. */
  private tryLater(item: Item): void {
    const { resolver } = item;
    item.resolver = undefined;
    void this.queue(async () => resolver?.free());
    item.retry.later(() => void this.queue(() => this.resolve(item)));
  }

  private drop(item: Item): void {
    item.retry.cancel();
    this.items.delete(`${item.index} ${instanceKey(item.label)}`);
    if (item.found) this.hosts.leave(item.index, item.found.host);
    void this.queue(async () => item.resolver?.free());
    // There is room again.
    if (this.isIncomplete) this.beginLater();
    this.onNews();
  }

  private has(item: Item): boolean {
    return this.items.get(`${item.index} ${instanceKey(item.label)}`) === item;
  }

  private async nameOf(index: number): Promise<string> {
    const known = this.names.get(index);
    if (known !== undefined) return known;
    const [name] = await this.objects.server('GetNetworkInterfaceNameByIndex', 'i', [index]);
    this.names.set(index, String(name));
    return String(name);
  }
}
