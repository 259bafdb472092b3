import { XpmnError } from '../kernel/errors.ts';
import type { SeekTarget } from '../model/playback.ts';

/**
 * Seconds from the start that a target means: a position must lie inside, an offset is clamped (PROTOCOL §8).
 * @throws XpmnError `not-acceptable` outside, or where it depends on what nobody knows; `bad-request` for what is no number
 */
export function seekPosition(target: SeekTarget, { position, duration }: { readonly position: number | undefined; readonly duration: number | undefined }): number {
  if ('position' in target) return insideOf(finite(target.position), duration);
  if ('percent' in target) {
    const percent = finite(target.percent);
    if (percent < 0 || percent > 100 || duration === undefined) throw new XpmnError('not-acceptable', duration === undefined ? 'Nobody knows how long that is.' : 'There are 0 to 100 per cent.');
    return (percent * duration) / 100;
  }
  if (position === undefined) throw new XpmnError('not-acceptable', 'Nobody knows where it is.');
  return Math.min(Math.max(0, position + finite(target.offset)), duration ?? Infinity);
}

/** @throws XpmnError `not-acceptable` for a position outside the item */
export function insideOf(position: number, duration: number | undefined): number {
  if (position < 0 || position > (duration ?? Infinity)) throw new XpmnError('not-acceptable', 'That position lies outside the item.');
  return position;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new XpmnError('bad-request', 'That is no number.');
  return value;
}
