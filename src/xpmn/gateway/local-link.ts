import type { TcpTarget } from '../jingle/transports/tcp.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { resourceOf, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { KeyName } from '../model/identity.ts';
import type { Announced, FoundService, ServiceDiscovery } from '../ports/service-discovery.ts';
import type { LinkLocalShared } from '../device/device-shared.ts';
import { ServerlessEndpoints } from '../serverless/endpoints.ts';
import { LinkLocalListener } from '../serverless/link-local-listener.ts';
import type { LinkLocalListenerOptions } from '../serverless/link-local-listener.ts';
import type { Caps } from '../xmpp/caps.ts';
import type { Neighbour } from './neighbourhood.ts';

export interface LocalLinkDeps {
  readonly discovery: ServiceDiscovery;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly network: KeyName;
  /** Of the machine: part of the labels that its devices have on the link. */
  readonly host: string;
}

/** What a device says of itself on the link. */
export interface LinkPresence {
  readonly jid: Jid;
  /** For people. */
  readonly name: string;
  readonly caps: Caps;
  /** Of a gateway: whether a device can be paired with it now. */
  readonly pairing?: 'open' | 'closed' | undefined;
}

/** One label of DNS. */
const LABEL_BYTES = 63;

/**
 * This machine on the local link: one port, one responder for all its devices; and who else is there, as they say.
 *
 * @spec XEP-0174 v2.0.1 §3, §4
 */
export class LocalLink {
  readonly shared: LinkLocalShared;
  private readonly deps: LocalLinkDeps;
  private readonly listener: LinkLocalListener;

  constructor(deps: LocalLinkDeps, options: LinkLocalListenerOptions) {
    const { clock, random, log } = deps;
    this.deps = deps;
    const endpoints = new ServerlessEndpoints();
    this.listener = new LinkLocalListener({ clock, random, log: log.child('link'), endpointFor: (to) => endpoints.find(to) }, options);
    this.shared = { endpoints, find: (peer) => this.targetsOf(peer) };
  }

  /** @throws XpmnError `bad-configuration` if the port can't be had */
  async start(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.listener.listen();
    await this.deps.discovery.start(options);
  }

  async stop(): Promise<void> {
    await this.deps.discovery.stop();
    await this.listener.close();
  }

  /** From `start` on. */
  announce(presence: LinkPresence): Announced {
    const { discovery, host } = this.deps;
    return discovery.announce({ instance: labelOf(`${resourceOf(presence.jid)}@${host}`), port: this.listener.port ?? 0, txt: this.txtOf(presence) });
  }

  /** In the order in which readers expect it. */
  txtOf({ jid, name, caps, pairing }: LinkPresence): Record<string, string> {
    return {
      txtvers: '1', status: 'avail', jid, net: this.deps.network, nick: name, node: caps.node, hash: caps.hash, ver: caps.ver,
      ...(pairing && { pair: pairing }),
    };
  }

  /** Devices that say that they are of our network, or that go by the name of one of ours. */
  neighbours(isOurs: (jid: Jid) => boolean): Neighbour[] {
    return this.deps.discovery.services().flatMap((service) => {
      const jid = tryJid(service.txt['jid']);
      return jid && (service.txt['net'] === this.deps.network || isOurs(jid)) ? [{ jid, said: allOf(service) }] : [];
    });
  }

  private targetsOf(peer: Jid): readonly TcpTarget[] {
    return this.deps.discovery.services()
      .filter(({ txt }) => tryJid(txt['jid']) === peer)
      .flatMap(({ addresses, port }) => addresses.map((host) => ({ host, port })));
  }
}

function allOf({ addresses, port, txt }: FoundService): string {
  return JSON.stringify([addresses, port, txt['ver']]);
}

/** Cut at a whole character. */
function labelOf(text: string): string {
  let label = text;
  while (Buffer.byteLength(label) > LABEL_BYTES) label = [...label].slice(0, -1).join('');
  return label;
}
