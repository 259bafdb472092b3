import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup, sleep } from '../xpmn/kernel/tasks.ts';
import type { MediaDevice } from '../xpmn/ports/media-device.ts';
import { ContentDirectory } from './content-directory.ts';
import { devicesOf, isOfType } from './description.ts';
import type { UpnpDevice } from './description.ts';
import type { DeviceLocation } from './device-tracker.ts';
import { MediaServerLibrary } from './media-server.ts';
import type { UpnpOptions } from './options.ts';
import type { OriginFactory } from './origin-port.ts';
import type { Requester } from './requester.ts';
import type { SoapEndpoint } from './soap.ts';
import { xmlOf } from './xml-body.ts';

export interface RemoteDeviceDeps {
  readonly requester: Requester;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly openOrigin: OriginFactory;
}

/** What a description gave, and where it came from. */
interface Described {
  readonly device: UpnpDevice;
  readonly location: DeviceLocation;
  readonly endpoint: SoapEndpoint;
}

/**
 * One device of the LAN while the tracker knows it. Its description is fetched by one task at a time, again and again
 * with growing pauses until it makes sense; `onReady` is called once. A device that moves keeps its library.
 */
export class RemoteDevice {
  device: MediaDevice | undefined;
  private readonly deps: RemoteDeviceDeps;
  private readonly options: UpnpOptions;
  private readonly udn: string;
  private readonly onReady: (device: MediaDevice) => void;
  private readonly tasks: TaskGroup;
  private locations: readonly DeviceLocation[] = [];
  private described: Described | undefined;
  private describing = false;
  /** Ends the pause between two attempts. */
  private nap: AbortController | undefined;

  constructor(deps: RemoteDeviceDeps, options: UpnpOptions, udn: string, onReady: (device: MediaDevice) => void) {
    this.deps = deps;
    this.options = options;
    this.udn = udn;
    this.onReady = onReady;
    this.tasks = new TaskGroup((error) => deps.log.error('Describing a device failed.', { udn, error: String(error) }));
  }

  /** The tracker's word on where the device is. What we use stays in use as long as it is among them. */
  moved(locations: readonly DeviceLocation[]): void {
    this.locations = locations;
    this.nap?.abort();
    const used = this.described?.location.url.href;
    if (used === undefined || !locations.some(({ url }) => url.href === used)) this.describeOnce();
  }

  /** It may have started anew: what we know of it is used until it has been described again. */
  returned(locations: readonly DeviceLocation[]): void {
    this.locations = locations;
    this.nap?.abort();
    this.describeOnce();
  }

  async close(): Promise<void> {
    await this.tasks.close();
  }

  private describeOnce(): void {
    if (this.describing) return;
    this.describing = true;
    this.tasks.run((signal) => this.describe(signal).finally(() => (this.describing = false)));
  }

  private async describe(signal: AbortSignal): Promise<void> {
    const { first, factor, max } = this.options.describe.backOff;
    for (let pause = first; ; pause = Math.min(max, pause * factor)) {
      const described = await this.tryLocations(signal);
      signal.throwIfAborted();
      if (described) {
        this.described = described;
        this.ready(described);
        return;
      }
      if (await this.rest(pause * (0.75 + 0.5 * this.deps.random.fraction()), signal)) pause = first / factor;
    }
  }

  /** Pauses; true if news of the device came meanwhile. */
  private async rest(delay: number, signal: AbortSignal): Promise<boolean> {
    const nap = new AbortController();
    this.nap = nap;
    try {
      await sleep(this.deps.clock, delay, AbortSignal.any([signal, nap.signal]));
    } catch {
      signal.throwIfAborted();
    } finally {
      this.nap = undefined;
    }
    return nap.signal.aborted;
  }

  private async tryLocations(signal: AbortSignal): Promise<Described | undefined> {
    for (const location of this.locations) {
      try {
        return await this.fetch(location, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.deps.log.debug('A device could not be described.', { udn: this.udn, location: location.url.href, error: String(error) });
      }
    }
    return undefined;
  }

  private async fetch(location: DeviceLocation, signal: AbortSignal): Promise<Described> {
    const { url, scope } = location;
    const allowedHosts = [url.hostname];
    const response = await this.deps.requester.request({ method: 'GET', url, allowedHosts, scope, idempotent: true }, { signal });
    if (response.status !== 200) throw new XpmnError('protocol-violation', `The description answers ${response.status}.`);
    const { root } = xmlOf(response, this.options.describe.xml);
    const devices = root ? devicesOf(root, response.url, this.options.describe.limits) : [];
    const device = devices.find(({ udn, type }) => udn === this.udn && isOfType(type, 'device:MediaServer'));
    const service = device?.services.find(({ type }) => isOfType(type, 'service:ContentDirectory'));
    if (!device || !service) throw new XpmnError('protocol-violation', 'The description has no such media server.');
    // Gateways mark what they export, ours and other people's: importing it again would go round in circles.
    if (devices.some(({ modelName }) => modelName === this.options.exportModelName)) throw new XpmnError('not-acceptable', 'The device is a gateway\'s export.');
    return { device, location, endpoint: { serviceType: service.type, controlUrl: service.controlUrl, allowedHosts, scope } };
  }

  private ready({ device: { friendlyName: name, manufacturer, modelName: model } }: Described): void {
    if (this.device) return;
    const description = { id: this.udn, name, kind: 'media-server' as const, manufacturer, model };
    this.device = { description, library: this.library() };
    this.onReady(this.device);
  }

  private library(): MediaServerLibrary {
    const { requester, log, openOrigin, clock } = this.deps;
    const known = (): Described => {
      if (!this.described) throw new XpmnError('unreachable', 'The device has not been described yet.');
      return this.described;
    };
    const directory = new ContentDirectory({ requester, log, endpoint: () => known().endpoint }, this.options.contentDirectory);
    return new MediaServerLibrary(
      {
        directory,
        openOrigin,
        clock,
        name: () => known().device.friendlyName,
        base: () => known().location.url,
        allowedHosts: () => [known().location.url.hostname, ...this.options.mediaHosts],
      },
      this.options.mediaServer,
    );
  }
}
