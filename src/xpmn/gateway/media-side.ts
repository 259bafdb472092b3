import type { Device } from '../device/device.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { MediaPort } from '../media/media-port.ts';
import type { OpenItem } from '../media/read-ahead.ts';
import type { Jid } from '../model/jid.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaPage } from '../model/media.ts';
import type { MediaEntity } from '../ports/media-source.ts';
import { browsePeer } from '../profiles/directory-controller.ts';
import { openTransfer } from '../profiles/transfer-controller.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import { askTwice } from './ask-twice.ts';
import type { GatewaySettings } from './gateway-settings.ts';

export interface MediaSideDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly controller: Device;
}

export interface BrowseRequest {
  readonly container: string;
  readonly offset: number;
  readonly limit: number;
}

/** What a gateway has from other devices for those who sit at it: listings, and the port players fetch from. */
export class MediaSide {
  private readonly deps: MediaSideDeps;
  private readonly settings: Pick<GatewaySettings, 'mediaPort' | 'directoryController' | 'transferController'>;
  private readonly port: MediaPort;

  constructor(deps: MediaSideDeps, settings: Pick<GatewaySettings, 'mediaPort' | 'directoryController' | 'transferController'>) {
    const { clock, random, log } = deps;
    this.deps = deps;
    this.settings = settings;
    this.port = new MediaPort({ clock, random, log, openItem: (item, request, { signal }) => this.openItem(item, request, signal) }, settings.mediaPort);
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

  url(item: MediaReference, options: { readonly signal: AbortSignal }): Promise<{ url: string; expires: number; entity: MediaEntity }> {
    return this.port.issue(item, options);
  }

  private openItem(item: MediaReference, request: Parameters<OpenItem>[1], signal: AbortSignal): Promise<RemoteTransfer> {
    const { controller, clock } = this.deps;
    const link = controller.links.to(item.device);
    return askTwice(controller, item.device, () => openTransfer(link, { uid: item.uid, ...request }, { options: this.settings.transferController, clock, signal }));
  }
}
