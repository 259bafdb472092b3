import { fileURLToPath } from 'node:url';
import { bridgeLines, execIn, plugHosts } from './lan.ts';
import type { Host, HostPlan } from './lan.ts';
import { Namespaces } from './namespaces.ts';
import { run, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';

/** The internet's addresses. They exist inside the namespaces only, and look public: IGDs refuse private ones. */
const INTERNET = '25.0.0';

export interface Home {
  readonly name: string;
  /** `address` on the LAN, `wan` as the internet sees the home. */
  readonly router: Host & { readonly wan: string };
  readonly hosts: readonly Host[];
}

export interface NetworkOptions {
  readonly homes: readonly string[];
  /** Machines per home. */
  readonly hosts?: number;
  /** Names that every machine resolves to the XMPP host. */
  readonly domains?: readonly string[];
}

/**
 *   xmpp ─┐                        ┌─ host 1 (.11)
 *         ├─ internet ══ line ══ router (NAT) ─┼─ host 2 (.12)      homes: 192.168.178.0/24, 192.168.1.0/24, …
 *   out ──┘                        └─ …
 *
 * Nothing is connected to the machine's own network.
 */
export interface Network {
  readonly xmpp: Host;
  /** One more machine on the internet. */
  readonly out: Host;
  readonly homes: Readonly<Record<string, Home>>;
  home(name: string): Home;
  readonly exec: typeof execIn;
  /** Delays a home's line by `roundTrip` milliseconds in sum, half each way; 0 takes the delay away. */
  delay(home: string, roundTrip: number): Promise<void>;
  /** Unplugs a home's line, or plugs it in again: nobody is told. */
  cut(home: string): Promise<void>;
  mend(home: string): Promise<void>;
  /** Ends what runs inside, and removes it all. Idempotent. */
  close(): Promise<void>;
}

export async function createNetwork(options: NetworkOptions): Promise<Network> {
  const spaces = await Namespaces.create();
  try {
    const names = Object.fromEntries((options.domains ?? ['home.test', 'proxy.home.test']).map((name) => [name, `${INTERNET}.10`]));
    await spaces.add(['internet']);
    await spaces.ip('internet', [...bridgeLines('br0'), `addr add ${INTERNET}.1/24 dev br0`]);
    const servers: HostPlan[] = [
      { name: 'xmpp', address: `${INTERNET}.10`, gateway: `${INTERNET}.1` },
      { name: 'out', address: `${INTERNET}.66`, gateway: `${INTERNET}.1` },
    ];
    const [xmpp, out] = (await plugHosts(spaces, { ns: 'internet', bridge: 'br0' }, servers, names)) as [Host, Host];
    const homes: Record<string, Home> = {};
    for (const [index, name] of options.homes.entries()) {
      homes[name] = await buildHome(spaces, name, index, options.hosts ?? 3, names);
    }
    return new BuiltNetwork(spaces, xmpp, out, homes);
  } catch (error) {
    await spaces.close();
    throw error;
  }
}

async function buildHome(
  spaces: Namespaces,
  name: string,
  index: number,
  hosts: number,
  names: Readonly<Record<string, string>>,
): Promise<Home> {
  const lan = ['192.168.178', '192.168.1'][index] ?? `192.168.${10 + index}`;
  const lan6 = `fd00:${(index + 1).toString(16)}:`;
  const wan = `${INTERNET}.${101 + index}`;
  const router = `home-${name}`;
  const line = `line-${name}`;
  await spaces.add([router, line], names);
  await spaces.cables([
    [router, 'wan', line, 'home'],
    [line, 'net', 'internet', `home${index}`],
  ]);
  await spaces.ip('internet', [`link set home${index} master br0`]);
  await spaces.ip(line, [...bridgeLines('br0'), ...bridgeLines('br1'), 'link set home master br0', 'link set net master br0']);
  await spaces.ip(router, [
    ...bridgeLines('br-lan'),
    `addr add ${lan}.1/24 broadcast + dev br-lan`,
    `addr add ${lan6}:1/64 dev br-lan nodad`,
    `addr add ${wan}/24 dev wan`,
    `route add default via ${INTERNET}.1`,
    'route add 224.0.0.0/4 dev br-lan',
  ]);
  await run(['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward; nft -f -'], { netns: spaces.full(router), input: FIREWALL });
  const plans = Array.from({ length: hosts }, (_, host) => ({
    name: `${router}-${host + 1}`,
    address: `${lan}.${11 + host}`,
    address6: `${lan6}:${11 + host}`,
    gateway: `${lan}.1`,
  }));
  const made = await plugHosts(spaces, { ns: router, bridge: 'br-lan' }, plans, names);
  return { name, hosts: made, router: { ns: spaces.full(router), address: `${lan}.1`, address6: `${lan6}:1`, wan } };
}

/** The usual consumer router: everything out under its own address, nothing in but answers. */
const FIREWALL = `table inet router {
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" icmp type echo-request accept
    iifname "wan" drop
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "br-lan" accept
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "wan" masquerade
  }
}
`;

class BuiltNetwork implements Network {
  readonly xmpp: Host;
  readonly out: Host;
  readonly homes: Readonly<Record<string, Home>>;
  readonly exec = execIn;
  private readonly spaces: Namespaces;
  private readonly lines = new Map<string, ManagedProcess>();

  constructor(spaces: Namespaces, xmpp: Host, out: Host, homes: Readonly<Record<string, Home>>) {
    this.spaces = spaces;
    this.xmpp = xmpp;
    this.out = out;
    this.homes = homes;
  }

  home(name: string): Home {
    const home = this.homes[name];
    if (!home) throw new Error(`no home ${name}`);
    return home;
  }

  async delay(home: string, roundTrip: number): Promise<void> {
    const line = `line-${this.home(home).name}`;
    await this.spaces.ip(line, ['link set net master br0']);
    await this.lines.get(home)?.stop();
    this.lines.delete(home);
    if (roundTrip === 0) return;
    const script = fileURLToPath(new URL('line.py', import.meta.url));
    // Debian's own: another python3 may stand before it in PATH
    const argv = ['/usr/bin/python3', script, 'tap0', 'tap1', String(roundTrip / 2)];
    const delaying = await startProcess(line, argv, { netns: this.spaces.full(line) });
    this.lines.set(home, delaying);
    await delaying.said(/ready/);
    const taps = ['tap0 master br0', 'tap0 up', 'tap1 master br1', 'tap1 up', 'net master br1'];
    await this.spaces.ip(line, taps.map((words) => `link set ${words}`));
  }

  async cut(home: string): Promise<void> {
    await this.spaces.ip(`line-${this.home(home).name}`, ['link set net down']);
  }

  async mend(home: string): Promise<void> {
    await this.spaces.ip(`line-${this.home(home).name}`, ['link set net up']);
  }

  async close(): Promise<void> {
    await Promise.all([...this.lines.values()].map((line) => line.stop()));
    this.lines.clear();
    await this.spaces.close();
  }
}
