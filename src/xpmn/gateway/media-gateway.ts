import { Device } from '../device/device.ts';
import type { DeviceShared } from '../device/device-shared.ts';
import { Socks5Listener } from '../jingle/transports/socks5-listener.ts';
import type { Timer } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { TaskGroup, sleep, untilAborted } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaEntity } from '../ports/media-source.ts';
import type { MediaPage } from '../model/media.ts';
import type { PlayerFeed } from '../ports/player-feed.ts';
import type { ShareOptions } from '../ports/shared-media.ts';
import type { ConnectionState } from '../ports/xmpp-connection.ts';
import type { LocalLink } from '../serverless/local-link.ts';
import type { CarriedAccount } from '../pairing/pairing-codec.ts';
import { ExpiryWatch } from '../trust/expiry-watch.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import { AccountLogins } from './account-logins.ts';
import type { Newcomer } from './account-logins.ts';
import { AccountSeeker } from './account-seeker.ts';
import { AccountServices } from './account-services.ts';
import { Bridge } from './bridge.ts';
import { Membership } from './membership.ts';
import { servePairing } from './pairing-service.ts';
import type { GatewaySettings } from './gateway-settings.ts';
import { DeviceNames } from './device-names.ts';
import { knownDevices, listedDevices } from './known-devices.ts';
import type { KnownDevice } from './known-devices.ts';
import { LocalSide, gatewayLink } from './local-side.ts';
import type { MediaGatewayDeps } from './media-gateway-deps.ts';
import { MediaSide } from './media-side.ts';
import type { BrowseRequest } from './media-side.ts';
import { handOver } from './hand-over.ts';
import { Directories } from './neighbourhood.ts';
import { PairingSide } from './pairing-side.ts';
import type { PeerDirectory } from './peer-directory.ts';
import { PlayerSide } from './player-side.ts';
import { sharedParts } from './shared-parts.ts';

export interface Removal {
  readonly isPutOut: boolean;
  /** Only gateways are ever told the account's password. */
  readonly wasGateway: boolean;
}

/** A gateway: the controller device of this machine, the legacy devices it bridges, and the port players fetch from. */
export class MediaGateway {
  /** Players of the network, as those see them who sit at this gateway. */
  readonly players: PlayerSide;
  private readonly deps: MediaGatewayDeps;
  private readonly settings: GatewaySettings;
  private readonly tasks: TaskGroup;
  private readonly listener: Socks5Listener;
  private readonly controller: Device;
  private readonly services: AccountServices;
  private readonly logins: AccountLogins | undefined;
  private readonly link: LocalLink | undefined;
  private readonly local: LocalSide | undefined;
  private readonly pairing: PairingSide;
  /** Who is there, on the link or by the server's word. */
  private readonly directory: PeerDirectory;
  private readonly names: DeviceNames;
  private readonly seeker: AccountSeeker | undefined;
  private readonly bridge: Bridge;
  private readonly media: MediaSide;
  private readonly expiry: ExpiryWatch;
  private readonly membership: Membership;
  private readonly wasManagement: boolean;
  private isOutdated = false;
  private refreshTimer: Timer | undefined;
  private problem: XpmnError | undefined;

  constructor(deps: MediaGatewayDeps, settings: GatewaySettings) {
    this.deps = deps;
    this.settings = settings;
    const { clock, log, network } = deps;
    this.names = new DeviceNames(deps.storage, settings);
    // Every device listens for changed lists, and there may be many.
    network.lists.setMaxListeners(0);
    this.wasManagement = network.isManagement;
    this.tasks = new TaskGroup((error) => log.warn('something in the background failed', { error }));
    this.listener = new Socks5Listener({ clock, log }, settings.listener);
    this.link = gatewayLink(deps, settings.linkLocal);
    const shared = this.createShared();
    this.controller = new Device(shared, {
      credentials: network.gateway,
      identity: { verdict: 'own', key: network.gateway.key, jid: network.gateway.jid, network: network.id, roles: ['host'] },
      account: deps.access?.accountOf(network.gateway),
      pairing: deps.pairing,
      srp: deps.srp,
      button: deps.button,
    }, settings.device);
    this.services = new AccountServices(
      { device: this.controller, network, clock, log, tasks: this.tasks, link: this.link, pairing: deps.pairing, button: deps.button, onGone: (jid) => this.peerGone(jid) },
      settings.account,
    );
    this.logins = deps.access && new AccountLogins({ ...deps, access: deps.access, tasks: this.tasks, gateway: this.controller }, settings.logins);
    const { controller, tasks } = this;
    this.local = this.link && new LocalSide({ ...deps, tasks, controller, link: this.link, isHere: (jid) => this.isHere(jid) }, settings.account.questions);
    this.pairing = new PairingSide({ ...deps, tasks, controller }, settings);
    this.directory = this.local ? new Directories(this.local.neighbourhood, this.services) : this.services;
    this.media = new MediaSide({ ...deps, controller, libraryOf: (jid) => this.bridge.libraryOf(jid) }, settings);
    this.bridge = new Bridge({ ...deps, feed: deps.feed ?? this.media.feed, shared, tasks: this.tasks, directory: this.directory, link: this.link, logins: this.logins, onBridged: (jid) => this.appeared(jid) }, settings);
    this.expiry = new ExpiryWatch({ lists: network.lists, clock, onExpired: () => this.reconsiderPeers() }, settings);
    this.membership = new Membership({ network, clock, links: this.controller.links, publish: (signal) => this.services.publish(signal) }, settings.pairing);
    servePairing({ registry: this.controller.router, network, membership: this.membership, window: deps.pairing, button: deps.button, log, signal: this.tasks.signal, logins: this.logins }, settings.pairing);
    this.seeker = network.isLocalOnly || deps.access ? undefined : new AccountSeeker({ network, directory: this.directory, links: this.controller.links, tasks: this.tasks, clock, log, onFound: (account) => deps.onAccountFound?.(account) }, settings.account.questions);
    this.players = new PlayerSide({ clock, log, tasks, controller, directory: this.directory }, settings);
  }

  /** @throws XpmnError `bad-configuration` if a port can't be had; the server and the LAN may come later */
  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    try {
      await this.names.load();
      await this.listener.listen();
      await this.media.start();
      await this.link?.start({ signal });
      this.controller.connection?.on('stateChanged', (state, reason) => (this.problem = state === 'online' ? undefined : (reason ?? this.problem)));
      this.deps.network.lists.on('changed', this.onListChanged);
      this.directory.on('changed', this.noteNames);
      this.expiry.start();
      this.services.start();
      this.controller.start();
      this.logins?.start();
      this.services.announce();
      this.services.on('moved', () => this.deps.onMoved?.());
      this.pairing.start();
      this.local?.start();
      this.seeker?.start();
      this.players.start();
      await this.bridge.start({ signal });
      this.refresh();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends everything in order within `signal` and its own time, then at once. */
  async stop({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const late = new AbortController();
    const timer = this.deps.clock.after(this.settings.stopTimeout, () => late.abort(new XpmnError('timeout', 'Closing took too long.')));
    const within = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
    this.deps.network.lists.off('changed', this.onListChanged);
    this.directory.off('changed', this.noteNames);
    this.players.stop();
    this.pairing.stop();
    this.seeker?.stop();
    this.local?.stop();
    this.expiry.stop();
    this.refreshTimer?.cancel();
    await this.media.stop();
    this.logins?.stop();
    await this.bridge.stop({ signal: within });
    await untilAborted(this.services.stop(), within);
    await this.controller.stop({ signal: within });
    if (this.link) await untilAborted(this.link.stop(), within);
    await this.listener.close();
    await this.tasks.close();
    timer.cancel();
  }

  get jid(): Jid {
    return this.controller.jid;
  }

  /** Undefined without an account. */
  get connection(): { readonly state: ConnectionState; readonly problem: XpmnError | undefined } | undefined {
    const state = this.controller.connection?.state;
    return state && { state, problem: this.problem };
  }

  get mediaAddress(): { readonly host: string; readonly port: number } | undefined {
    return this.media.address;
  }

  /** Whether devices are reached on the local network without a server. */
  get isOnLocalNetwork(): boolean {
    return this.link !== undefined;
  }

  /** Bridged devices that have no connection to the server. */
  get unconnected(): Bridge['unconnected'] {
    return this.bridge.unconnected;
  }

  /** How it gets into its account; undefined without one, or while nobody has told it how. */
  get login(): { readonly hasPassword: boolean; readonly isStuck: boolean } | undefined {
    return this.logins && { hasPassword: this.logins.hasPassword, isStuck: this.logins.isStuck(this.controller) };
  }

  /** All devices that the lists name, and what is known of them now. */
  devices(): KnownDevice[] {
    return knownDevices(this.deps.network, {
      directory: this.directory,
      isHere: (jid) => this.isHere(jid),
      isOnLink: (jid) => this.local?.neighbourhood.find(jid) !== undefined,
      path: (jid) => (jid === this.jid ? 'in-process' : this.controller.links.find(jid)?.path),
      featuresOf: (jid) => this.bridge.featuresOf(jid),
      nameOf: (jid) => this.nameOf(jid) ?? this.names.of(jid),
    });
  }

  browse(device: Jid, request: BrowseRequest, signal: AbortSignal): Promise<MediaPage> {
    return this.media.browse(device, request, signal);
  }

  /** What the players here are fed by. */
  get feed(): PlayerFeed {
    return this.media.feed;
  }

  /** The URI under which own devices find a file or a URL of this machine, for a while. @throws XpmnError as `SharedMedia.share` */
  share(what: string, options: Omit<ShareOptions, 'publicOnly'>): Promise<string> {
    return this.media.share(what, options);
  }

  url(item: MediaReference, options: { readonly signal: AbortSignal }): Promise<{ url: string; expires: number; entity: MediaEntity }> {
    return this.media.url(item, options);
  }

  /** The user has pressed the button. `isUsed`: this network can't give way to another. @throws XpmnError `not-supported` where nobody can be seen */
  pressButton(isUsed: boolean): void {
    if (!this.local) throw new XpmnError('not-supported', 'This gateway does not look at the local network.');
    this.local.press(isUsed);
  }

  /**
   * Removes a machine from the network, for ever, and puts it out of the account; `isPutOut` false: the server takes no
   * certificates, or its certificate is revoked when a gateway is online again.
   * @throws XpmnError as `Membership.remove`
   */
  async remove(device: Jid): Promise<Removal> {
    const { signal } = this.tasks;
    const { roles } = await this.membership.remove(device, signal);
    const isPutOut = (await this.logins?.revokeLost(signal)) ?? false;
    return { isPutOut, wasGateway: roles.length > 0 };
  }

  /**
   * Lets a device of the network into the account that can't ask for itself, by a password or by its certificate.
   * Undefined where there is no account, or nobody has told how to log in.
   * @throws XpmnError as `AccountLogins.letIn`
   */
  async letIn(newcomer: Newcomer): Promise<CarriedAccount | undefined> {
    return this.logins?.letIn(newcomer, this.tasks.signal);
  }

  /** Takes a machine in again that the backup did not know. @throws XpmnError as `Membership.relist` */
  relist(device: Jid): Promise<void> {
    return this.membership.relist(device, this.tasks.signal);
  }

  /** Makes another gateway the management device, in the place of this one. @throws XpmnError as `handOver` */
  async handOver(device: Jid): Promise<void> {
    const { deps: { network, log }, controller: { links }, tasks: { signal }, settings } = this;
    await handOver({ network, links, publish: (within) => this.services.publish(within) }, device, { signal, ...settings.pairing });
    log.info('the media network is managed by another device now', { device });
    this.followManagement();
  }

  /** Issues what is due and can be signed here, and publishes it: the user key has been unlocked. Resolves to what it issued. */
  async issueDue(): Promise<readonly VerifiedList[]> {
    const issued = await this.deps.network.refresh();
    await this.services.publish(this.tasks.signal);
    return issued;
  }

  private createShared(): DeviceShared {
    return sharedParts({
      ...this.deps,
      listener: this.listener,
      linkLocal: this.link,
      lookUp: (account) => this.services.lookUp(account, this.tasks.signal),
      features: (peer) => (peer === this.jid ? this.services.features : this.directory.find(peer)?.features),
      isAvailable: (peer) => this.services.find(peer) !== undefined,
    }, this.settings);
  }

  private isHere(jid: Jid): boolean {
    return jid === this.jid || this.bridge.has(jid);
  }

  private nameOf(jid: Jid): string | undefined {
    return jid === this.jid ? this.deps.network.name : this.bridge.nameOf(jid);
  }

  /** No presence tells of it. */
  private appeared(jid: Jid): void {
    this.noteNames();
    this.players.appeared(jid);
  }

  /** Whoever goes next keeps the name that it has now. */
  private readonly noteNames = (): void => {
    const { deps: { network }, directory } = this;
    this.tasks.run(() => this.names.learn(listedDevices(network).map(({ jid }) => ({ jid, name: directory.find(jid)?.name ?? this.nameOf(jid) }))));
  };

  /** Who was removed has nothing to say to the others any more; what it bridges, the bridge lets go. */
  private readonly onListChanged = (): void => {
    this.local?.neighbourhood.lookAgain();
    this.followManagement();
    if (!this.deps.network.isMember) this.controller.endSessions(new XpmnError('not-trusted', 'This machine was removed from the media network.'));
  };

  /**
   * A management device has nodes and an announcement of its own: a gateway that has become one, or has ceased to be one, is
   * started anew, as soon as who waits for an answer has it.
   */
  private followManagement(): void {
    const { network: { isManagement, transfer, gateway }, clock } = this.deps;
    if (this.isOutdated || isManagement === this.wasManagement || isManagement !== transfer.isManager(gateway.key)) return;
    this.isOutdated = true;
    this.tasks.run(async (signal) => {
      await sleep(clock, this.settings.stopTimeout, signal);
      this.deps.onMoved?.();
    });
  }

  private reconsiderPeers(): void {
    this.controller.reconsiderPeers();
    this.bridge.reconsiderPeers();
  }

  private peerGone(jid: Jid): void {
    this.controller.peerGone(jid);
    this.bridge.peerGone(jid);
  }

  /** Lists that are due are issued again, for ever. */
  private refresh(): void {
    this.tasks.run(() => this.deps.network.refresh());
    this.refreshTimer = this.deps.clock.after(this.settings.refreshInterval, () => this.refresh());
  }
}
