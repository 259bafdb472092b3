import { Device } from '../device/device.ts';
import type { DeviceShared } from '../device/device-shared.ts';
import { SendPool } from '../jingle/applications/oob-pool.ts';
import { WindowBudget } from '../jingle/applications/oob-window.ts';
import type { LocalAddresses } from '../jingle/transports/host-candidates.ts';
import { Socks5Listener } from '../jingle/transports/socks5-listener.ts';
import type { Clock, Random, Timer } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { TaskGroup, sleep, untilAborted } from '../kernel/tasks.ts';
import { createAcceptor } from '../links/acceptor.ts';
import { LocalExchange } from '../links/local-exchange.ts';
import { MediaPort } from '../media/media-port.ts';
import type { OpenItem } from '../media/media-port.ts';
import type { AccountAccess } from '../login/account-access.ts';
import type { Jid } from '../model/jid.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaEntity } from '../ports/media-source.ts';
import type { MediaPage } from '../model/media.ts';
import type { DeviceSource } from '../ports/media-device.ts';
import type { SecurityMethod } from '../ports/security.ts';
import type { ServiceDiscovery } from '../ports/service-discovery.ts';
import type { Storage } from '../ports/storage.ts';
import type { ConnectionState } from '../ports/xmpp-connection.ts';
import { browsePeer } from '../profiles/directory-controller.ts';
import { LocalLink } from '../serverless/local-link.ts';
import { openTransfer } from '../profiles/transfer-controller.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import type { ButtonState } from '../pairing/button-state.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import type { CarriedAccount } from '../pairing/pairing-codec.ts';
import { ExpiryWatch } from '../trust/expiry-watch.ts';
import type { Network } from '../trust/network.ts';
import type { PairingState, PairingWindow } from '../trust/pairing-window.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import { queryInfo } from '../xmpp/disco.ts';
import { AccountLogins } from './account-logins.ts';
import type { Newcomer } from './account-logins.ts';
import { AccountSeeker } from './account-seeker.ts';
import { AccountServices } from './account-services.ts';
import { Bridge } from './bridge.ts';
import { Membership } from './membership.ts';
import { servePairing } from './pairing-service.ts';
import type { GatewaySettings } from './gateway-settings.ts';
import { knownDevices, listedDevices } from './known-devices.ts';
import type { KnownDevice } from './known-devices.ts';
import { handOver } from './hand-over.ts';
import { Directories, Neighbourhood } from './neighbourhood.ts';
import type { Answer, Neighbour } from './neighbourhood.ts';
import type { PeerDirectory } from './peer-directory.ts';

export interface MediaGatewayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly network: Network;
  /** How to log in; undefined while the network is local-only, or nobody has told. */
  readonly access: AccountAccess | undefined;
  /** Where it is kept how far the devices have come with that. */
  readonly storage: Storage;
  readonly sources: readonly DeviceSource[];
  readonly connect: DeviceShared['connect'];
  readonly addresses: LocalAddresses;
  /** In which devices are added by PIN. */
  readonly pairing: PairingWindow;
  /** `srp` with the PINs of `pairing`, for devices that know nothing better; undefined where it can't be had. */
  readonly srp?: SecurityMethod | undefined;
  /** In which they are by being alone. */
  readonly button: ButtonWindow;
  /** Undefined: others are reached through the server only. */
  readonly discovery?: ServiceDiscovery | undefined;
  /** Name of this machine on the link. */
  readonly host: string;
  /** The lists give this gateway another JID, or it manages the network now, or no more: it is to be started anew. */
  onMoved?(): void;
  /** Another gateway has told how to log in; this one was made without knowing that. */
  onAccountFound?(account: CarriedAccount): void;
}

export interface Removal {
  readonly isPutOut: boolean;
  /** Only gateways are ever told the account's password. */
  readonly wasGateway: boolean;
}

/** A gateway: the controller device of this machine, the legacy devices it bridges, and the port players fetch from. */
export class MediaGateway {
  private readonly deps: MediaGatewayDeps;
  private readonly settings: GatewaySettings;
  private readonly tasks: TaskGroup;
  private readonly listener: Socks5Listener;
  private readonly controller: Device;
  private readonly services: AccountServices;
  private readonly logins: AccountLogins | undefined;
  private readonly link: LocalLink | undefined;
  private readonly neighbourhood: Neighbourhood | undefined;
  /** Who is there, on the link or by the server's word. */
  private readonly directory: PeerDirectory;
  private readonly seeker: AccountSeeker | undefined;
  private readonly bridge: Bridge;
  private readonly mediaPort: MediaPort;
  private readonly expiry: ExpiryWatch;
  private readonly membership: Membership;
  private readonly wasManagement: boolean;
  private isOutdated = false;
  private refreshTimer: Timer | undefined;
  private problem: XpmnError | undefined;

  constructor(deps: MediaGatewayDeps, settings: GatewaySettings) {
    this.deps = deps;
    this.settings = settings;
    const { clock, random, log, network } = deps;
    // Every device listens for changed lists, and there may be many.
    network.lists.setMaxListeners(0);
    this.wasManagement = network.isManagement;
    this.tasks = new TaskGroup((error) => log.warn('something in the background failed', { error }));
    this.listener = new Socks5Listener({ clock, log }, settings.listener);
    this.link = deps.discovery && new LocalLink({ clock, random, log: log.child('link'), discovery: deps.discovery, network: network.id, host: deps.host, concerns: (jid) => this.isListed(jid) }, settings.linkLocal);
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
    this.neighbourhood = this.link && this.createNeighbourhood(this.link);
    this.directory = this.neighbourhood ? new Directories(this.neighbourhood, this.services) : this.services;
    this.bridge = new Bridge({ ...deps, shared, tasks: this.tasks, directory: this.directory, link: this.link, logins: this.logins }, settings);
    this.expiry = new ExpiryWatch({ lists: network.lists, clock, onExpired: () => this.reconsiderPeers() }, settings);
    this.membership = new Membership({ network, links: this.controller.links, publish: (signal) => this.services.publish(signal) }, settings.pairing);
    servePairing({ registry: this.controller.router, network, membership: this.membership, window: deps.pairing, button: deps.button, log, logins: this.logins }, settings.pairing);
    this.seeker = network.isLocalOnly || deps.access ? undefined : new AccountSeeker({ network, directory: this.directory, links: this.controller.links, tasks: this.tasks, clock, log, onFound: (account) => deps.onAccountFound?.(account) }, settings.account.questions);
    this.mediaPort = new MediaPort({ clock, random, log, openItem: (item, request, { signal }) => this.openItem(item, request, signal) }, settings.mediaPort);
  }

  /** @throws XpmnError `bad-configuration` if a port can't be had; the server and the LAN may come later */
  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    try {
      await this.listener.listen();
      await this.mediaPort.start();
      await this.link?.start({ signal });
      this.controller.connection?.on('stateChanged', (state, reason) => (this.problem = state === 'online' ? undefined : (reason ?? this.problem)));
      this.deps.network.lists.on('changed', this.onListChanged);
      this.expiry.start();
      this.services.start();
      this.controller.start();
      this.logins?.start();
      this.services.announce();
      this.services.on('moved', () => this.deps.onMoved?.());
      this.deps.pairing.on('changed', this.onPairing);
      this.deps.button.on('changed', this.onPairing);
      this.link?.on('changed', this.onLinkChanged);
      this.neighbourhood?.start();
      this.seeker?.start();
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
    this.deps.pairing.off('changed', this.onPairing);
    this.deps.button.off('changed', this.onPairing);
    this.link?.off('changed', this.onLinkChanged);
    this.seeker?.stop();
    this.neighbourhood?.stop();
    this.expiry.stop();
    this.refreshTimer?.cancel();
    await this.mediaPort.stop();
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
    return this.mediaPort.address;
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
      isOnLink: (jid) => this.neighbourhood?.find(jid) !== undefined,
      path: (jid) => (jid === this.jid ? 'in-process' : this.controller.links.find(jid)?.path),
      nameOf: (jid) => (jid === this.jid ? this.deps.network.name : this.bridge.nameOf(jid)),
    });
  }

  browse(device: Jid, request: { readonly container: string; readonly offset: number; readonly limit: number }, signal: AbortSignal): Promise<MediaPage> {
    const link = this.controller.links.to(device);
    return this.askedTwice(device, () => browsePeer(link, request, { options: this.settings.directoryController, signal }));
  }

  url(item: MediaReference, options: { readonly signal: AbortSignal }): Promise<{ url: string; expires: number; entity: MediaEntity }> {
    return this.mediaPort.issue(item, options);
  }

  /** The user has pressed the button. `isUsed`: this network can't give way to another. @throws XpmnError `not-supported` where nobody can be seen */
  pressButton(isUsed: boolean): void {
    if (!this.link) throw new XpmnError('not-supported', 'This gateway does not look at the local network.');
    this.deps.button.press({ isUsed, network: this.deps.network.id });
    this.onLinkChanged();
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

  /** A device that takes us for a stranger has heard nothing: it is asked once more, and then shown who we are. */
  private async askedTwice<T>(device: Jid, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!this.controller.wasTurnedAway(device)) throw error;
      return await ask();
    }
  }

  private openItem(item: MediaReference, request: Parameters<OpenItem>[1], signal: AbortSignal): Promise<RemoteTransfer> {
    const link = this.controller.links.to(item.device);
    return this.askedTwice(item.device, () => openTransfer(link, { uid: item.uid, ...request }, { options: this.settings.transferController, clock: this.deps.clock, signal }));
  }

  private createShared(): DeviceShared {
    const { clock, random, log, network, addresses, connect } = this.deps;
    const { lists } = network;
    const lookUp = (account: Jid): Promise<void> => this.services.lookUp(account, this.tasks.signal);
    return {
      clock, random, log, lists, addresses, connect,
      listener: this.listener,
      acceptor: createAcceptor({ lists, clock, log, lookUp }, this.settings.acceptor),
      exchange: new LocalExchange({ random }, this.settings.inProcess),
      pool: new SendPool(this.settings.pool),
      budget: new WindowBudget(this.settings.windowBudget),
      linkLocal: this.link,
      features: (peer) => this.directory.find(peer)?.features,
      isAvailable: (peer) => this.services.find(peer) !== undefined,
    };
  }

  /** A device that says that it is of my network is asked, even if no list that I have names it: it may have a newer one. */
  private createNeighbourhood(link: LocalLink): Neighbourhood {
    const { clock, log, network } = this.deps;
    const neighbours = (): Neighbour[] => {
      const listed = new Set(listedDevices(network).map(({ jid }) => jid));
      return (network.isMember ? link.all() : [])
        .filter((peer) => !this.isHere(peer.jid) && (peer.network === network.id || listed.has(peer.jid)))
        .map(({ jid, targets, caps }) => ({ jid, said: JSON.stringify([targets, caps?.ver]) }));
    };
    const ask = (jid: Jid, signal: AbortSignal): Promise<Answer> => this.askedTwice(jid, async () => {
      const { links } = this.controller;
      const channel = await links.to(jid).channel({ signal });
      // It may have been reached through the server: then somebody else has spoken for it on the link.
      if (links.find(jid)?.path !== 'link-local') throw new XpmnError('peer-unavailable', 'The device is not on the local network.');
      return { info: await queryInfo(channel, undefined, { signal }), closed: channel.closed };
    });
    return new Neighbourhood({ link, clock, log, tasks: this.tasks, neighbours, ask }, this.settings.account.questions);
  }

  private isHere(jid: Jid): boolean {
    return jid === this.jid || this.bridge.has(jid);
  }

  private isListed(jid: Jid): boolean {
    return listedDevices(this.deps.network).some((device) => device.jid === jid);
  }

  private readonly onLinkChanged = (): void => this.deps.button.look(this.link?.pressers().filter(({ jid }) => jid !== this.jid) ?? []);

  /** While nobody is being added, whoever has proven a PIN of before has nothing to say; what its stream takes up is given back. */
  private readonly onPairing = (pairing: PairingState | ButtonState): void => {
    if (pairing.state === 'closed' && pairing.why === 'refused') this.tasks.run((signal) => this.endRefused(signal));
    else if (pairing.state === 'closed' || pairing.state === 'open') this.controller.endPairing();
  };

  /** Whoever knew the PIN, and could not be added all the same, is told why first. */
  private async endRefused(signal: AbortSignal): Promise<void> {
    await sleep(this.deps.clock, this.settings.stopTimeout, signal);
    if (this.deps.pairing.state.state === 'closed') this.controller.endPairing();
  }

  /** Who was removed has nothing to say to the others any more; what it bridges, the bridge lets go. */
  private readonly onListChanged = (): void => {
    this.neighbourhood?.lookAgain();
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
