import { XpmnError } from '../xpmn/kernel/errors.ts';
import { devicesOf, isOfType } from './description.ts';
import type { UpnpDevice, UpnpService } from './description.ts';
import type { DeviceLocation } from './device-tracker.ts';
import type { EventedService } from './gena.ts';
import type { UpnpOptions } from './options.ts';
import type { RendererService, ServicePlace } from './renderer-services.ts';
import type { Requester } from './requester.ts';
import { USUAL_MODELS, serviceModelOf } from './scpd.ts';
import type { ServiceModel } from './scpd.ts';
import type { SoapEndpoint } from './soap.ts';
import { xmlOf } from './xml-body.ts';

/** A media server, as its description has it. */
export interface DescribedServer {
  readonly device: UpnpDevice;
  readonly directory: SoapEndpoint;
}

/** A renderer, as its description has it, and its services say. */
export interface DescribedRenderer {
  readonly device: UpnpDevice;
  readonly services: ReadonlyMap<RendererService, ServicePlace & { readonly evented: EventedService | undefined }>;
}

/** What a description gave, and where it came from: at least one of both. */
export interface RemoteDescription {
  readonly location: DeviceLocation;
  readonly server: DescribedServer | undefined;
  readonly renderer: DescribedRenderer | undefined;
}

interface Fetch {
  readonly requester: Requester;
  readonly options: Pick<UpnpOptions, 'describe' | 'exportModelName'>;
  readonly location: DeviceLocation;
  readonly signal: AbortSignal;
}

/**
 * What the device `udn` is, from the description at a location; AV devices may be embedded at any depth, and one UDN may stand for two.
 * @throws XpmnError `protocol-violation` if it is none that we know; `not-acceptable` if it is a gateway's export; as Requester
 */
export async function fetchDescription(udn: string, fetch: Fetch): Promise<RemoteDescription> {
  const { requester, options, location, signal } = fetch;
  const { url, scope } = location;
  const response = await requester.request({ method: 'GET', url, allowedHosts: [url.hostname], scope, idempotent: true }, { signal });
  if (response.status !== 200) throw new XpmnError('protocol-violation', `The description answers ${response.status}.`);
  const { root } = xmlOf(response, options.describe.xml);
  const devices = root ? devicesOf(root, response.url, options.describe.limits) : [];
  // Gateways mark what they export, ours and other people's: importing it again would go round in circles.
  if (devices.some(({ modelName }) => modelName === options.exportModelName)) throw new XpmnError('not-acceptable', 'The device is a gateway\'s export.');
  const own = devices.filter((device) => device.udn === udn);
  const server = own.filter(({ type }) => isOfType(type, 'device:MediaServer')).flatMap((device) => serverOf(device, location) ?? [])[0];
  const player = own.find(({ type, services }) => isOfType(type, 'device:MediaRenderer') && serviceOf(services, 'AVTransport'));
  if (!server && !player) throw new XpmnError('protocol-violation', 'The description has no such media server or renderer.');
  return { location, server, renderer: player && (await rendererOf(player, fetch)) };
}

function serverOf(device: UpnpDevice, location: DeviceLocation): DescribedServer | undefined {
  const service = device.services.find(({ type }) => isOfType(type, 'service:ContentDirectory'));
  return service && { device, directory: endpointOf(service, location) };
}

async function rendererOf(device: UpnpDevice, fetch: Fetch): Promise<DescribedRenderer> {
  const places = (['AVTransport', 'RenderingControl'] as const).map(async (name) => {
    const service = serviceOf(device.services, name);
    if (!service) return [];
    const { allowedHosts, scope } = endpointOf(service, fetch.location);
    const evented = service.eventUrl && { eventUrl: service.eventUrl, allowedHosts, scope };
    return [[name, { endpoint: endpointOf(service, fetch.location), model: await modelOf(service, name, fetch), evented }] as const];
  });
  return { device, services: new Map((await Promise.all(places)).flat()) };
}

/** COMPAT: a device that can't say what it can do is taken for a usual one. */
async function modelOf({ scpdUrl }: UpnpService, name: RendererService, { requester, options, location, signal }: Fetch): Promise<ServiceModel> {
  const usual = USUAL_MODELS[name];
  if (!scpdUrl) return usual;
  try {
    const response = await requester.request({ method: 'GET', url: scpdUrl, allowedHosts: [location.url.hostname], scope: location.scope, idempotent: true }, { signal });
    return serviceModelOf(response, usual, options.describe.xml);
  } catch {
    signal.throwIfAborted();
    return usual;
  }
}

function serviceOf(services: readonly UpnpService[], name: string): UpnpService | undefined {
  return services.find(({ type }) => isOfType(type, `service:${name}`));
}

function endpointOf({ type: serviceType, controlUrl }: UpnpService, { url, scope }: DeviceLocation): SoapEndpoint {
  return { serviceType, controlUrl, allowedHosts: [url.hostname], scope };
}
