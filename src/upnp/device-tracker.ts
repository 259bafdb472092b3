import { addressOfHost } from './ssdp.ts';
import type { SsdpSighting } from './ssdp.ts';

/**
 * Which devices are there, from sightings and time alone: no socket, no timer.
 *
 *            alive                 byebye, refused, or all locations expired
 *   (none) ────────► present ────────────────────────────────────────► doubted
 *                       ▲   alive                                        │  │ grace is over
 *                       └────────────────────────────────────────────────┘  └────────► gone
 *
 * A byebye is neither authenticated nor always meant (some say one before their first alive): it raises doubt, the
 * caller asks the device itself, and silence decides.
 * @spec UPnP-DeviceArchitecture v2.0 §1.2, §1.3
 */
export interface TrackerOptions {
  /** Types that make a device interesting, without the version: `urn:…:device:MediaServer`. */
  readonly types: readonly string[];
  readonly devices: number;
  /** Devices that one sender may announce. */
  readonly devicesPerSender: number;
  readonly locations: number;
  /** Seconds, where a device says nothing; and the bounds of what it may say. */
  readonly defaultMaxAge: number;
  readonly minMaxAge: number;
  readonly maxMaxAge: number;
  /** Milliseconds between doubt and gone. */
  readonly grace: number;
  /** Whether a device may be at a loopback address: when the user chose the loopback interface. */
  readonly loopback: boolean;
}

/** Where a device's description is, as announced by the host that it names. */
export interface DeviceLocation {
  readonly url: URL;
  /** The interface of a link-local address (the sender's scope id). */
  readonly scope: string | undefined;
}

export type TrackerChange =
  | { readonly kind: 'appeared'; readonly udn: string; readonly locations: readonly DeviceLocation[] }
  /** A location came, went, or was replaced; the same device. */
  | { readonly kind: 'moved'; readonly udn: string; readonly locations: readonly DeviceLocation[] }
  /** It was doubted and is there after all, or says otherwise that it started anew or describes itself otherwise. */
  | { readonly kind: 'returned'; readonly udn: string; readonly locations: readonly DeviceLocation[] }
  /** Ask the device whether it is there. */
  | { readonly kind: 'doubted'; readonly udn: string }
  | { readonly kind: 'gone'; readonly udn: string };

interface Seen {
  readonly location: DeviceLocation;
  /** COMPAT: some count their lives on each network apart. Undefined as long as nothing is said. */
  readonly bootId: number | undefined;
  readonly configId: number | undefined;
  expires: number;
}

interface Tracked {
  /** By the sender's address: one location each, the latest. */
  readonly seen: Map<string, Seen>;
  readonly firstSender: string;
  /** When doubt ends; undefined while present. */
  goneAt: number | undefined;
}

export class DeviceTracker {
  private readonly options: TrackerOptions;
  private readonly tracked = new Map<string, Tracked>();

  constructor(options: TrackerOptions) {
    this.options = options;
  }

  /** `sender` is the datagram's source address, with scope id if it has one. */
  sight(sighting: SsdpSighting, sender: string, now: number): TrackerChange[] {
    const device = this.tracked.get(sighting.udn);
    if (sighting.kind === 'byebye') return device ? this.doubt(sighting.udn, device, now) : [];
    const location = this.usableLocation(sighting.location, sender);
    const known = device?.seen.get(sender);
    const place = location ?? known?.location;
    if (!place) return [];
    const { bootId = known?.bootId, configId = known?.configId } = sighting;
    const seen: Seen = { location: place, bootId, configId, expires: now + 1000 * this.maxAge(sighting.maxAge) };
    if (!device) return this.isInteresting(sighting.target) ? this.add(sighting.udn, seen, sender) : [];
    return this.refresh(device, sighting, seen, sender, now);
  }

  /** It has refused what it was asked: it may have gone without a word. */
  refused(udn: string, now: number): TrackerChange[] {
    const device = this.tracked.get(udn);
    return device ? this.doubt(udn, device, now) : [];
  }

  isDoubted(udn: string): boolean {
    return this.tracked.get(udn)?.goneAt !== undefined;
  }

  /** What time alone has changed; call it at `nextDue`. */
  expire(now: number): TrackerChange[] {
    const changes: TrackerChange[] = [];
    for (const [udn, device] of this.tracked) {
      if (device.goneAt !== undefined) {
        if (device.goneAt > now) continue;
        this.tracked.delete(udn);
        changes.push({ kind: 'gone', udn });
        continue;
      }
      const old = [...device.seen].filter(([, { expires }]) => expires <= now);
      if (old.length === 0) continue;
      // The last known locations are kept through the doubt: they may be what comes back.
      if (old.length === device.seen.size) changes.push(...this.doubt(udn, device, now));
      else {
        for (const [sender] of old) device.seen.delete(sender);
        changes.push({ kind: 'moved', udn, locations: locationsOf(device) });
      }
    }
    return changes;
  }

  /** When `expire` has something to do, if nothing else happens. */
  nextDue(): number | undefined {
    let due: number | undefined;
    for (const device of this.tracked.values()) {
      const times = device.goneAt === undefined ? [...device.seen.values()].map(({ expires }) => expires) : [device.goneAt];
      for (const time of times) due = Math.min(due ?? time, time);
    }
    return due;
  }

  get size(): number {
    return this.tracked.size;
  }

  private add(udn: string, seen: Seen, sender: string): TrackerChange[] {
    const fromSender = [...this.tracked.values()].filter(({ firstSender }) => firstSender === sender).length;
    // Full: those that are known stay, whoever floods.
    if (this.tracked.size >= this.options.devices || fromSender >= this.options.devicesPerSender) return [];
    const device: Tracked = { seen: new Map([[sender, seen]]), firstSender: sender, goneAt: undefined };
    this.tracked.set(udn, device);
    return [{ kind: 'appeared', udn, locations: locationsOf(device) }];
  }

  /** Any sign of life counts, whatever its target, as long as it comes from where the device is known to be. */
  private refresh(device: Tracked, { udn, kind }: SsdpSighting, seen: Seen, sender: string, now: number): TrackerChange[] {
    const known = device.seen.get(sender);
    if (!known && device.seen.size >= this.options.locations) return [];
    const wasDoubted = device.goneAt !== undefined;
    device.goneAt = undefined;
    const before = locationsOf(device).map(keyOf).join(' ');
    device.seen.set(sender, seen);
    if (wasDoubted) for (const [from, { expires }] of device.seen) if (from !== sender && expires <= now) device.seen.delete(from);
    const locations = locationsOf(device);
    if (wasDoubted || (known && isOther(known, seen, kind))) return [{ kind: 'returned', udn, locations }];
    return before === locations.map(keyOf).join(' ') ? [] : [{ kind: 'moved', udn, locations }];
  }

  private doubt(udn: string, device: Tracked, now: number): TrackerChange[] {
    if (device.goneAt !== undefined) return [];
    device.goneAt = now + this.options.grace;
    for (const seen of device.seen.values()) seen.expires = now;
    return [{ kind: 'doubted', udn }];
  }

  private isInteresting(target: string): boolean {
    const type = target.replace(/:\d+$/, '').toLowerCase();
    return this.options.types.some((wanted) => wanted.toLowerCase() === type);
  }

  private maxAge(said: number | undefined): number {
    const { defaultMaxAge, minMaxAge, maxMaxAge } = this.options;
    return Math.min(Math.max(said || defaultMaxAge, minMaxAge), maxMaxAge);
  }

  /** SECURITY: a description is only fetched from the host that announced it (PROTOCOL §7). */
  private usableLocation(url: URL | undefined, sender: string): DeviceLocation | undefined {
    const [address = '', scope] = sender.split('%', 2);
    const host = url && addressOfHost(url);
    if (!url || host === undefined || canonical(host) !== canonical(address)) return undefined;
    if (isLoopback(host) && !this.options.loopback) return undefined;
    // COMPAT: devices without DHCP's answer announce what nobody can reach; a wrong location is not a wrong device.
    return host.startsWith('169.254.') ? undefined : { url, scope: /^fe[89ab]/i.test(host) ? scope : undefined };
  }
}

/** Not the life that was, or another description. An update says that it is the same life, by another number from now on. */
function isOther(before: Seen, now: Seen, kind: SsdpSighting['kind']): boolean {
  const differs = (one: number | undefined, other: number | undefined): boolean => one !== undefined && one !== other;
  return (kind !== 'update' && differs(before.bootId, now.bootId)) || differs(before.configId, now.configId);
}

/** IPv4 first, link-local IPv6 last: the lower, the more is it worth trying. */
export function rankOf({ url, scope }: Pick<DeviceLocation, 'url' | 'scope'>): number {
  return url.hostname.startsWith('[') ? (scope === undefined ? 1 : 2) : 0;
}

function locationsOf({ seen }: Tracked): DeviceLocation[] {
  return [...seen.values()].map(({ location }) => location).sort((a, b) => rankOf(a) - rankOf(b));
}

function keyOf({ url, scope }: DeviceLocation): string {
  return `${url.href}%${scope ?? ''}`;
}

function canonical(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname : address;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
