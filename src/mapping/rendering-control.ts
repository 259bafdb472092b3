import { mappingRows } from './mapping-row.ts';
import type { MappingRow } from './mapping-row.ts';

/** @spec UPnP-RenderingControl v1 §2.2 (state variables), §2.4 (actions) */

/** The device's own steps of volume; whole numbers. */
export interface VolumeRange {
  readonly min: number;
  readonly max: number;
}

/** What devices have that don't say. */
export const USUAL_RANGE: VolumeRange = { min: 0, max: 100 };

/** Of an allowedValueRange; the usual one where it makes no sense. */
export function volumeRange(minimum: string | undefined, maximum: string | undefined): VolumeRange {
  const [min, max] = [wholeNumber(minimum ?? '0'), wholeNumber(maximum)];
  return min === undefined || max === undefined || max <= min ? USUAL_RANGE : { min, max };
}

/** 0 to 100, of the device's number. COMPAT: what it says itself is never refused, also outside of its range. */
export function volumeFromDevice(value: number, { min, max }: VolumeRange): number {
  return Math.round((100 * (Math.min(Math.max(value, min), max) - min)) / (max - min));
}

/** The device's number of 0 to 100. */
export function volumeToDevice(volume: number, { min, max }: VolumeRange): number {
  return min + Math.round((Math.min(Math.max(volume, 0), 100) * (max - min)) / 100);
}

export interface RenderingFacts {
  /** The device's number. */
  readonly volume?: number;
  readonly mute?: boolean;
}

/** Of the variables of a LastChange, or the arguments of GetVolume and GetMute. */
export function renderingFacts(values: ReadonlyMap<string, string>): RenderingFacts {
  const volume = wholeNumber(values.get('Volume') ?? values.get('CurrentVolume'));
  const mute = booleanFrom(values.get('Mute') ?? values.get('CurrentMute'));
  return { ...(volume === undefined ? {} : { volume }), ...(mute === undefined ? {} : { mute }) };
}

/** As devices write it; undefined for what is none. */
function booleanFrom(text: string | undefined): boolean | undefined {
  const value = text?.trim().toLowerCase() ?? '';
  if (['1', 'true', 'yes', 'on'].includes(value)) return true;
  return ['0', 'false', 'no', 'off'].includes(value) ? false : undefined;
}

/** Rounded: some write fractions. */
function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*[+-]?\d{1,9}(\.\d{0,9})?\s*$/.test(text) ? Math.round(Number(text)) : undefined;
}

const PICTURE = [
  'Brightness', 'Contrast', 'Sharpness', 'RedVideoGain', 'GreenVideoGain', 'BlueVideoGain', 'RedVideoBlackLevel', 'GreenVideoBlackLevel',
  'BlueVideoBlackLevel', 'ColorTemperature', 'HorizontalKeystone', 'VerticalKeystone',
];
const NOT_PICTURES = 'Media Rendering Control knows volume and mute so far.';

/** RenderingControl:1, complete. */
export const RENDERING_CONTROL_MAPPING: readonly MappingRow[] = [
  ...mappingRows('action', [
    ['ListPresets', undefined, 'There are no presets.'],
    ['SelectPreset', undefined, 'There are no presets.'],
    ...PICTURE.flatMap((name) => [[`Get${name}`, undefined, NOT_PICTURES], [`Set${name}`, undefined, NOT_PICTURES]] as const),
    ['GetMute', 'variable mute', 'Asked only while the device does not tell by event; channel Master.'],
    ['SetMute', 'set variable mute', 'Channel Master.'],
    ['GetVolume', 'variable volume', 'Asked only while the device does not tell by event; channel Master.'],
    ['SetVolume', 'set variable volume', '0 to 100 becomes the device\'s own range; where that has fewer steps, the next one.'],
    ['GetVolumeDB', undefined, 'Volume is told in hundredths, never in decibels.'],
    ['SetVolumeDB', undefined, 'Volume is told in hundredths, never in decibels.'],
    ['GetVolumeDBRange', undefined, 'Volume is told in hundredths, never in decibels.'],
    ['GetLoudness', undefined, NOT_PICTURES],
    ['SetLoudness', undefined, NOT_PICTURES],
  ]),
  ...mappingRows('event', [['LastChange', 'event of variables volume and mute', 'Instance 0; other variables are left out.']]),
  ...mappingRows('property', [
    ['PresetNameList', undefined, 'There are no presets.'],
    ...PICTURE.map((name) => [name, undefined, NOT_PICTURES] as const),
    ['Mute', 'variable mute', 'Channel Master, else the first.'],
    ['Volume', 'variable volume', 'Channel Master, else the first; scaled from its allowedValueRange. 0 while muted is no change.'],
    ['VolumeDB', undefined, 'Volume is told in hundredths, never in decibels.'],
    ['Loudness', undefined, NOT_PICTURES],
    ['A_ARG_TYPE_Channel', undefined, 'Always Master: there is one volume.'],
    ['A_ARG_TYPE_InstanceID', undefined, 'Always 0: the one that a device plays on.'],
    ['A_ARG_TYPE_PresetName', undefined, 'There are no presets.'],
  ]),
];
