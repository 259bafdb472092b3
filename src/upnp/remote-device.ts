import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import type { MediaDevice } from '../xpmn/ports/media-device.ts';
import { ContentDirectory } from './content-directory.ts';
import type { DeviceLocation } from './device-tracker.ts';
import { Describer } from './describer.ts';
import type { EventSubscriber } from './gena.ts';
import { MediaRenderer } from './media-renderer.ts';
import { MediaServerLibrary } from './media-server.ts';
import type { UpnpOptions } from './options.ts';
import type { OriginFactory } from './origin-port.ts';
import { quirksFor } from './quirks.ts';
import type { QuirkEntry } from './quirks.ts';
import { fetchDescription } from './remote-description.ts';
import type { DescribedRenderer, DescribedServer, RemoteDescription } from './remote-description.ts';
import type { Requester } from './requester.ts';
import { addressOfHost } from './ssdp.ts';
import type { UpnpDevice } from './description.ts';

/** A part of a description, and where that came from. */
interface Known<T> {
  readonly part: T;
  readonly location: DeviceLocation;
}

export interface RemoteDeviceDeps {
  readonly requester: Requester;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly openOrigin: OriginFactory;
  readonly events: EventSubscriber;
  readonly quirks: readonly QuirkEntry[];
  /** Whether an address is one of this machine's. */
  isOwnAddress(address: string): boolean;
  /** Nothing listens where the device is told what to do. */
  refused(): void;
}

/**
 * One device of the LAN while the tracker knows it: a media server, a renderer, or both under one name. `onReady` is called once for
 * each. A device that moves keeps its library, and its player.
 */
export class RemoteDevice {
  private server: MediaDevice | undefined;
  private renderer: { readonly device: MediaDevice; readonly player: MediaRenderer } | undefined;
  /** The last that was described of each: a later description, from elsewhere, may have only the other one. */
  private known: { readonly server?: Known<DescribedServer>; readonly renderer?: Known<DescribedRenderer> } = {};
  private readonly deps: RemoteDeviceDeps;
  private readonly options: UpnpOptions;
  private readonly udn: string;
  private readonly onReady: (device: MediaDevice) => void;
  private readonly describer: Describer<RemoteDescription>;
  private readonly requester: Requester;

  constructor(deps: RemoteDeviceDeps, options: UpnpOptions, udn: string, onReady: (device: MediaDevice) => void) {
    this.deps = deps;
    this.options = options;
    this.udn = udn;
    this.onReady = onReady;
    const { requester, clock, random, log } = deps;
    this.requester = noticing(requester, () => deps.refused());
    this.describer = new Describer({
      clock, random, log, udn,
      fetch: (location, signal) => fetchDescription(udn, { requester, options, location, signal }),
      described: (description) => this.described(description),
    }, options.describe.backOff);
  }

  get devices(): readonly MediaDevice[] {
    return [this.server, this.renderer?.device].filter((device) => device !== undefined);
  }

  moved(locations: readonly DeviceLocation[]): void {
    this.describer.moved(locations);
  }

  returned(locations: readonly DeviceLocation[]): void {
    this.describer.returned(locations);
  }

  async close(): Promise<void> {
    await Promise.all([this.describer.close(), this.renderer?.player.close()]);
  }

  private described({ server, renderer, location }: RemoteDescription): void {
    this.known = { ...this.known, ...(server && { server: { part: server, location } }), ...(renderer && { renderer: { part: renderer, location } }) };
    this.renderer?.player.moved();
    if (server && !this.server) {
      this.server = { description: { ...namesOf(server.device), id: this.idOf('MediaServer', this.renderer?.device), kind: 'media-server' }, library: this.library() };
      this.onReady(this.server);
    }
    if (renderer && !this.renderer) {
      const player = this.player(renderer);
      this.renderer = { player, device: { description: { ...namesOf(renderer.device), id: this.idOf('MediaRenderer', this.server), kind: 'media-player' }, library: undefined, player } };
      this.onReady(this.renderer.device);
    }
  }

  /** COMPAT: a server and a renderer with one UDN are two devices all the same. */
  private idOf(type: string, other: MediaDevice | undefined): string {
    return other ? `${this.udn}::${type}` : this.udn;
  }

  /** @throws XpmnError `unreachable` before it has been described */
  private last<K extends 'server' | 'renderer'>(part: K): NonNullable<RemoteDevice['known'][K]> {
    const known = this.known[part];
    if (!known) throw new XpmnError('unreachable', 'The device has not been described yet.');
    return known;
  }

  private library(): MediaServerLibrary {
    const { deps: { log, openOrigin, clock }, requester } = this;
    const known = (): Known<DescribedServer> => this.last('server');
    const directory = new ContentDirectory({ requester, log, endpoint: () => known().part.directory }, this.options.contentDirectory);
    return new MediaServerLibrary(
      {
        directory,
        openOrigin,
        clock,
        name: () => known().part.device.friendlyName,
        base: () => known().location.url,
        allowedHosts: () => [known().location.url.hostname, ...this.options.mediaHosts],
      },
      this.options.mediaServer,
    );
  }

  private player({ device }: DescribedRenderer): MediaRenderer {
    const { deps: { clock, log, events, quirks }, requester } = this;
    const services = (): DescribedRenderer['services'] => this.last('renderer').part.services;
    return new MediaRenderer({
      requester, clock, log, events,
      quirks: quirksFor(device, quirks),
      place: (service) => services().get(service),
      evented: (service) => services().get(service)?.evented,
      address: () => this.address(),
      mediaHosts: this.options.mediaHosts,
    }, this.options.renderer);
  }

  private address(): string | undefined {
    const { location: { url, scope } } = this.last('renderer');
    const address = addressOfHost(url);
    if (address === undefined || this.deps.isOwnAddress(address)) return undefined;
    return scope === undefined ? address : `${address}%${scope}`;
  }
}

/** Who is busy, or slow, still listens: only where nobody does, the device may have gone. What is no command may have been for another host. */
function noticing(requester: Requester, refused: () => void): Requester {
  return {
    async request(request, options) {
      try {
        return await requester.request(request, options);
      } catch (error) {
        if (request.method === 'POST' && error instanceof XpmnError && error.details['refused'] === true) refused();
        throw error;
      }
    },
    close: () => requester.close(),
  };
}

function namesOf({ friendlyName: name, manufacturer, modelName: model }: UpnpDevice): Pick<MediaDevice['description'], 'name' | 'manufacturer' | 'model'> {
  return { name, manufacturer, model };
}
