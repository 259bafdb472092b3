import { createInterface } from 'node:readline';
import { createAvahiDiscovery } from '../../src/dbus/avahi-discovery.ts';
import { systemBusAddress } from '../../src/dbus/bus-address.ts';
import { createMessageBus } from '../../src/dbus/message-bus.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { Announced, ServiceAnnouncement } from '../../src/xpmn/ports/service-discovery.ts';
import { createMdnsDiscovery } from '../../src/xpmn/serverless/mdns-discovery.ts';
import { settings } from '../support/settings.ts';

/**
 * Service discovery as a process, to be run inside a network namespace; with the argument `avahi` by the avahi on the system bus. One JSON a line: events as they happen; the lines
 * of stdin are orders: `{"announce": {…}}`, `{"update": {"instance": …, "txt": {…}}}`, `{"withdraw": "…"}`. Stops with its stdin.
 */
type Order = { readonly announce: ServiceAnnouncement } | { readonly update: Omit<ServiceAnnouncement, 'port'> } | { readonly withdraw: string };

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const announced = new Map<string, Announced>();
const deps = { clock: systemClock, random: systemRandom, log: silentLogger };
const signal = new AbortController().signal;
const bus = process.argv[2] === 'avahi' ? createMessageBus(deps, { ...settings.dbus, address: systemBusAddress(process.env) }) : undefined;
await bus?.start({ signal });
const discovery = bus ? createAvahiDiscovery({ ...deps, bus }, settings.mdns) : createMdnsDiscovery(deps, { ...settings.mdns, interfaceInterval: 250 });
discovery.on('found', (service) => say({ found: service }));
discovery.on('lost', (instance) => say({ lost: instance }));

// timers of the clock keep no process alive: stdin does
createInterface({ input: process.stdin })
  .on('line', (line) => void obey(JSON.parse(line) as Order).catch((error: unknown) => say({ failed: String(error) })))
  .on('close', () => void discovery.stop().then(() => bus?.stop()));
await discovery.start({ signal });
say({ started: true });

async function obey(order: Order): Promise<void> {
  if ('announce' in order) announced.set(order.announce.instance, discovery.announce(order.announce));
  if ('update' in order) announced.get(order.update.instance)?.update(order.update.txt);
  if ('withdraw' in order) await announced.get(order.withdraw)?.withdraw();
}
