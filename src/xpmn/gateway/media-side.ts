import type { Device } from '../device/device.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { openLocally } from '../media/local-transfer.ts';
import { MediaPort } from '../media/media-port.ts';
import { createPlayerFeed } from '../media/player-feed.ts';
import { systemNetworks } from '../media/reach.ts';
import type { OwnNetworks } from '../media/reach.ts';
import type { OpenItem } from '../media/read-ahead.ts';
import type { Jid } from '../model/jid.ts';
import { formatMediaUri } from '../model/media-uri.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaObject, MediaPage } from '../model/media.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { MediaEntity } from '../ports/media-source.ts';
import type { PlayerFeed } from '../ports/player-feed.ts';
import type { ShareOptions, SharedMedia } from '../ports/shared-media.ts';
import { browsePeer, objectOfPeer } from '../profiles/directory-controller.ts';
import { provideDirectory } from '../profiles/directory.ts';
import { openTransfer } from '../profiles/transfer-controller.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import { provideTransfer } from '../profiles/transfer.ts';
import { askTwice } from './ask-twice.ts';
import type { GatewaySettings } from './gateway-settings.ts';

export interface MediaSideDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly controller: Device;
  /** The library of a device that is bridged here. */
  libraryOf(device: Jid): MediaLibrary | undefined;
  /** What the user of this machine lets be played elsewhere. */
  readonly shared?: SharedMedia | undefined;
  /** Left out: this machine's. */
  readonly networks?: OwnNetworks | undefined;
}

type MediaSideSettings = Pick<GatewaySettings, 'mediaPort' | 'feed' | 'directory' | 'directoryController' | 'transferController'>;

export interface BrowseRequest {
  readonly container: string;
  readonly offset: number;
  readonly limit: number;
}

/** What a gateway has from other devices for those who sit at it, and for the players here: listings, and the port they fetch from. */
export class MediaSide {
  readonly feed: PlayerFeed;
  private readonly deps: MediaSideDeps;
  private readonly settings: MediaSideSettings;
  private readonly port: MediaPort;

  constructor(deps: MediaSideDeps, settings: MediaSideSettings) {
    const { clock, random, log, controller, shared, networks = systemNetworks } = deps;
    this.deps = deps;
    this.settings = settings;
    const openItem: OpenItem = (item, request, { signal }) => this.openItem(item, request, signal);
    this.port = new MediaPort({ clock, random, log, openItem }, settings.mediaPort);
    this.feed = createPlayerFeed({
      clock, log, openItem, networks,
      port: this.port,
      object: (item, { signal }) => this.object(item, signal),
      libraryOf: (device) => deps.libraryOf(device),
      shared: shared && { media: shared, device: controller.jid },
    }, settings.feed);
    if (shared) provideShared(shared, deps, settings);
  }

  /** @throws XpmnError `bad-configuration` if the port can't be had */
  start(): Promise<void> {
    return this.port.start();
  }

  stop(): Promise<void> {
    return this.port.stop();
  }

  get address(): { readonly host: string; readonly port: number } | undefined {
    return this.port.address;
  }

  browse(device: Jid, request: BrowseRequest, signal: AbortSignal): Promise<MediaPage> {
    const { controller } = this.deps;
    const link = controller.links.to(device);
    return askTwice(controller, device, () => browsePeer(link, request, { options: this.settings.directoryController, signal }));
  }

  async url(item: MediaReference, options: { readonly signal: AbortSignal }): Promise<{ url: string; expires: number; entity: MediaEntity }> {
    const { url, expires, entity } = await this.port.issue(item, options);
    return { url, expires, entity };
  }

  /** @throws XpmnError `not-supported` where nothing is shared; as `SharedMedia.share` */
  async share(what: string, options: Omit<ShareOptions, 'publicOnly'>): Promise<string> {
    const { shared, controller } = this.deps;
    if (!shared) throw new XpmnError('not-supported', 'Nothing of this machine is played elsewhere.');
    return formatMediaUri({ device: controller.jid, uid: await shared.share(what, options) });
  }

  private async openItem(item: MediaReference, request: Parameters<OpenItem>[1], signal: AbortSignal): Promise<RemoteTransfer> {
    const { controller, clock, shared } = this.deps;
    if (item.device === controller.jid && shared) return openLocally(await shared.source(item.uid, { signal }), request, { signal, options: this.settings.feed.local });
    const link = controller.links.to(item.device);
    return askTwice(controller, item.device, () => openTransfer(link, { uid: item.uid, ...request }, { options: this.settings.transferController, clock, signal }));
  }

  private object({ device, uid }: MediaReference, signal: AbortSignal): Promise<MediaObject> {
    const { controller, shared } = this.deps;
    const library = device === controller.jid ? shared : this.deps.libraryOf(device);
    if (library) return library.object(uid, { signal });
    const link = controller.links.to(device);
    return askTwice(controller, device, () => objectOfPeer(link, uid, { options: this.settings.directoryController, signal }));
  }
}

/** Own devices look up and fetch what is shared by its uid; it is announced to nobody, as there is nothing to list. */
function provideShared(library: SharedMedia, { controller, random, log }: MediaSideDeps, settings: MediaSideSettings): void {
  const deps = { device: controller.jid, library, registry: controller.router, links: controller.links, random, log: log.child('shared', { device: controller.jid }) };
  provideDirectory(deps, settings.directory);
  provideTransfer(deps, settings.transferController);
}
