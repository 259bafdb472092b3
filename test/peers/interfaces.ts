import { run } from './process.ts';

interface AddressRow {
  readonly ifname: string;
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly scope: string }[];
}

export interface Interface {
  readonly name: string;
  readonly address: string;
}

/** The IPv4 interface to speak on: the named one, else the first with a global address in a namespace, else loopback. */
export async function chooseInterface(netns?: string, name?: string): Promise<Interface> {
  const rows = JSON.parse(await run(['ip', '-j', '-4', 'addr', 'show', 'up'], { netns })) as AddressRow[];
  const all = rows.flatMap((row) => row.addr_info.map(({ local, scope }) => ({ name: row.ifname, address: local, scope })));
  const wanted = name ?? (netns === undefined ? 'lo' : undefined);
  const found = all.find((one) => (wanted === undefined ? one.scope === 'global' : one.name === wanted));
  if (!found) throw new Error(`no interface ${wanted ?? 'with a global address'} in ${netns ?? 'this network'}`);
  return found;
}
