import { Namespaces } from './namespaces.ts';
import { run } from './process.ts';

/** One machine: a namespace, with the address that its neighbours know. */
export interface Host {
  /** For `netns` of the peers, and for `ip netns exec`. */
  readonly ns: string;
  readonly address: string;
  /** Unique local IPv6 address; only on LANs. */
  readonly address6?: string;
}

export interface HostPlan {
  readonly name: string;
  readonly address: string;
  readonly address6?: string | undefined;
  readonly gateway?: string | undefined;
}

/** A switch: floods multicast, as a home's does that nobody told about IGMP. */
export const bridgeLines = (name: string): string[] => [
  `link add ${name} type bridge mcast_snooping 0 stp_state 0 forward_delay 0`,
  `link set ${name} up`,
];

/** Plugs new hosts (`eth0`) into the bridge of a namespace. */
export async function plugHosts(
  spaces: Namespaces,
  place: { readonly ns: string; readonly bridge: string },
  plans: readonly HostPlan[],
  names: Readonly<Record<string, string>> = {},
): Promise<Host[]> {
  await spaces.add(plans.map(({ name }) => name), names);
  const port = (plan: HostPlan) => `p${plan.address.slice(plan.address.lastIndexOf('.') + 1)}`;
  await spaces.cables(plans.map((plan) => [plan.name, 'eth0', place.ns, port(plan)] as const));
  await spaces.ip(place.ns, plans.map((plan) => `link set ${port(plan)} master ${place.bridge}`));
  return Promise.all(
    plans.map(async ({ name, address, address6, gateway }) => {
      const lines = [`addr add ${address}/24 broadcast + dev eth0`, 'route add 224.0.0.0/4 dev eth0'];
      if (address6 !== undefined) lines.push(`addr add ${address6}/64 dev eth0 nodad`);
      if (gateway !== undefined) lines.push(`route add default via ${gateway}`);
      await spaces.ip(name, lines);
      return { ns: spaces.full(name), address, ...(address6 === undefined ? {} : { address6 }) };
    }),
  );
}

/** Runs a command in a namespace to its end; gives its stdout. */
export function execIn(place: string | Host, argv: readonly string[], options: { readonly input?: string; readonly timeout?: number } = {}): Promise<string> {
  return run(argv, { ...options, netns: typeof place === 'string' ? place : place.ns });
}

export interface Lan {
  readonly hosts: readonly Host[];
  readonly exec: typeof execIn;
  /** Ends what runs inside, and removes it. Idempotent. */
  close(): Promise<void>;
}

/** One LAN and nothing else: `hosts` machines on a switch, 192.168.178.11 and up, no router. */
export async function createLan({ hosts = 2 }: { readonly hosts?: number } = {}): Promise<Lan> {
  const spaces = await Namespaces.create();
  try {
    await spaces.add(['lan']);
    await spaces.ip('lan', bridgeLines('br-lan'));
    const plans = Array.from({ length: hosts }, (_, index) => ({
      name: `lan-${index + 1}`,
      address: `192.168.178.${11 + index}`,
      address6: `fd78::${11 + index}`,
    }));
    const made = await plugHosts(spaces, { ns: 'lan', bridge: 'br-lan' }, plans);
    return { hosts: made, exec: execIn, close: () => spaces.close() };
  } catch (error) {
    await spaces.close();
    throw error;
  }
}
