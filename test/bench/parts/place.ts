import { createLan } from '../../peers/lan.ts';
import type { Host } from '../../peers/lan.ts';
import { createNetwork } from '../../peers/network.ts';
import { run } from '../../peers/process.ts';
import type { Side } from './rivals.ts';

/** Where the parts of a bench stand. */
export interface Place {
  /** Media servers, first gateway. */
  readonly near: Side;
  /** Second gateway, player. */
  readonly far: Side;
  /** Address under which the far side reaches TCP ports of the near side that are let in. */
  readonly dial: string;
  readonly xmpp: { readonly netns: string; readonly address: string };
  /** Milliseconds there and back between near and far. */
  delay(roundTrip: number): Promise<void>;
  close(): Promise<void>;
}

/** Ports that a router lets in to the near side, for the rivals: they can't do without. */
export const OPEN_PORTS = { first: 9100, last: 9299 };

export async function createMachine(): Promise<Place> {
  const lan = await createLan({ hosts: 1 });
  const side = sideOf(lan.hosts[0] as Host);
  const delay = (): Promise<void> => Promise.reject(new Error('there is no line on one machine'));
  return { near: side, far: side, dial: side.listen, xmpp: { netns: side.netns, address: side.listen }, delay, close: () => lan.close() };
}

export async function createLine(): Promise<Place> {
  const network = await createNetwork({ homes: ['near'], hosts: 1 });
  try {
    const { router, hosts } = network.home('near');
    const near = sideOf(hosts[0] as Host);
    await run(['nft', '-f', '-'], { netns: router.ns, input: letIn(near.listen) });
    return {
      near,
      far: sideOf(network.out),
      dial: router.wan,
      xmpp: { netns: network.xmpp.ns, address: network.xmpp.address },
      delay: (roundTrip) => network.delay('near', roundTrip),
      close: () => network.close(),
    };
  } catch (error) {
    await network.close();
    throw error;
  }
}

function sideOf({ ns, address }: Host): Side & { readonly netns: string } {
  return { netns: ns, listen: address };
}

function letIn(address: string): string {
  return `table ip bench { chain in { type nat hook prerouting priority -100; iifname "wan" tcp dport ${OPEN_PORTS.first}-${OPEN_PORTS.last} dnat to ${address}; }; }
insert rule inet router forward ct status dnat accept
`;
}
