import { EventEmitter } from 'node:events';
import type { Device } from '../device/device.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { CONTROLLER_FEATURES, notifyFeature } from '../profiles/player-nodes.ts';
import type { LocalLink } from '../serverless/local-link.ts';
import type { Network } from '../trust/network.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';
import { mayConcernUs } from '../trust/snapshot.ts';
import { Announcement } from './announcement.ts';
import { CertificatePublisher } from './certificate-publisher.ts';
import type { CertificatePublisherOptions } from './certificate-publisher.ts';
import { listedDevices } from './known-devices.ts';
import { ListPublisher } from './list-publisher.ts';
import type { ListPublisherOptions } from './list-publisher.ts';
import { ManagementService } from './management-service.ts';
import type { ManagementServiceOptions } from './management-service.ts';
import type { PeerDirectory, PeerPresence } from './peer-directory.ts';
import { answerPublicKeys } from './public-keys.ts';
import { PresenceDirectory } from './presence-directory.ts';
import type { DirectoryLimits } from './presence-directory.ts';

export interface AccountServicesDeps {
  readonly device: Device;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: TaskGroup;
  readonly link: LocalLink | undefined;
  readonly pairing: PairingWindow;
  readonly button: ButtonWindow;
  /** The server says that a device has gone. */
  onGone(jid: Jid): void;
}

export interface AccountServicesOptions extends DirectoryLimits, ListPublisherOptions, Pick<CertificatePublisherOptions, 'certificateInterval'> {
  /** Left out, there is no management service, on either side. */
  readonly management?: ManagementServiceOptions | undefined;
}

/**
 * What the gateway device does for the whole account: it knows who is there, and keeps the lists on the server and here in
 * step. Without an account it knows nobody.
 */
export class AccountServices extends EventEmitter<{ changed: []; moved: [] }> implements PeerDirectory {
  /** What the gateway device announces, beside what every device does. */
  readonly features: ReadonlySet<string>;
  private readonly deps: AccountServicesDeps;
  private readonly announcement: Announcement;
  private readonly directory: PresenceDirectory;
  private readonly publisher: ListPublisher | undefined;
  private readonly certificates: CertificatePublisher | undefined;
  private readonly management: ManagementService | undefined;
  private readonly options: AccountServicesOptions;
  private readonly unlisted = new Set<Jid>();

  constructor(deps: AccountServicesDeps, options: AccountServicesOptions) {
    super();
    const { device, network, clock, log, tasks, link, pairing, button } = deps;
    this.deps = deps;
    this.options = options;
    const { features, identities } = options.management ? ManagementService.announced(network) : { features: [], identities: [] };
    this.features = new Set([NS.trust, NS.pubkey].map(notifyFeature).concat(CONTROLLER_FEATURES, features));
    this.announcement = Announcement.of(device, { name: network.name, features: [...this.features], identities, link, pairing, button, network: network.id });
    this.directory = new PresenceDirectory(
      { device, tasks, clock, log, mayConcernUs: (account) => mayConcernUs(network.lists.snapshot, bareJid(device.jid), account) },
      options,
    );
    const onAccount = device.connection && { channel: device.connection.channel, network, clock, log };
    this.publisher = onAccount && new ListPublisher({ ...onAccount, signal: tasks.signal }, options);
    this.management = options.management && new ManagementService({ ...deps, isAvailable: (jid) => this.find(jid) !== undefined }, options.management);
    this.certificates = onAccount && new CertificatePublisher({ ...onAccount, tasks, found: (items) => this.management?.certificates?.offer(items) }, options);
    const unsigned = { certificate: network.gateway.certificate.der, signatures: [] };
    answerPublicKeys({ registry: device.router, network, device: device.jid, own: () => this.certificates?.own ?? unsigned });
  }

  start(): void {
    const { device, network } = this.deps;
    this.directory.on('changed', () => {
      this.emit('changed');
      this.readAboutUnlisted();
    });
    this.directory.on('gone', (jid) => this.deps.onGone(jid));
    this.management?.start();
    network.lists.on('changed', this.onListChanged);
    device.connection?.on('stateChanged', (state) => {
      if (state === 'online') this.sync();
    });
    device.connection?.on('stanza', (stanza) => {
      if (stanza.name !== 'message') return;
      if (!this.certificates?.received(stanza)) this.deps.tasks.run(async () => this.publisher?.received(stanza));
    });
  }

  /** The device has started: it can be shown. */
  announce(): void {
    this.announcement.start();
  }

  async stop(): Promise<void> {
    this.deps.network.lists.off('changed', this.onListChanged);
    this.management?.stop();
    await this.announcement.stop();
  }

  all(): readonly PeerPresence[] {
    return this.directory.all();
  }

  find(jid: Jid): PeerPresence | undefined {
    return this.directory.find(jid);
  }

  /** Reads what an account has published; never rejects for what it finds there, or does not find. */
  async lookUp(account: Jid, signal: AbortSignal): Promise<void> {
    try {
      await this.publisher?.lookUp(account, signal);
    } catch (error) {
      this.deps.log.info('the lists of an account could not be read', { account, error });
    }
  }

  /** Puts what is new on the account now; without one, or without the server, others hear of it from device to device. */
  async publish(signal: AbortSignal): Promise<void> {
    if (this.deps.device.connection?.state !== 'online') return;
    try {
      await this.publisher?.sync(signal);
    } catch (error) {
      this.deps.log.warn('a change could not be published at once', { error });
    }
    // The user key may have come to hand: what it signs for others lies there unsigned.
    this.certificates?.sync();
  }

  private readonly onListChanged = (): void => {
    this.deps.tasks.run(async () => {
      if (await this.deps.network.adopt()) this.emit('moved');
    });
    if (this.deps.device.connection?.state === 'online') this.sync();
    this.directory.lookAgain();
    this.emit('changed');
  };

  /**
   * A device is there that no list names: its list was published while nobody told us. Asked once for each such device; a
   * server that invents devices gains nothing by it.
   */
  private readAboutUnlisted(): void {
    const listed = new Set(listedDevices(this.deps.network).map(({ jid }) => jid));
    const news = this.directory.all().filter(({ jid }) => !listed.has(jid) && !this.unlisted.has(jid));
    for (const { jid } of news) this.unlisted.add(jid);
    if (this.unlisted.size > this.options.resources) this.unlisted.clear();
    if (news.length > 0) this.sync();
  }

  private sync(): void {
    this.deps.tasks.run(async () => {
      try {
        await this.publisher?.sync();
      } catch (error) {
        this.deps.log.warn('the lists on the account could not be kept in step', { error });
      }
    });
    this.certificates?.sync();
  }
}
