import { createAvahiDiscovery, isAvahiThere } from '../dbus/avahi-discovery.ts';
import type { MessageBus } from '../dbus/bus.ts';
import { systemBusAddress } from '../dbus/bus-address.ts';
import { createMessageBus } from '../dbus/message-bus.ts';
import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import type { ServiceDiscovery } from '../xpmn/ports/service-discovery.ts';
import { isPortKept } from '../xpmn/serverless/mdns/port-kept.ts';
import { createMdnsDiscovery } from '../xpmn/serverless/mdns-discovery.ts';
import type { GatewayConfig } from './config.ts';

export interface LocalLinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface OpenDiscovery {
  readonly discovery: ServiceDiscovery;
  /** Lets go of what it rests on. To be called once it has stopped; idempotent. */
  release(): Promise<void>;
}

/**
 * Who is on the local link, and being there oneself: by multicast DNS of our own, or by the machine's avahi, where that is
 * set, or where it keeps the port to itself.
 * @throws the signal's reason
 */
export async function openDiscovery(deps: LocalLinkDeps, config: GatewayConfig, { signal }: { readonly signal: AbortSignal }): Promise<OpenDiscovery> {
  const { by, port } = config.mdns;
  if (by === 'avahi' || (by === 'auto' && (await isPortKept(port)))) {
    const bus = createMessageBus({ ...deps, log: deps.log.child('dbus') }, { ...config.dbus, address: systemBusAddress(process.env) });
    const found = await throughAvahi(bus, deps, config, signal);
    if (found) return found;
  }
  return { discovery: createMdnsDiscovery({ ...deps, log: deps.log.child('mdns') }, config.mdns), release: () => Promise.resolve() };
}

/** Where avahi is set it may come later; otherwise it has to be there. */
async function throughAvahi(bus: MessageBus, { clock, log }: LocalLinkDeps, { mdns }: GatewayConfig, signal: AbortSignal): Promise<OpenDiscovery | undefined> {
  try {
    await bus.start({ signal });
    const isThere = await isAvahiThere(bus, { signal });
    if (isThere || mdns.by === 'avahi') {
      if (!isThere) log.warn('avahi is not there yet: nobody is found on the local network before it is');
      return { discovery: createAvahiDiscovery({ bus, clock, log: log.child('avahi') }, mdns), release: () => bus.stop() };
    }
    log.warn('another program keeps the port of multicast DNS to itself, and it is no avahi: nobody is found on the local network');
  } catch (error) {
    await bus.stop();
    throw error;
  }
  await bus.stop();
  return undefined;
}
