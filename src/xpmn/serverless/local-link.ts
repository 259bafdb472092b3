import { EventEmitter } from 'node:events';
import type { TcpTarget } from '../jingle/transports/tcp.ts';
import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { FoundService, ServiceDiscovery } from '../ports/service-discovery.ts';
import { ServerlessEndpoints } from './endpoints.ts';
import { LinkLocalListener } from './link-local-listener.ts';
import type { LinkLocalListenerDeps, LinkLocalListenerOptions } from './link-local-listener.ts';
import { formatPresence, instanceLabel } from './link-presence.ts';
import type { OwnPresence } from './link-presence.ts';
import { LinkLocalPeers } from './peers.ts';
import type { LinkLocalPeer, LinkPresser, LinkLocalPeersOptions } from './peers.ts';

export interface LocalLinkOptions extends LinkLocalListenerOptions, LinkLocalPeersOptions {}

export interface LocalLinkDeps extends Omit<LinkLocalListenerDeps, 'endpointFor'> {
  readonly discovery: ServiceDiscovery;
  /** The network id of our devices. */
  readonly network: KeyName;
  /** Name of this machine. */
  readonly host: string;
  /** Whether a device of that name would be of use, by the lists. */
  concerns(jid: Jid): boolean;
}

/** A device of ours that is shown to the link. */
export interface AnnouncedDevice {
  /** It says something else. */
  update(presence: Omit<OwnPresence, 'jid'>): void;
  /** It says goodbye. */
  withdraw(): Promise<void>;
}

const UNSEEN: AnnouncedDevice = { update: () => undefined, withdraw: () => Promise.resolve() };

/**
 * All devices of this process on the local link: one port, one announcement each, and what is known of the others. However
 * much is said in one turn, it is told once.
 */
export class LocalLink extends EventEmitter<{ changed: [] }> {
  readonly endpoints = new ServerlessEndpoints();
  private readonly deps: LocalLinkDeps;
  private readonly listener: LinkLocalListener;
  private readonly peers: LinkLocalPeers;
  private isTelling = false;
  private isOver = false;

  constructor(deps: LocalLinkDeps, options: LocalLinkOptions) {
    super();
    this.deps = deps;
    this.listener = new LinkLocalListener({ ...deps, endpointFor: (to) => this.endpoints.find(to) }, options);
    this.peers = new LinkLocalPeers(deps, options);
  }

  /** @throws XpmnError `bad-configuration` if the port can't be had; the signal's reason */
  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { discovery } = this.deps;
    await this.listener.listen();
    discovery.on('found', this.onFound);
    discovery.on('lost', this.onLost);
    await discovery.start({ signal });
  }

  /** Says goodbye for all, and closes the port; open streams live on. */
  async stop(): Promise<void> {
    const { discovery } = this.deps;
    this.isOver = true;
    discovery.off('found', this.onFound);
    discovery.off('lost', this.onLost);
    await discovery.stop();
    await this.listener.close();
  }

  /** Where `peer` is, best first, as somebody on the link says. */
  find(peer: Jid): readonly TcpTarget[] {
    return this.peers.find(peer);
  }

  /** Somebody on the link says that `peer` is a device of our network. */
  isClaimed(peer: Jid): boolean {
    return this.peers.networkOf(peer) === this.deps.network;
  }

  /** All that are said to be on the link. */
  all(): readonly LinkLocalPeer[] {
    return this.peers.all();
  }

  /** Machines on the link whose buttons were pressed. */
  pressers(): readonly LinkPresser[] {
    return this.peers.pressers();
  }

  /** Shows a device of ours to the link. What can't be announced is told in the log. */
  announce(presence: OwnPresence): AnnouncedDevice {
    const { discovery, network, host, log } = this.deps;
    const { jid } = presence;
    const { port } = this.listener;
    if (port === undefined) return UNSEEN;
    try {
      const announced = discovery.announce({ instance: instanceLabel(jid, host), port, txt: formatPresence({ ...presence, network }) });
      return { update: (news) => announced.update(formatPresence({ ...news, jid, network })), withdraw: () => announced.withdraw() };
    } catch (error) {
      log.warn('a device can\'t be announced on the local network', { jid, error });
      return UNSEEN;
    }
  }

  private readonly onFound = (service: FoundService): void => {
    this.peers.found(service);
    this.tell();
  };

  private readonly onLost = (instance: string): void => {
    this.peers.lost(instance);
    this.tell();
  };

  private tell(): void {
    if (this.isTelling) return;
    this.isTelling = true;
    queueMicrotask(() => {
      this.isTelling = false;
      if (this.isOver) return;
      // Who had no room may have some now.
      for (const service of this.deps.discovery.services()) if (!this.peers.has(service.instance)) this.peers.found(service);
      this.emit('changed');
    });
  }
}
