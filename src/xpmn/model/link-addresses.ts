import { addressScope, ipBytes, ipText } from '../kernel/ip-address.ts';

/** One address of this machine on a link. */
export interface LinkAddress {
  /** Without zone. */
  readonly address: string;
  /** Bits of the network's prefix. */
  readonly prefix: number;
}

/** A local link as this machine is on it: one interface, both families. */
export interface Link {
  /** The interface's name, which is also the zone of its link-local IPv6 addresses. */
  readonly name: string;
  readonly loopback: boolean;
  readonly addresses: readonly LinkAddress[];
}

/** What a machine says of the addresses of its interfaces (`os.networkInterfaces`). */
export type InterfaceTable = Readonly<Record<string, readonly { readonly address: string; readonly cidr: string | null; readonly internal: boolean }[] | undefined>>;

/** The links of a machine: those whose names are `wanted`, or without any all but loopback. */
export function linksOf(table: InterfaceTable, wanted: readonly string[]): Link[] {
  const links: Link[] = [];
  for (const [name, all = []] of Object.entries(table)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const own = all.filter(({ internal }) => !internal || wanted.includes(name));
    const addresses = own.map(({ address, cidr }) => ({ address, prefix: Number(cidr?.split('/')[1] ?? 0) }));
    if (addresses.length > 0) links.push({ name, loopback: own.every(({ internal }) => internal), addresses });
  }
  return links;
}

/**
 * Those of `announced` that somebody heard on `link` can be reached by, best first: IPv4 of the same network, IPv6 with a
 * prefix of the link, then link-local ones, those of IPv6 with their zone. The address that the announcement came from
 * (`sender`) counts wherever it lies.
 *
 * SECURITY: whoever announces would else choose whom this machine connects to: nothing off the link, and nothing of this
 * machine itself but on its loopback link.
 */
export function dialableOnLink(announced: readonly string[], link: Link, sender?: string): string[] {
  const from = sender === undefined ? undefined : canonical(sender);
  const ranked = new Map<string, number>();
  for (const address of announced) {
    const bytes = ipBytes(address);
    const rank = bytes && rankOf(bytes, link, from);
    if (bytes && rank !== undefined) ranked.set(rank === LINK_LOCAL_6 ? `${ipText(bytes)}%${link.name}` : ipText(bytes), rank);
  }
  return [...ranked].sort(([a, rankA], [b, rankB]) => rankA - rankB || (a < b ? -1 : 1)).map(([address]) => address);
}

/** Whether an address lies in one of the link's networks. */
export function isOnLink(address: string, link: Link): boolean {
  const bytes = ipBytes(address);
  return bytes !== undefined && link.addresses.some((own) => sharesPrefix(bytes, own));
}

/** In which order addresses of a machine are worth trying, whatever link they are on. */
export function byReach(a: string, b: string): number {
  return reach(a) - reach(b);
}

const SAME_NETWORK_4 = 0;
const SAME_PREFIX_6 = 1;
const LINK_LOCAL_4 = 2;
const LINK_LOCAL_6 = 3;

function rankOf(bytes: Buffer, link: Link, sender: string | undefined): number | undefined {
  const text = ipText(bytes);
  const scope = addressScope(text);
  if (scope === 'unusable' || (scope === 'loopback') !== link.loopback) return undefined;
  if (scope === 'link-local') return reach(text);
  const isReachable = text === sender || link.addresses.some((own) => sharesPrefix(bytes, own));
  return isReachable ? reach(text) : undefined;
}

function reach(address: string): number {
  const isIpv6 = address.includes(':');
  if (addressScope(address) === 'link-local') return isIpv6 ? LINK_LOCAL_6 : LINK_LOCAL_4;
  return isIpv6 ? SAME_PREFIX_6 : SAME_NETWORK_4;
}

function sharesPrefix(bytes: Buffer, { address, prefix }: LinkAddress): boolean {
  const own = ipBytes(address);
  if (!own || own.length !== bytes.length) return false;
  // COMPAT: DHCPv6 gives single addresses (/128); the network they are of is a /64 all the same.
  const bits = own.length === 16 ? Math.min(prefix, 64) : prefix;
  const whole = bits >> 3;
  const rest = 0xff & (0xff00 >> (bits & 7));
  return own.subarray(0, whole).equals(bytes.subarray(0, whole)) && (((own[whole] ?? 0) ^ (bytes[whole] ?? 0)) & rest) === 0;
}

function canonical(address: string): string | undefined {
  const bytes = ipBytes(address);
  return bytes && ipText(bytes);
}
