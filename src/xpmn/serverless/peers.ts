import type { TcpTarget } from '../jingle/transports/tcp.ts';
import type { KeyName } from '../model/identity.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { instanceKey } from '../model/service-entry.ts';
import type { FoundService } from '../ports/service-discovery.ts';
import { parsePresence } from './link-presence.ts';
import type { LinkPresence } from './link-presence.ts';

export interface LinkLocalPeersOptions {
  /** Instances that are remembered. */
  readonly instances: number;
  /** Of these, how many may say that they are one and the same device. */
  readonly instancesPerDevice: number;
}

/** A device that is said to be on the local link. */
export interface LinkLocalPeer extends Pick<LinkPresence, 'network' | 'caps'> {
  readonly jid: Jid;
  /** Where it may be, best first. */
  readonly targets: readonly TcpTarget[];
}

/** What a machine says of a button that was pressed. */
const PRESSED = ['button', 'looking', 'crowded', 'in-use'] as const;

/** A machine whose button was pressed, as it says. */
export interface LinkPresser extends Pick<LinkLocalPeer, 'jid' | 'network' | 'targets'> {
  readonly instance: string;
  readonly name: string;
  readonly says: (typeof PRESSED)[number];
}

interface Instance extends LinkPresence {
  readonly targets: readonly TcpTarget[];
}

function isPressed(pairing: string | undefined): pairing is LinkPresser['says'] {
  return PRESSED.some((word) => word === pairing);
}

/**
 * Who is said to be on the local link, and where, by the services that were found there.
 *
 * SECURITY: anybody may say anything. Whoever believes it connects to somebody who then has to prove the name. Instances of
 * devices that matter take the place of others where there are too many; and among several that claim one name, each has
 * its best address tried before any has its second.
 */
export class LinkLocalPeers {
  private readonly concerns: (jid: Jid) => boolean;
  private readonly options: LinkLocalPeersOptions;
  private readonly known = new Map<string, Instance>();
  /** The same by the names that they say: everybody who calls is looked up here. */
  private readonly byJid = new Map<Jid, Map<string, Instance>>();

  /** `concerns`: whether a device of that name would be of use, by the lists. */
  constructor({ concerns }: { concerns(jid: Jid): boolean }, options: LinkLocalPeersOptions) {
    this.concerns = concerns;
    this.options = options;
  }

  /** An instance is there, or says something new of itself. One that names nobody is none. */
  found({ instance, addresses, port, txt }: FoundService): void {
    const presence = parsePresence(txt);
    const entry = presence && { ...presence, targets: addresses.map((host) => ({ host, port })) };
    const key = instanceKey(instance);
    this.put(key, entry && this.hasRoom(key, entry) ? entry : undefined);
  }

  lost(instance: string): void {
    this.put(instanceKey(instance), undefined);
  }

  /** Whether it is remembered; whoever is not may have had no room. */
  has(instance: string): boolean {
    return this.known.has(instanceKey(instance));
  }

  /** Where `peer` may be. Whoever names only the account may be any of its devices, and comes last. */
  find(peer: Jid): readonly TcpTarget[] {
    const account = bareJid(peer);
    return [...this.targetsOf(peer), ...(account === peer ? [] : this.targetsOf(account))];
  }

  /** The network of which `jid` is said to be a device. */
  networkOf(jid: Jid): KeyName | undefined {
    return this.naming(jid).find(({ network }) => network !== undefined)?.network;
  }

  all(): readonly LinkLocalPeer[] {
    return [...this.byJid.keys()].map((jid) => {
      const caps = this.naming(jid).find((entry) => entry.caps)?.caps;
      return { jid, network: this.networkOf(jid), caps, targets: this.targetsOf(jid) };
    });
  }

  /** Whose users have pressed a button there; each instance by itself, whatever device it claims to be. */
  pressers(): readonly LinkPresser[] {
    return [...this.known].flatMap(([instance, { jids: [jid], network, name, pairing, targets }]) =>
      (jid !== undefined && isPressed(pairing) ? [{ instance, jid, network, name: name ?? jid, says: pairing, targets }] : []));
  }

  private put(key: string, entry: Instance | undefined): void {
    for (const jid of this.known.get(key)?.jids ?? []) {
      if (entry?.jids.includes(jid)) continue;
      const named = this.byJid.get(jid);
      named?.delete(key);
      if (named?.size === 0) this.byJid.delete(jid);
    }
    if (entry) this.known.set(key, entry);
    else this.known.delete(key);
    for (const jid of entry?.jids ?? []) this.byJid.set(jid, (this.byJid.get(jid) ?? new Map<string, Instance>()).set(key, entry as Instance));
  }

  private hasRoom(key: string, entry: Instance): boolean {
    const { instances, instancesPerDevice } = this.options;
    const isCrowded = entry.jids.some((jid) => {
      const named = this.byJid.get(jid);
      return named !== undefined && !named.has(key) && named.size >= instancesPerDevice;
    });
    // SECURITY: a pressed button must not be hidden by others that claim its name: there would seem to be one less.
    if (isCrowded && !isPressed(entry.pairing)) return false;
    if (this.known.has(key) || this.known.size < instances) return true;
    const rank = this.rankOf(entry);
    const [lesser] = [...this.known].find(([, other]) => this.rankOf(other) < rank) ?? [];
    if (lesser !== undefined) this.put(lesser, undefined);
    return lesser !== undefined;
  }

  /** Devices that matter come before pressed buttons, and these before all others. */
  private rankOf({ jids, pairing }: Instance): number {
    if (jids.some((jid) => this.concerns(jid))) return 2;
    return isPressed(pairing) ? 1 : 0;
  }

  private naming(jid: Jid): Instance[] {
    return [...(this.byJid.get(jid)?.values() ?? [])];
  }

  /** The best of each, then the second of each, and so on; each address once. */
  private targetsOf(jid: Jid): TcpTarget[] {
    const lists = this.naming(jid).map(({ targets }) => targets);
    const longest = Math.max(0, ...lists.map(({ length }) => length));
    const inTurn = Array.from({ length: longest }, (_, i) => lists.flatMap((targets) => targets[i] ?? [])).flat();
    return [...new Map(inTurn.map((target) => [`${target.host} ${target.port}`, target])).values()];
  }
}
