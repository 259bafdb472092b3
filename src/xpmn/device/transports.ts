import { createHostSource } from '../jingle/transports/candidate-source.ts';
import { IbbRouter } from '../jingle/transports/ibb-router.ts';
import { createIbbTransport } from '../jingle/transports/ibb.ts';
import { createSocks5Transport } from '../jingle/transports/socks5.ts';
import type { IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import type { TransportMethod } from '../ports/transport.ts';
import type { DeviceSettings } from './device-settings.ts';
import type { DeviceShared } from './device-shared.ts';

/** How sessions of a device get their bytes across: on sockets, and in stanzas through the server, where it has one. */
export function createTransports(
  { clock, random, listener, addresses }: DeviceShared,
  { registry, server }: { readonly registry: IqRegistry; readonly server: StanzaChannel | undefined },
  { ibb, socks5 }: Pick<DeviceSettings, 'ibb' | 'socks5'>,
): TransportMethod[] {
  const source = createHostSource({ listener, addresses }, socks5);
  const sockets = createSocks5Transport({ clock, random, listener, addresses, sources: [source] }, socks5);
  if (!server) return [sockets];
  const blocks = { channel: server, router: new IbbRouter(registry), clock, random };
  return [sockets, createIbbTransport(blocks, 1, ibb), createIbbTransport(blocks, 0, ibb)];
}
