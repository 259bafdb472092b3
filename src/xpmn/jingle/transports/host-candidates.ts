import { networkInterfaces } from 'node:os';
import { addressScope } from '../../kernel/ip-address.ts';

/** Addresses of this machine, as IP literals. Comes in by argument. */
export type LocalAddresses = () => readonly string[];

/** The machine's own addresses. */
export const systemAddresses: LocalAddresses = () => Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));

/**
 * Addresses worth telling a peer, best first: IPv6 before IPv4, as it needs no NAT. Link-local ones are left out (the peer
 * can't know on which of its links), loopback too unless a test wants it.
 */
export function hostAddresses(addresses: readonly string[], { loopback }: { readonly loopback: boolean }): string[] {
  const usable = addresses.filter((address) => isDialable(address, { loopback }));
  const isIpv6 = (address: string): boolean => address.includes(':');
  return [...new Set([...usable.filter(isIpv6), ...usable.filter((address) => !isIpv6(address))])];
}

/** Whether an address that a peer names may be connected to at all. */
export function isDialable(address: string, { loopback }: { readonly loopback: boolean }): boolean {
  const scope = addressScope(address);
  return scope === 'public' || (loopback && scope === 'loopback');
}
