import type { Device } from '../device/device.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { ManagementController } from '../profiles/management-controller.ts';
import type { ManagementControllerOptions } from '../profiles/management-controller.ts';
import { addManagementNodes } from '../profiles/management-nodes.ts';
import { ManagementNotifier } from '../profiles/management-notifier.ts';
import type { ManagementNotifierOptions } from '../profiles/management-notifier.ts';
import type { PubsubWireOptions } from '../pubsub/wire.ts';
import { PubsubService } from '../pubsub/service.ts';
import type { PubsubLimits } from '../pubsub/service.ts';
import { PubsubWire, elementBytes } from '../pubsub/wire.ts';
import { CertificateShelf } from '../trust/certificate-shelf.ts';
import type { Network } from '../trust/network.ts';
import type { TrustOptions } from '../trust/options.ts';
import { certificateView } from '../trust/published-certificates.ts';
import type { Identity } from '../xmpp/disco.ts';

export interface ManagementServiceDeps {
  readonly device: Device;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: TaskGroup;
  /** Whether another device is there, as far as the server says. */
  isAvailable(jid: Jid): boolean;
}

export interface ManagementServiceOptions extends ManagementNotifierOptions, Omit<ManagementControllerOptions, 'listsPerAnswer' | 'heads'> {
  readonly pubsub: PubsubLimits & PubsubWireOptions;
  readonly trust: TrustOptions;
  /** Certificates that the management device keeps for others to look up. */
  readonly certificates: number;
}

/**
 * The trusted copy of what lies on the account: the management device has the network's lists and certificates as nodes of
 * its own, and tells others when they change; every device reads there when it is told to.
 */
export class ManagementService {
  /** Certificates that the management device shows; undefined on any other. */
  readonly certificates: CertificateShelf | undefined;
  private readonly deps: ManagementServiceDeps;
  private readonly controller: ManagementController;
  private readonly wire: PubsubWire | undefined;
  private readonly notifier: ManagementNotifier | undefined;

  constructor(deps: ManagementServiceDeps, options: ManagementServiceOptions) {
    this.deps = deps;
    const { device, network, clock, log, tasks } = deps;
    const { lists } = network;
    this.controller = new ManagementController(
      { lists, links: device.links, clock, log, tasks, local: device.jid, certificate: () => network.gateway.certificate.der },
      { ...options.trust, ...options },
    );
    if (!network.isManagement) return;
    const certificates = new CertificateShelf(() => certificateView(network), { ...options.trust, certificates: options.certificates });
    const service = new PubsubService<XmlElement>({ sizeOf: elementBytes }, options.pubsub);
    addManagementNodes({ service, lists, certificates }, { trust: options.trust, tellsOwnDevices: options.notify !== 'hints' });
    const wire = new PubsubWire({ service, registry: device.router, tasks, log, channels: () => device.channels }, options.pubsub);
    this.notifier = new ManagementNotifier({
      service, wire, lists, certificates, clock, tasks, log, local: device.jid,
      server: () => (device.connection?.state === 'online' ? device.connection.channel : undefined),
      isAvailable: (jid) => deps.isAvailable(jid),
    }, options);
    this.certificates = certificates;
    this.wire = wire;
  }

  /** What the device announces for it, beside what every device does. Nobody believes it: who is the management device is told by the lists. */
  static announced({ isManagement }: Network): { readonly features: readonly string[]; readonly identities: readonly Identity[] } {
    return isManagement ? { features: [NS.management], identities: [{ category: 'pubsub', type: 'pep' }] } : { features: [], identities: [] };
  }

  start(): void {
    const { device } = this.deps;
    device.on('channelOpened', this.onChannel);
    device.on('message', this.onMessage);
    device.connection?.on('stanza', this.onServerStanza);
    this.notifier?.start();
  }

  stop(): void {
    const { device } = this.deps;
    device.off('channelOpened', this.onChannel);
    device.off('message', this.onMessage);
    device.connection?.off('stanza', this.onServerStanza);
    this.notifier?.stop();
  }

  private readonly onChannel = (channel: StanzaChannel): void => {
    this.wire?.opened(channel);
    this.controller.opened(channel);
  };

  private readonly onMessage = (message: XmlElement, channel: StanzaChannel): void => this.controller.received(message, channel);
  private readonly onServerStanza = (stanza: XmlElement): void => this.controller.hinted(stanza);
}
