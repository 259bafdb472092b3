import { networkInterfaces } from 'node:os';
import { addressScope, ipBytes } from '../kernel/ip-address.ts';

/** An address of this machine, and the bits of it that are its network's. */
export interface OwnNetwork {
  readonly address: string;
  readonly prefix: number;
}

/** The networks of this machine now. Comes in by argument. */
export type OwnNetworks = () => readonly OwnNetwork[];

export const systemNetworks: OwnNetworks = () =>
  Object.values(networkInterfaces()).flatMap((list) => (list ?? []).flatMap(({ address, cidr }) => (cidr === null ? [] : [{ address, prefix: Number(cidr.slice(cidr.indexOf('/') + 1)) }])));

/**
 * Whether a player reaches a server of the legacy side by the same URL as we do: it is on this machine, or in one network of ours
 * with the server. Both may be ours and not see each other: we are no router. `player` undefined: on this machine.
 */
export function reachesDirectly(player: string | undefined, server: string, own: readonly OwnNetwork[]): boolean {
  const scope = addressScope(server);
  // In a URL an IPv6 link-local address has lost its link.
  if (scope === 'unusable' || (scope === 'link-local' && server.includes(':'))) return false;
  if (player === undefined || addressScope(player) === 'loopback' || own.some(({ address }) => isWithin(player, { address, prefix: 128 }))) return true;
  return scope !== 'loopback' && own.some((network) => isWithin(player, network) && isWithin(server, network));
}

/**
 * SECURITY: whether an address is one of the public internet, and not of one of our networks: what others name may be fetched
 * from nowhere else. Ranges that stand for other addresses (NAT64, 6to4, Teredo) are not looked through, but refused.
 */
export function isPublicAddress(address: string, own: readonly OwnNetwork[]): boolean {
  const bytes = ipBytes(address);
  if (!bytes || address.includes('%')) return false;
  const isGlobal = bytes.length === 4 ? !NOT_PUBLIC_4.some((range) => isWithin(address, range)) : isWithin(address, { address: '2000::', prefix: 3 }) && !NOT_PUBLIC_6.some((range) => isWithin(address, range));
  return isGlobal && !own.some((network) => isWithin(address, network));
}

const NOT_PUBLIC_4 = ranges('0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3');
const NOT_PUBLIC_6 = ranges('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20');

function ranges(...texts: readonly string[]): OwnNetwork[] {
  return texts.map((text) => text.split('/')).map(([address = '', prefix]) => ({ address, prefix: Number(prefix) }));
}

function isWithin(address: string, network: OwnNetwork): boolean {
  const [one, other] = [ipBytes(address), ipBytes(network.address)];
  if (!one || one.length !== other?.length) return false;
  const bits = Math.min(network.prefix, one.length * 8);
  return one.every((byte, at) => ((byte ^ (other[at] as number)) & maskAt(at, bits)) === 0);
}

function maskAt(at: number, bits: number): number {
  const left = Math.max(0, Math.min(8, bits - at * 8));
  return (0xff << (8 - left)) & 0xff;
}
