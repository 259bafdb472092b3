import type { Link } from '../../model/link-addresses.ts';

/** @spec RFC 6762 §3 */
export const MDNS_IPV4 = '224.0.0.251';
export const MDNS_IPV6 = 'ff02::fb';

export interface MdnsPacket {
  readonly data: Buffer;
  /** Name of the link that it came by. */
  readonly link: string;
  /** Of the sender; a link-local IPv6 address carries its zone. */
  readonly address: string;
  readonly port: number;
}

export interface MdnsSocketEvents {
  packet(packet: MdnsPacket): void;
  /** What can be used from now on, all of it; also said at the start if there is any. */
  links(links: readonly Link[]): void;
}

/**
 * The way of multicast DNS to the network. Contract:
 * - `start` resolves when everything that could be opened is open; no network, or a taken port, is not an error.
 * - Links are followed: `links` is said whenever one comes, goes, or gets other addresses.
 * - `multicast` sends to the group out of one link, over each family that it has. It never rejects: what can't be sent is lost.
 * - A packet is one that was sent to the group and came by the link that it names, also from this machine, also from
 *   this socket. It may come more than once: over both families.
 * - Other responders on this machine keep what is theirs: nothing that is sent to one machine alone is taken from them.
 * - After `close` nothing is open and no event follows. Idempotent.
 */
export interface MdnsSocket {
  start(events: MdnsSocketEvents): Promise<void>;
  multicast(link: string, data: Buffer): Promise<void>;
  /** To one asker, from the port that it asked; never rejects. */
  unicast(link: string, data: Buffer, address: string, port: number): Promise<void>;
  close(): Promise<void>;
}
