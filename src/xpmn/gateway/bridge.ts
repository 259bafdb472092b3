import { Device } from '../device/device.ts';
import type { DeviceShared } from '../device/device-shared.ts';
import type { Logger } from '../kernel/log.ts';
import { SerialQueue, untilAborted } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { AccountAccess } from '../login/account-access.ts';
import type { Jid } from '../model/jid.ts';
import type { DeviceSource, MediaDevice, MediaLibrary } from '../ports/media-device.ts';
import type { PlayerFeed } from '../ports/player-feed.ts';
import { createPlaybackControl } from '../player/playback-session.ts';
import type { PlaybackSession } from '../player/playback-session.ts';
import type { LocalLink } from '../serverless/local-link.ts';
import type { DeviceCredentials } from '../trust/device-credentials.ts';
import type { Network } from '../trust/network.ts';
import type { AccountLogins } from './account-logins.ts';
import { Announcement } from './announcement.ts';
import { devicesWithOlderRight } from './bridging.ts';
import type { GatewaySettings } from './gateway-settings.ts';
import { provideServices } from './hosted-device.ts';
import type { HostedServices } from './hosted-device.ts';
import type { PeerDirectory } from './peer-directory.ts';
import { answerPublicKeys } from './public-keys.ts';

export interface BridgeDeps {
  readonly log: Logger;
  readonly network: Network;
  /** Both undefined without an account. */
  readonly access: AccountAccess | undefined;
  readonly logins: AccountLogins | undefined;
  readonly sources: readonly DeviceSource[];
  /** Where players get from what they are to play. */
  readonly feed: PlayerFeed;
  readonly shared: DeviceShared;
  readonly tasks: TaskGroup;
  readonly directory: PeerDirectory;
  readonly link: LocalLink | undefined;
  /** A device can be reached here from now on. */
  onBridged?(jid: Jid): void;
}

interface Bridged {
  readonly device: Device;
  readonly credentials: DeviceCredentials;
  readonly announcement: Announcement;
  readonly services: HostedServices;
  readonly session: PlaybackSession | undefined;
  readonly name: string;
  readonly library: MediaLibrary | undefined;
}

/**
 * Makes every legacy device that the adapters find a device of the network, and lets it go when it is gone. Two gateways
 * of one owner that see the same device agree, without talking, on which of them does that.
 */
export class Bridge {
  private readonly deps: BridgeDeps;
  private readonly settings: GatewaySettings;
  private readonly bridged = new Map<string, Bridged>();
  /** Appearing and going happen one after another: a device that flaps is never there twice. */
  private readonly queue = new SerialQueue();
  private isStopped = false;
  private wasHost = true;

  constructor(deps: BridgeDeps, settings: GatewaySettings) {
    this.deps = deps;
    this.settings = settings;
  }

  /** Adapters that can't start are reported, and not fatal: the others may. */
  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.deps.directory.on('changed', this.reconsiderAll);
    this.noteHost();
    for (const source of this.deps.sources) {
      source.on('deviceAppeared', (media) => this.reconsider(media));
      source.on('deviceGone', (id) => this.enqueue(() => this.release(id)));
      await this.startSource(source, signal);
    }
  }

  async stop({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.isStopped = true;
    this.deps.directory.off('changed', this.reconsiderAll);
    await Promise.all(this.deps.sources.map((source) => source.stop()));
    await this.queue.idle();
    await Promise.all([...this.bridged.keys()].map((id) => this.release(id, signal)));
  }

  has(jid: Jid): boolean {
    return [...this.bridged.values()].some(({ device }) => device.jid === jid);
  }

  /** What the legacy device behind one of ours has. */
  libraryOf(jid: Jid): MediaLibrary | undefined {
    return [...this.bridged.values()].find(({ device }) => device.jid === jid)?.library;
  }

  nameOf(jid: Jid): string | undefined {
    return [...this.bridged.values()].find(({ device }) => device.jid === jid)?.name;
  }

  /** What a device announces, beside what every device does; undefined for one that is not bridged here. */
  featuresOf(jid: Jid): readonly string[] | undefined {
    return [...this.bridged.values()].find(({ device }) => device.jid === jid)?.services.features;
  }

  /** Devices without a connection to the server of their own, though there is an account: beyond the limit, or not let in. */
  get unconnected(): { readonly beyondLimit: number; readonly notLetIn: number } {
    const { logins } = this.deps;
    if (!logins) return { beyondLimit: 0, notLetIn: 0 };
    const devices = [...this.bridged.values()].map(({ device }) => device);
    return {
      beyondLimit: devices.filter((device) => !logins.keeps(device)).length,
      notLetIn: devices.filter((device) => logins.isStuck(device)).length,
    };
  }

  /** The server says that another device has gone. */
  peerGone(jid: Jid): void {
    for (const { device } of this.bridged.values()) device.peerGone(jid);
  }

  /** Who was accepted may be a stranger by now. */
  reconsiderPeers(): void {
    for (const { device } of this.bridged.values()) device.reconsiderPeers();
  }

  /** Also when a list changes: whoever is no host any more, because it was removed, lets everything go. */
  private readonly reconsiderAll = (): void => {
    this.noteHost();
    for (const source of this.deps.sources) for (const media of source.devices()) this.reconsider(media);
  };

  private reconsider(media: MediaDevice): void {
    const { id } = media.description;
    this.enqueue(async () => {
      const isOurs = this.deps.network.isHost && !this.belongsToAnother(id);
      if (isOurs && !this.bridged.has(id)) await this.bridge(media);
      if (!isOurs && this.bridged.has(id)) await this.release(id);
    });
  }

  private noteHost(): void {
    const { network: { isHost }, log } = this.deps;
    if (isHost === this.wasHost) return;
    this.wasHost = isHost;
    if (isHost) log.info('this gateway is a host of its media network again');
    else log.error('the media network does not list this gateway as a host any more: nothing is bridged here');
  }

  private async startSource(source: DeviceSource, signal: AbortSignal): Promise<void> {
    try {
      await source.start({ signal });
    } catch (error) {
      if (signal.aborted) throw error;
      this.deps.log.warn('devices of this kind can\'t be looked for', { error });
    }
  }

  private async bridge(media: MediaDevice): Promise<void> {
    const { network, shared, log, link } = this.deps;
    const { id, name } = media.description;
    // A device that can do nothing is not shown.
    if (this.isStopped || !(media.library || media.player)) return;
    const credentials = await network.hostDevice(id, name);
    const identity = { verdict: 'own-hosted', key: credentials.key, jid: credentials.jid, network: network.id, roles: [] } as const;
    const device = new Device(shared, { credentials, identity, account: this.deps.access?.accountOf(credentials) }, this.settings.device);
    const session = this.sessionOf(media, device);
    const services = provideServices(device, { library: media.library, control: session }, shared, this.settings);
    answerPublicKeys({ registry: device.router, network, device: device.jid, own: () => ({ certificate: credentials.certificate.der, signatures: [] }) });
    const announcement = Announcement.of(device, { name, features: services.features, link, nodes: () => services.nodes });
    this.bridged.set(id, { device, credentials, announcement, services, session, name, library: media.library });
    device.start();
    announcement.start();
    this.logIn();
    this.deps.onBridged?.(device.jid);
    log.info('bridging a device', { name, jid: device.jid });
  }

  private async release(id: string, signal = AbortSignal.abort()): Promise<void> {
    const entry = this.bridged.get(id);
    if (!entry) return;
    this.bridged.delete(id);
    this.deps.logins?.release(entry.device);
    // While the gateway goes on the same device may be back at once: under its old name, that has to be free.
    const ended = Promise.all([entry.services.end(), entry.session?.end()]);
    try {
      await untilAborted(entry.announcement.stop(), this.isStopped ? signal : undefined);
      await entry.device.stop({ signal });
    } finally {
      await ended;
      if (!this.isStopped) this.logIn();
    }
    this.deps.log.info('a device is not bridged any more', { name: entry.name, jid: entry.device.jid });
  }

  private sessionOf({ player }: MediaDevice, { jid }: Device): PlaybackSession | undefined {
    const { feed, shared: { clock, random, log } } = this.deps;
    return player && createPlaybackControl({ player, feed, clock, random, log: log.child('player', { device: jid }) }, this.settings.player);
  }

  /** Who has been here longest is on the server, up to the limit; where one goes, another takes its turn. */
  private logIn(): void {
    const { deps: { logins }, settings: { connections } } = this;
    if (!logins) return;
    const waiting = [...this.bridged.values()].filter(({ device }) => !logins.keeps(device));
    const free = connections - (this.bridged.size - waiting.length);
    for (const { device, credentials, name } of waiting.slice(0, Math.max(0, free))) logins.keep(device, credentials, name);
  }

  /** Whether another gateway of ours that is there shows the same device, and has the older right to it. */
  private belongsToAnother(id: string): boolean {
    const { network, directory } = this.deps;
    return devicesWithOlderRight(network.lists.snapshot, network.gateway.key, id).some((jid) => directory.find(jid) !== undefined);
  }

  private enqueue(job: () => Promise<void>): void {
    this.deps.tasks.run(() => this.queue.run(job));
  }
}
