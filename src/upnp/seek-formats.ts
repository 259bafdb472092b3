import { formatDuration, formatWholeSeconds } from '../mapping/media-time.ts';
import type { SeekFormat } from './quirks.ts';
import { upnpErrorOf } from './renderer-errors.ts';

/** Arguments of Seek. */
export interface SeekArguments {
  readonly Unit: 'REL_TIME' | 'ABS_TIME';
  readonly Target: string;
}

const USUAL: readonly SeekFormat[] = ['rel-time-fraction', 'rel-time', 'abs-time'];

/**
 * How to say it, in the order in which it is worth trying: as it worked before, or as the device is known to want it; else relative to the track
 * first, which is what most have. Whole seconds need no fraction.
 */
export function seekFormats(position: number, { known, modes }: { readonly known: SeekFormat | undefined; readonly modes: ReadonlySet<string> }): SeekFormat[] {
  const listed = USUAL.filter((format) => modes.size === 0 || modes.has(unitOf(format)));
  const usual = listed.length === 0 ? USUAL : listed;
  const ordered = known === undefined ? usual : [known, ...usual.filter((format) => format !== known)];
  return ordered.filter((format) => format !== 'rel-time-fraction' || !Number.isInteger(position));
}

export function seekArguments(position: number, format: SeekFormat): SeekArguments {
  return { Unit: unitOf(format), Target: format === 'rel-time-fraction' ? formatDuration(position) : formatWholeSeconds(position) };
}

/** Whether that was the way to say it, and not the place, or the moment: then another way is tried. */
export function isFormatRefusal(error: unknown): boolean {
  return [402, 501, 600, 601, 710, 711].includes(upnpErrorOf(error) ?? 0);
}

function unitOf(format: SeekFormat): 'REL_TIME' | 'ABS_TIME' {
  return format === 'abs-time' ? 'ABS_TIME' : 'REL_TIME';
}
