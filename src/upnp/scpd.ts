import { USUAL_RANGE, volumeRange } from '../mapping/rendering-control.ts';
import type { VolumeRange } from '../mapping/rendering-control.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import { child, childText, childrenNamed, textOf } from '../xpmn/model/xml.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';
import type { HttpResponse } from './requester.ts';
import { xmlOf } from './xml-body.ts';

/**
 * What a service says that it can do.
 * @spec UPnP-DeviceArchitecture v2.0 §2.5
 */
export interface ServiceModel {
  readonly actions: ReadonlySet<string>;
  /** Upper case, of A_ARG_TYPE_SeekMode; empty where it does not say. */
  readonly seekModes: ReadonlySet<string>;
  /** Of Volume. */
  readonly volume: VolumeRange;
}

const AV_TRANSPORT = [
  'SetAVTransportURI', 'GetMediaInfo', 'GetTransportInfo', 'GetPositionInfo', 'GetDeviceCapabilities', 'GetTransportSettings', 'Stop', 'Play', 'Pause', 'Seek', 'Next', 'Previous',
  'GetCurrentTransportActions',
];
const RENDERING_CONTROL = ['ListPresets', 'SelectPreset', 'GetVolume', 'SetVolume', 'GetMute', 'SetMute'];

/** What else a service may be able to do is not kept: its list may be of any length. */
const USED: ReadonlySet<string> = new Set([...AV_TRANSPORT, 'SetNextAVTransportURI', ...RENDERING_CONTROL]);
const LONGEST_MODE = 32;

/** What services of a kind usually can, for devices whose own word can't be had, or read. What the next title is, few are told. */
export const USUAL_MODELS = {
  AVTransport: { actions: new Set(AV_TRANSPORT), seekModes: new Set(), volume: USUAL_RANGE },
  RenderingControl: { actions: new Set(RENDERING_CONTROL), seekModes: new Set(), volume: USUAL_RANGE },
} as const satisfies Record<string, ServiceModel>;

/** COMPAT: empty, 404, in a wrong namespace, without actions: the usual one then. Elements count by their local names. Never throws. */
export function serviceModelOf(response: Pick<HttpResponse, 'status' | 'headers' | 'body'>, usual: ServiceModel, limits: XmlLimits): ServiceModel {
  const { root } = response.status === 200 ? xmlOf(response, limits) : { root: undefined };
  const list = root && child(root, 'actionList');
  const actions = new Set((list ? childrenNamed(list, 'action') : []).map((action) => childText(action, 'name')?.trim() ?? '').filter((name) => USED.has(name)));
  if (!root || actions.size === 0) return usual;
  const table = child(root, 'serviceStateTable');
  const variables = table ? childrenNamed(table, 'stateVariable') : [];
  const range = variable(variables, 'Volume', 'allowedValueRange');
  const modes = variable(variables, 'A_ARG_TYPE_SeekMode', 'allowedValueList');
  return {
    actions,
    seekModes: new Set((modes ? childrenNamed(modes, 'allowedValue') : []).map((mode) => textOf(mode).trim().toUpperCase()).filter((mode) => mode.length <= LONGEST_MODE)),
    volume: range ? volumeRange(childText(range, 'minimum')?.trim(), childText(range, 'maximum')?.trim()) : usual.volume,
  };
}

function variable(variables: readonly XmlElement[], name: string, part: string): XmlElement | undefined {
  const found = variables.find((one) => childText(one, 'name')?.trim() === name);
  return found && child(found, part);
}
