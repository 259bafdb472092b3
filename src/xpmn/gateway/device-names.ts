import type { Jid } from '../model/jid.ts';
import type { KnownDevice } from './known-devices.ts';

/** What devices were called when they were there last: one that is off keeps its name, until the gateway ends. */
export class DeviceNames {
  private known: ReadonlyMap<Jid, string> = new Map();

  /** The same devices, with the names that they had last; of others, nothing is kept. */
  complete(devices: readonly KnownDevice[]): KnownDevice[] {
    const named = devices.map((device) => ({ ...device, name: device.name ?? this.known.get(device.jid) }));
    this.known = new Map(named.flatMap(({ jid, name }) => (name === undefined ? [] : [[jid, name] as const])));
    return named;
  }
}
