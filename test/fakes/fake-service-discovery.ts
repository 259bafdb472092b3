import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../src/xpmn/kernel/clock.ts';
import { throwIfAborted } from '../../src/xpmn/kernel/tasks.ts';
import { dialableOnLink } from '../../src/xpmn/model/link-addresses.ts';
import type { Link } from '../../src/xpmn/model/link-addresses.ts';
import { decodeTxt, encodeService, encodeTxt, instanceKey, isInstanceLabel, nextLabel } from '../../src/xpmn/model/service-entry.ts';
import type {
  Announced, DiscoveryLimits, FoundService, ServiceAnnouncement, ServiceDiscovery, ServiceDiscoveryEvents,
} from '../../src/xpmn/ports/service-discovery.ts';
import { settings } from '../support/settings.ts';

/** What is said on the link, sense or nonsense. */
export interface Entry extends FoundService {
  /** Address that it comes from. */
  readonly sender: string;
}

interface Said extends Entry {
  readonly owner: FakeServiceDiscovery | undefined;
  /** Whoever said it went away without a word. */
  readonly isSilent: boolean;
}

/** One local link of one process: all that are connected find each other, as they would by multicast DNS, but at once. */
export class FakeServiceLink {
  readonly clock: Clock;
  /** Milliseconds that an instance lives on after it was last heard. */
  readonly lifetime: number;
  isCut = false;
  private readonly said = new Map<string, Said>();
  private readonly members = new Set<FakeServiceDiscovery>();
  private isSpreading = false;

  constructor(clock: Clock, lifetime = 120_000) {
    this.clock = clock;
    this.lifetime = lifetime;
  }

  /** One more gateway, at `address`. */
  connect(address = '127.0.0.1', limits: DiscoveryLimits = settings.mdns): FakeServiceDiscovery {
    return this.join(new FakeServiceDiscovery(this, address, limits));
  }

  join<T extends FakeServiceDiscovery>(member: T): T {
    this.members.add(member);
    return member;
  }

  /** Nobody hears anybody any more; nobody is told. */
  cut(): void {
    this.isCut = true;
    this.spread();
  }

  mend(): void {
    this.isCut = false;
    this.spread();
  }

  /** Somebody goes away without goodbye. */
  vanish(instance: string): void {
    const said = this.said.get(instanceKey(instance));
    if (said) this.said.set(instanceKey(instance), { ...said, isSilent: true });
    this.spread();
  }

  /** A stranger says this of itself from now on, or something new; whatever it is. */
  say(entry: Entry): void {
    this.set({ ...entry, owner: undefined, isSilent: false });
  }

  goodbye(instance: string): void {
    this.said.delete(instanceKey(instance));
    this.spread();
  }

  set(said: Said): void {
    this.said.set(instanceKey(said.instance), said);
    this.spread();
  }

  has(instance: string): boolean {
    return this.said.has(instanceKey(instance));
  }

  /** What `member` hears now; undefined if it hears nothing at all. */
  heardBy(member: FakeServiceDiscovery): Said[] | undefined {
    if (this.isCut) return undefined;
    return [...this.said.values()].filter(({ owner, isSilent }) => owner !== member && !isSilent && owner?.isRunning !== false);
  }

  leave(member: FakeServiceDiscovery): void {
    for (const [key, { owner }] of this.said) if (owner === member) this.said.delete(key);
    this.members.delete(member);
    this.spread();
  }

  spread(): void {
    if (this.isSpreading) return;
    this.isSpreading = true;
    queueMicrotask(() => {
      this.isSpreading = false;
      for (const member of this.members) member.hear();
    });
  }
}

export class FakeServiceDiscovery extends EventEmitter<ServiceDiscoveryEvents> implements ServiceDiscovery {
  private readonly known = new Map<string, { service: FoundService; sender: string; expiry: Timer | undefined }>();
  private readonly link: FakeServiceLink;
  private readonly address: string;
  private readonly limits: DiscoveryLimits;
  private state: 'new' | 'running' | 'stopped' = 'new';

  constructor(link: FakeServiceLink, address: string, limits: DiscoveryLimits) {
    super();
    this.link = link;
    this.address = address;
    this.limits = limits;
  }

  get isRunning(): boolean {
    return this.state === 'running';
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    throwIfAborted(signal);
    if (this.state === 'new') this.state = 'running';
    this.link.spread();
  }

  isTaken(instance: string): boolean {
    return this.link.has(instance);
  }

  announce(service: ServiceAnnouncement): Announced {
    encodeService(service, this.limits.txtBytes);
    let { instance } = service;
    for (let attempt = 2; this.link.has(instance); attempt += 1) instance = nextLabel(service.instance, attempt);
    let isStanding = this.state !== 'stopped';
    const set = (txt: Readonly<Record<string, string>>): void => {
      if (isStanding) this.link.set({ instance, addresses: [this.address], port: service.port, txt, sender: this.address, owner: this, isSilent: false });
    };
    set(service.txt);
    return {
      update: (txt) => {
        encodeTxt(txt, this.limits.txtBytes);
        if (this.state !== 'stopped') set(txt);
      },
      withdraw: async () => {
        if (isStanding && this.state !== 'stopped') this.link.goodbye(instance);
        isStanding = false;
      },
    };
  }

  services(): readonly FoundService[] {
    return [...this.known.values()].map(({ service }) => service);
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
    for (const { expiry } of this.known.values()) expiry?.cancel();
    this.known.clear();
    this.link.leave(this);
  }

  /** The link may say something else. */
  hear(): void {
    if (!this.isRunning) return;
    const heard = new Map((this.link.heardBy(this) ?? []).map((said) => [instanceKey(said.instance), said]));
    for (const [key, said] of heard) this.take(key, said);
    for (const [key, known] of this.known) {
      if (heard.has(key)) continue;
      if (!this.link.isCut && !this.link.has(known.service.instance)) this.lose(key);
      else known.expiry ??= this.link.clock.after(this.link.lifetime, () => this.lose(key));
    }
  }

  private take(key: string, said: Said): void {
    const service = this.understand(said);
    const known = this.known.get(key);
    known?.expiry?.cancel();
    if (!service) return known && this.lose(key);
    const ofSender = [...this.known.values()].filter(({ sender }) => sender === said.sender).length;
    if (!known && (this.known.size >= this.limits.instances || ofSender >= this.limits.instancesPerSender)) return;
    this.known.set(key, { service, sender: said.sender, expiry: undefined });
    if (!isDeepStrictEqual(service, known?.service)) this.emit('found', service);
  }

  /** As from the wire: what makes no sense is no service. */
  protected understand({ instance, port, txt, addresses, sender }: Said): FoundService | undefined {
    const link: Link = { name: 'lo', loopback: this.address.startsWith('127.'), addresses: [{ address: this.address, prefix: 8 }] };
    const usable = dialableOnLink(addresses, link, sender).slice(0, this.limits.addresses);
    const read = decodeTxt(Object.entries(txt).map(([key, value]) => Buffer.from(`${key}=${value}`)), this.limits.txtBytes);
    return isInstanceLabel(instance) && port > 0 && usable.length > 0 && read ? { instance, addresses: usable, port, txt: read } : undefined;
  }

  private lose(key: string): void {
    const known = this.known.get(key);
    this.known.delete(key);
    known?.expiry?.cancel();
    if (known && this.isRunning) this.emit('lost', known.service.instance);
  }
}
