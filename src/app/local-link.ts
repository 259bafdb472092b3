import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import type { ServiceDiscovery } from '../xpmn/ports/service-discovery.ts';
import { createMdnsDiscovery } from '../xpmn/serverless/mdns-discovery.ts';
import type { GatewayConfig } from './config.ts';

/** Who is on the local link, and being there oneself. */
export function multicastDiscovery({ clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Logger }, { mdns }: GatewayConfig): ServiceDiscovery {
  return createMdnsDiscovery({ clock, random, log: log.child('mdns') }, mdns);
}
