import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { dialableOnLink } from '../xpmn/model/link-addresses.ts';
import type { Link } from '../xpmn/model/link-addresses.ts';
import { decodeTxt, instanceKey, isInstanceLabel } from '../xpmn/model/service-entry.ts';
import type { SeenService } from '../xpmn/model/service-view.ts';
import type { DiscoveryLimits } from '../xpmn/ports/service-discovery.ts';
import type { BusSignal } from './bus.ts';
import type { AvahiQueue } from './avahi-announcer.ts';
import { AvahiHosts } from './avahi-hosts.ts';
import type { AvahiObject, AvahiObjects } from './avahi-objects.ts';

const ANY = -1;
const LOCAL = 'local';
/** Of a resolver: the addresses come by browsers of their own, all of them. */
const NO_ADDRESS = 8;
/** Milliseconds until what could not be resolved is tried again. */
const RETRY = { first: 5_000, max: 600_000 };

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
  retry: Timer | undefined;
  pause: number;
}

/** Browses by avahi: one browser, a resolver for each instance and interface, and the addresses of their hosts. */
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
  private browser: AvahiObject | undefined;

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
    this.hosts = new AvahiHosts(deps.objects, deps.queue, limits.addresses, deps.onNews);
  }

  async begin(): Promise<void> {
    this.browser = await this.objects.create('ServiceBrowser', 'iissu', [ANY, ANY, this.type, '', 0], (signal) => this.heard(signal));
  }

  /** Lets go of everything. */
  async end(): Promise<void> {
    const all = [this.browser, ...[...this.items.values()].map(({ resolver }) => resolver)];
    for (const item of [...this.items.values()]) this.drop(item);
    await Promise.all(all.map((one) => one?.free()));
  }

  /** Avahi is gone. */
  forget(): void {
    for (const { retry } of this.items.values()) retry?.cancel();
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
    } else if (member === 'ItemRemove' && known?.protocols.delete(protocol) && known.protocols.size === 0) {
      this.items.delete(key);
      this.drop(known);
    }
  }

  private hasRoom(index: number): boolean {
    return [...this.items.values()].filter((item) => item.index === index).length < this.limits.instances;
  }

  private take(key: string, { index, label, type, protocol }: { index: number; label: string; type: string; protocol: unknown }): void {
    const item: Item = {
      index, label, type, protocols: new Set([protocol]), link: '', found: undefined, at: 0, resolver: undefined, retry: undefined, pause: RETRY.first,
    };
    this.items.set(key, item);
    void this.queue(() => this.resolve(item));
  }

  private async resolve(item: Item): Promise<void> {
    if (!this.has(item)) return;
    item.link = await this.nameOf(item.index);
    const body = [item.index, ANY, item.label, item.type, LOCAL, ANY, NO_ADDRESS];
    const resolver = await this.objects.create('ServiceResolver', 'iisssiu', body, (signal) => this.resolved(item, signal));
    if (this.has(item)) item.resolver = resolver;
    else await resolver.free();
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
    Object.assign(item, { found, at: this.clock.monotonic(), pause: RETRY.first });
    this.onNews();
  }

  /** A resolver that failed says nothing more. */
  private tryLater(item: Item): void {
    const { resolver } = item;
    item.resolver = undefined;
    void this.queue(async () => resolver?.free());
    item.retry?.cancel();
    item.retry = this.clock.after(item.pause, () => void this.queue(() => this.resolve(item)));
    item.pause = Math.min(2 * item.pause, RETRY.max);
  }

  private drop(item: Item): void {
    item.retry?.cancel();
    this.items.delete(`${item.index} ${instanceKey(item.label)}`);
    if (item.found) this.hosts.leave(item.index, item.found.host);
    void this.queue(async () => item.resolver?.free());
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
