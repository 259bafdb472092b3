import { ipBytes } from '../../src/xpmn/kernel/ip-address.ts';
import type { Announced, FoundService } from '../../src/xpmn/ports/service-discovery.ts';
import { settings } from '../support/settings.ts';
import type { BusPeer } from '../support/bus-rig.ts';
import { FakeServiceDiscovery } from './fake-service-discovery.ts';
import type { FakeServiceLink } from './fake-service-discovery.ts';

const AVAHI = 'org.freedesktop.Avahi';
const ITEM = { index: 2, protocol: 0 };
const NOTHING = { signature: '', body: [] };

/** As avahi: believes whatever is said. */
class Believer extends FakeServiceDiscovery {
  protected override understand({ instance, port, txt, addresses }: FoundService): FoundService {
    return { instance, port, txt, addresses };
  }
}

/** The D-Bus side of an avahi, whose link is one in memory; it has the interface `eth0`. What is its own it shows as well, as avahi does. */
export class FakeAvahi {
  private readonly peer: BusPeer;
  private readonly address: string;
  private readonly link: Believer;
  private readonly known = new Map<string, FoundService>();
  /** Objects by path: what they follow, and for entry groups what they hold. */
  private readonly browsers = new Set<string>();
  private readonly resolvers = new Map<string, string>();
  private readonly records = new Map<string, { readonly host: string; readonly type: number; shown: readonly string[] }>();
  private readonly groups = new Map<string, Map<string, { port: number; txt: Record<string, string>; announced: Announced | undefined }>>();
  private counter = 0;

  constructor(peer: BusPeer, link: FakeServiceLink, address: string) {
    this.peer = peer;
    this.address = address;
    const unbounded = { ...settings.mdns, instances: 1e6, instancesPerSender: 1e6 };
    this.link = link.join(new Believer(link, address, unbounded));
    this.link.on('found', (service) => this.set(service));
    this.link.on('lost', (instance) => this.remove(instance));
    peer.answer((member, body, path) => this.called(member, body, path));
  }

  async start(): Promise<void> {
    await this.link.start({ signal: new AbortController().signal });
    await this.peer.own(AVAHI);
  }

  async stop(): Promise<void> {
    await this.link.stop();
  }

  /** Objects that clients have not let go of. */
  get objects(): number {
    return this.browsers.size + this.resolvers.size + this.records.size + this.groups.size;
  }

  private called(member: string, body: readonly unknown[], path: string): { signature: string; body: readonly unknown[] } | { error: string } {
    switch (member) {
      case 'GetVersionString': return { signature: 's', body: ['fake'] };
      case 'GetState': return { signature: 'i', body: [2] };
      case 'GetNetworkInterfaceNameByIndex': return { signature: 's', body: ['eth0'] };
      case 'EntryGroupNew': return this.made('EntryGroup', (made) => this.groups.set(made, new Map()));
      case 'ServiceBrowserNew': return this.made('ServiceBrowser', (made) => {
        this.browsers.add(made);
        for (const { instance } of this.known.values()) this.item(made, 'ItemNew', instance);
      });
      case 'ServiceResolverNew': return this.made('ServiceResolver', (made) => {
        this.resolvers.set(made, String(body[2]));
        this.resolve(made, String(body[2]));
      });
      case 'RecordBrowserNew': return this.made('RecordBrowser', (made) => {
        this.records.set(made, { host: String(body[2]), type: Number(body[4]), shown: [] });
        this.showRecords(made);
      });
      case 'AddService': return this.add(path, String(body[3]), Number(body[7]), txtOf(body[8]));
      case 'UpdateServiceTxt': return this.update(path, String(body[3]), txtOf(body[6]));
      case 'Commit': return this.commit(path);
      case 'Reset': return this.reset(path);
      case 'Free': return this.free(path);
      default: return { error: 'org.freedesktop.DBus.Error.UnknownMethod' };
    }
  }

  /** What an object says first may come before its name, as here, or after. */
  private made(kind: string, begin: (path: string) => void): { signature: string; body: readonly unknown[] } {
    const path = `/Client0/${kind}${(this.counter += 1)}`;
    begin(path);
    return { signature: 'o', body: [path] };
  }

  private add(path: string, label: string, port: number, txt: Record<string, string>): { signature: string; body: readonly unknown[] } | { error: string } {
    // Of what is elsewhere avahi learns later.
    if (this.holds(label)) return { error: `${AVAHI}.CollisionError` };
    this.groups.get(path)?.set(label, { port, txt, announced: undefined });
    return NOTHING;
  }

  private update(path: string, label: string, txt: Record<string, string>): { signature: string; body: readonly unknown[] } {
    const entry = this.groups.get(path)?.get(label);
    entry?.announced?.update(txt);
    if (entry) this.set({ instance: label, port: entry.port, txt, addresses: [this.address] });
    return NOTHING;
  }

  private commit(path: string): { signature: string; body: readonly unknown[] } {
    for (const [instance, entry] of this.groups.get(path) ?? []) {
      // Somebody else was quicker.
      if (this.link.isTaken(instance)) {
        this.say(path, 'EntryGroup', 'StateChanged', 'is', [3, `${AVAHI}.CollisionError`]);
        continue;
      }
      entry.announced = this.link.announce({ instance, port: entry.port, txt: entry.txt });
      this.set({ instance, port: entry.port, txt: entry.txt, addresses: [this.address] });
      this.say(path, 'EntryGroup', 'StateChanged', 'is', [2, '']);
    }
    return NOTHING;
  }

  private reset(path: string): { signature: string; body: readonly unknown[] } {
    for (const [label, { announced }] of this.groups.get(path) ?? []) {
      if (!announced) continue;
      void announced.withdraw();
      this.remove(label);
    }
    this.groups.get(path)?.clear();
    return NOTHING;
  }

  private free(path: string): { signature: string; body: readonly unknown[] } {
    this.reset(path);
    for (const objects of [this.browsers, this.resolvers, this.records, this.groups]) objects.delete(path);
    return NOTHING;
  }

  private holds(label: string): boolean {
    return [...this.groups.values()].some((group) => group.has(label));
  }

  private set(service: FoundService): void {
    const isNew = !this.known.has(service.instance);
    this.known.set(service.instance, service);
    if (isNew) for (const browser of this.browsers) this.item(browser, 'ItemNew', service.instance);
    for (const [path, label] of this.resolvers) if (label === service.instance) this.resolve(path, label);
    for (const path of this.records.keys()) this.showRecords(path);
  }

  private remove(label: string): void {
    if (!this.known.delete(label)) return;
    for (const browser of this.browsers) this.item(browser, 'ItemRemove', label);
    for (const path of this.records.keys()) this.showRecords(path);
  }

  private item(path: string, member: string, label: string): void {
    this.say(path, 'ServiceBrowser', member, 'iisssu', [ITEM.index, ITEM.protocol, label, '_presence._tcp', 'local', 0]);
  }

  private resolve(path: string, label: string): void {
    const service = this.known.get(label);
    if (!service) return;
    const strings = Object.entries(service.txt).map(([key, value]) => Buffer.from(value === '' ? key : `${key}=${value}`)).reverse();
    const body = [ITEM.index, ITEM.protocol, label, '_presence._tcp', 'local', hostOf(label), ITEM.protocol, '', service.port, strings, 0];
    this.say(path, 'ServiceResolver', 'Found', 'iissssisqaayu', body);
  }

  private showRecords(path: string): void {
    const record = this.records.get(path);
    const service = [...this.known.values()].find(({ instance }) => record?.host === hostOf(instance));
    if (!record) return;
    const wanted = (service?.addresses ?? []).filter((address) => (bytesOf(address).length === 4 ? 1 : 28) === record.type);
    const say = (member: string, address: string): void =>
      this.say(path, 'RecordBrowser', member, 'iisqqayu', [ITEM.index, ITEM.protocol, record.host, 1, record.type, bytesOf(address), 0]);
    for (const address of record.shown) if (!wanted.includes(address)) say('ItemRemove', address);
    for (const address of wanted) if (!record.shown.includes(address)) say('ItemNew', address);
    record.shown = wanted;
  }

  private say(path: string, kind: string, member: string, signature: string, body: readonly unknown[]): void {
    void this.peer.signal({ path, interface: `${AVAHI}.${kind}`, member, signature, body });
  }
}

function hostOf(label: string): string {
  return `${Buffer.from(label).toString('hex')}.local`;
}

function bytesOf(address: string): Buffer {
  return ipBytes(address, { mapped: true }) as Buffer;
}

function txtOf(strings: unknown): Record<string, string> {
  return Object.fromEntries((strings as Buffer[]).map((one) => String(one).split(/=([^]*)/, 2) as [string, string]));
}
