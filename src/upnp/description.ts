import { child, childText, childrenNamed, elements } from '../xpmn/model/xml.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';
import { parseUdn } from './ssdp.ts';

/** @spec UPnP-DeviceArchitecture v2.0 §2.3 */

export interface UpnpService {
  /** e.g. `urn:schemas-upnp-org:service:ContentDirectory:1` */
  readonly type: string;
  readonly controlUrl: URL;
  /** Undefined where there is none on the device's own host. */
  readonly eventUrl: URL | undefined;
  readonly scpdUrl: URL | undefined;
}

export interface UpnpDevice {
  /** Lower case, with `uuid:`. */
  readonly udn: string;
  readonly type: string;
  readonly friendlyName: string;
  readonly manufacturer: string | undefined;
  readonly modelName: string | undefined;
  readonly services: readonly UpnpService[];
}

export interface DescriptionLimits {
  /** Devices of one description, embedded ones included. */
  readonly devices: number;
  /** Services of one device. */
  readonly services: number;
  /** Characters of a name. */
  readonly text: number;
}

/**
 * All devices of a description, the root first: AV devices may be embedded at any depth. Elements are known by their
 * local names. Services on another host than the description's, and devices without a UDN, are left out.
 */
export function devicesOf(root: XmlElement, location: URL, limits: DescriptionLimits): UpnpDevice[] {
  const base = baseUrl(childText(root, 'URLBase'), location);
  const found: UpnpDevice[] = [];
  const pending = root.name === 'device' ? [root] : childrenNamed(root, 'device');
  for (let element = pending.shift(); element && found.length < limits.devices; element = pending.shift()) {
    const device = readDevice(element, base, limits);
    if (device) found.push(device);
    const list = child(element, 'deviceList');
    if (list) pending.push(...childrenNamed(list, 'device').slice(0, limits.devices));
  }
  return found;
}

/** Deprecated, and wrong more often than right: counts only if it names the host we are talking to. */
function baseUrl(text: string | undefined, location: URL): URL {
  const trimmed = text?.trim() ?? '';
  if (trimmed === '' || !URL.canParse(trimmed)) return location;
  const base = new URL(trimmed);
  return base.protocol === 'http:' && base.hostname === location.hostname ? base : location;
}

function readDevice(element: XmlElement, base: URL, limits: DescriptionLimits): UpnpDevice | undefined {
  const text = (name: string): string | undefined => childText(element, name)?.trim().slice(0, limits.text) || undefined;
  const udn = parseUdn(text('UDN'));
  if (udn === undefined) return undefined;
  const list = child(element, 'serviceList');
  const services = list ? elements(list).slice(0, limits.services).flatMap((service) => readService(service, base) ?? []) : [];
  return {
    udn,
    type: text('deviceType') ?? '',
    friendlyName: text('friendlyName') ?? text('modelName') ?? udn,
    manufacturer: text('manufacturer'),
    modelName: text('modelName'),
    services,
  };
}

function readService(element: XmlElement, base: URL): UpnpService | undefined {
  const type = childText(element, 'serviceType')?.trim();
  const controlUrl = ownUrl(childText(element, 'controlURL'), base);
  if (!type || !controlUrl) return undefined;
  return { type, controlUrl, eventUrl: ownUrl(childText(element, 'eventSubURL'), base), scpdUrl: ownUrl(childText(element, 'SCPDURL'), base) };
}

function ownUrl(text: string | undefined, base: URL): URL | undefined {
  const trimmed = text?.trim() ?? '';
  if (trimmed === '' || !URL.canParse(trimmed, base.href)) return undefined;
  const url = new URL(trimmed, base);
  return url.protocol === 'http:' && url.hostname === base.hostname ? url : undefined;
}

/** `urn:schemas-upnp-org:service:ContentDirectory:3` is of kind `service:ContentDirectory`, whatever its version. */
export function isOfType(type: string, kind: string): boolean {
  return new RegExp(`^urn:[\\w.-]+:${kind}:\\d+$`, 'i').test(type);
}
