import { EventEmitter } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { readInterfaces } from '../xpmn/kernel/interfaces.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { SerialQueue, abortable, deferred, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import { linksOf } from '../xpmn/model/link-addresses.ts';
import type { InterfaceTable } from '../xpmn/model/link-addresses.ts';
import { encodeService, encodeTxt } from '../xpmn/model/service-entry.ts';
import { ServiceView } from '../xpmn/model/service-view.ts';
import type { SeenService } from '../xpmn/model/service-view.ts';
import type {
  Announced, DiscoveryLimits, FoundService, ServiceAnnouncement, ServiceDiscovery, ServiceDiscoveryEvents,
} from '../xpmn/ports/service-discovery.ts';
import { AvahiAnnouncer } from './avahi-announcer.ts';
import { AvahiBrowser } from './avahi-browser.ts';
import { AVAHI, AvahiObjects } from './avahi-objects.ts';
import type { BusSignal, MessageBus, Subscription } from './bus.ts';
import { RetryTimer } from './retry-timer.ts';

/** The section `mdns` of the configuration, as far as it is not avahi's own matter. */
export interface AvahiOptions extends DiscoveryLimits {
  /** Names of the interfaces to use; none: all but loopback. */
  readonly interfaces: readonly string[];
  /** Milliseconds until interfaces that could not be read are looked at again. */
  readonly interfaceInterval: number;
  /** The service, XEP-0174's by default. */
  readonly type?: string;
}

export interface AvahiDeps {
  /** The system bus. Started and stopped by the caller. */
  readonly bus: MessageBus;
  readonly clock: Clock;
  readonly log: Logger;
  /** For tests; the machine's own by default. */
  readonly listInterfaces?: () => InterfaceTable;
}

const PRESENCE = '_presence._tcp';
/** The state of the server in which it has a name for this host. */
const RUNNING = 2;
/** Milliseconds that news have to come together: what belongs to one instance comes in several signals. */
const GATHER = 50;

/** Whether avahi answers on a bus. */
export async function isAvahiThere(bus: MessageBus, { signal }: { readonly signal: AbortSignal }): Promise<boolean> {
  try {
    await bus.call({ destination: AVAHI, path: '/', interface: `${AVAHI}.Server`, member: 'GetVersionString' }, { signal });
    return true;
  } catch {
    throwIfAborted(signal);
    return false;
  }
}

/**
 * Service discovery by the avahi of this machine, over the message bus: for machines whose avahi keeps the port of
 * multicast DNS to itself, or is to be the only one who speaks it. Who sent what is not known here: instances at one
 * address count as those of one sender.
 */
export function createAvahiDiscovery(deps: AvahiDeps, options: AvahiOptions): ServiceDiscovery {
  return new AvahiDiscovery(deps, options);
}

class AvahiDiscovery extends EventEmitter<ServiceDiscoveryEvents> implements ServiceDiscovery {
  private readonly deps: AvahiDeps;
  private readonly options: AvahiOptions;
  private readonly objects: AvahiObjects;
  private readonly announcer: AvahiAnnouncer;
  private readonly browser: AvahiBrowser;
  private readonly view: ServiceView;
  private readonly jobs = new SerialQueue();
  private readonly tried = deferred();
  private readonly asking: RetryTimer;
  private watching: Subscription | undefined;
  private news: Timer | undefined;
  /** Grows with each avahi: jobs for a former one are dropped. */
  private generation = 0;
  private isThere = false;
  private stopping: Promise<void> | undefined;

  constructor(deps: AvahiDeps, options: AvahiOptions) {
    super();
    this.deps = deps;
    this.options = options;
    const type = options.type ?? PRESENCE;
    const queue = (job: () => Promise<void>): Promise<void> => this.queue(job);
    this.objects = new AvahiObjects(deps.bus, (signal) => this.serverSaid(signal));
    const shared = { objects: this.objects, queue, clock: deps.clock, onNews: () => this.hasNews() };
    this.announcer = new AvahiAnnouncer(shared, type, options);
    this.browser = new AvahiBrowser(shared, type, options);
    this.view = new ServiceView(options);
    this.asking = new RetryTimer(deps.clock);
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    throwIfAborted(signal);
    if (this.stopping) return;
    this.watching ??= this.deps.bus.watch(AVAHI, (owner) => (owner === undefined ? this.down() : this.up()));
    await abortable(this.tried.promise, signal);
  }

  announce(service: ServiceAnnouncement): Announced {
    const { txtBytes } = this.options;
    const strings = encodeService(service, txtBytes);
    if (this.stopping) return { update: (txt) => void encodeTxt(txt, txtBytes), withdraw: async () => undefined };
    const entry = this.announcer.add(service.instance, service.port, strings);
    let withdrawal: Promise<void> | undefined;
    return {
      update: (txt) => {
        entry.strings = encodeTxt(txt, txtBytes);
        if (!withdrawal) this.announcer.update(entry);
      },
      withdraw: () => (withdrawal ??= this.announcer.withdraw(entry)),
    };
  }

  services(): readonly FoundService[] {
    return this.view.services();
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    this.watching?.close();
    this.news?.cancel();
    this.asking.cancel();
    this.view.clear();
    this.tried.resolve();
    await this.announcer.withdrawAll();
    await this.queue(() => this.browser.end());
    await this.jobs.idle();
    this.browser.forget();
    this.announcer.forget();
    this.objects.close();
  }

  private up(): void {
    // Also another one in its place.
    this.reset();
    this.isThere = true;
    void this.queue(() => this.browser.begin());
    void this.askState().then(() => this.tried.resolve());
  }

  private askState(): Promise<void> {
    return this.queue(async () => {
      try {
        const [state] = await this.objects.server('GetState');
        this.announcer.setRunning(state === RUNNING);
        this.asking.reset();
      } catch (error) {
        if (!this.stopping) this.asking.later(() => void this.askState());
        throw error;
      }
    });
  }

  private down(): void {
    this.reset();
    this.tried.resolve();
  }

  private reset(): void {
    this.isThere = false;
    this.generation += 1;
    this.asking.cancel();
    this.objects.forget();
    this.browser.forget();
    this.announcer.forget();
    this.hasNews();
  }

  private serverSaid({ member, body: [state] }: BusSignal): void {
    if (member === 'StateChanged' && this.isThere) this.announcer.setRunning(state === RUNNING);
  }

  private queue(job: () => Promise<void>): Promise<void> {
    const { generation } = this;
    return this.jobs.run(async () => {
      if (!this.isThere || generation !== this.generation) return;
      try {
        await job();
      } catch (error) {
        this.deps.log.debug('Avahi refused.', { error: String(error) });
      }
    });
  }

  private hasNews(pause = GATHER): void {
    if (this.stopping) return;
    this.news ??= this.deps.clock.after(pause, () => {
      this.news = undefined;
      this.look();
    });
  }

  private look(): void {
    const table = readInterfaces(this.deps.listInterfaces ?? networkInterfaces, this.deps.log);
    if (!table) return this.hasNews(this.options.interfaceInterval);
    const links = linksOf(table, this.options.interfaces);
    const seen = this.announcer.others(this.browser.services(links));
    const { found, lost } = this.view.update([this.bounded(seen)]);
    for (const instance of lost) if (!this.stopping) this.emit('lost', instance);
    for (const service of found) if (!this.stopping) this.emit('found', service);
  }

  /** No more than so many at one address; those that are known first. */
  private bounded(seen: readonly SeenService[]): SeenService[] {
    const counts = new Map<string, number>();
    return seen.filter(({ addresses: [address = ''] }) => {
      const count = (counts.get(address) ?? 0) + 1;
      counts.set(address, count);
      return count <= this.options.instancesPerSender;
    });
  }
}
