import type { Clock } from '../xpmn/kernel/clock.ts';
import { ipText } from '../xpmn/kernel/ip-address.ts';
import type { BusSignal } from './bus.ts';
import type { AvahiQueue } from './avahi-announcer.ts';
import type { AvahiObject, AvahiObjects } from './avahi-objects.ts';
import { RetryTimer } from './retry-timer.ts';

const ANY = -1;
const CLASS_IN = 1;
const TYPES = { A: 1, AAAA: 28 } as const;
/** More addresses than are ever used, as some may be of no use. */
const SPARE = 4;

interface Host {
  uses: number;
  /** By which protocols each address was heard. */
  readonly addresses: Map<string, Set<unknown>>;
  browsers: readonly AvahiObject[];
  readonly retry: RetryTimer;
}

export interface AvahiHostsDeps {
  readonly objects: AvahiObjects;
  readonly clock: Clock;
  readonly queue: AvahiQueue;
  readonly onNews: () => void;
}

/** The addresses of hosts on their links, followed while somebody needs them. */
export class AvahiHosts {
  private readonly deps: AvahiHostsDeps;
  private readonly limit: number;
  private readonly hosts = new Map<string, Host>();

  constructor(deps: AvahiHostsDeps, addresses: number) {
    this.deps = deps;
    this.limit = SPARE * addresses;
  }

  use(index: number, name: string): void {
    const known = this.hosts.get(keyOf(index, name));
    if (known) known.uses += 1;
    else {
      const host: Host = { uses: 1, addresses: new Map(), browsers: [], retry: new RetryTimer(this.deps.clock) };
      this.hosts.set(keyOf(index, name), host);
      void this.deps.queue(() => this.browse(index, name, host));
    }
  }

  leave(index: number, name: string): void {
    const host = this.hosts.get(keyOf(index, name));
    if (!host) return;
    host.uses -= 1;
    if (host.uses > 0) return;
    this.hosts.delete(keyOf(index, name));
    host.retry.cancel();
    void this.deps.queue(() => this.free(host));
  }

  addressesOf(index: number, name: string): string[] {
    return [...(this.hosts.get(keyOf(index, name))?.addresses.keys() ?? [])];
  }

  /** Avahi is gone, or we are. */
  forget(): void {
    for (const { retry } of this.hosts.values()) retry.cancel();
    this.hosts.clear();
  }

  private async browse(index: number, name: string, host: Host): Promise<void> {
    try {
      for (const type of Object.values(TYPES)) {
        if (host.uses === 0) break;
        const body = [index, ANY, name, CLASS_IN, type, 0];
        const browser = await this.deps.objects.create('RecordBrowser', 'iisqqu', body, (signal) => this.heard(host, signal));
        host.browsers = [...host.browsers, browser];
      }
    } catch (error) {
      await this.free(host);
      host.addresses.clear();
      if (this.hosts.get(keyOf(index, name)) === host) host.retry.later(() => void this.deps.queue(() => this.browse(index, name, host)));
      throw error;
    }
    if (host.uses === 0) await this.free(host);
  }

  private async free(host: Host): Promise<void> {
    const { browsers } = host;
    host.browsers = [];
    await Promise.all(browsers.map((browser) => browser.free()));
  }

  private heard(host: Host, { member, body: [, protocol, , , , data] }: BusSignal): void {
    if (!Buffer.isBuffer(data) || (data.length !== 4 && data.length !== 16)) return;
    const address = ipText(data);
    const by = host.addresses.get(address) ?? new Set();
    if (member === 'ItemNew' && (by.size > 0 || host.addresses.size < this.limit)) host.addresses.set(address, by.add(protocol));
    if (member === 'ItemRemove' && by.delete(protocol) && by.size === 0) host.addresses.delete(address);
    this.deps.onNews();
  }
}

function keyOf(index: number, name: string): string {
  return `${index} ${name.toLowerCase()}`;
}
