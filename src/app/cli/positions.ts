import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { SeekTarget } from '../../xpmn/model/playback.ts';

/** A volume as such, or by how much louder or softer. */
export type WantedVolume = { readonly value: number } | { readonly change: number };

/** `90`, `1:30`, `1:02:03`: seconds from the start. @throws XpmnError `usage` */
export function parsePosition(text: string): number {
  const seconds = secondsIn(text);
  if (seconds === undefined) throw new XpmnError('usage', `"${text}" is no position: they look like 90, 1:30 or 1:02:03.`);
  return seconds;
}

/** A position, `+10` or `-1:30` from here, or `50%` of the whole. @throws XpmnError `usage` */
export function parseSeekTarget(text: string): SeekTarget {
  const [sign, rest] = /^[+-]/.test(text) ? [text[0], text.slice(1)] : ['', text];
  const seconds = secondsIn(rest);
  if (seconds !== undefined) return sign === '' ? { position: seconds } : { offset: sign === '-' ? -seconds : seconds };
  const percent = /^\d{1,3}(?:\.\d{1,6})?(?=%$)/.exec(text);
  if (percent && Number(percent[0]) <= 100) return { percent: Number(percent[0]) };
  throw new XpmnError('usage', `"${text}" is no position: they look like 90, 1:30, 1:02:03, +10, -10 or 50%.`);
}

/** `35`, `+5`, `-5`, with a `%` or without. @throws XpmnError `usage` */
export function parseVolume(text: string): WantedVolume {
  const match = /^([+-]?)(\d{1,3})%?$/.exec(text);
  const count = Number(match?.[2]);
  if (!match || count > 100) throw new XpmnError('usage', `"${text}" is no volume: they go from 0 to 100, or look like +5 and -5.`);
  return match[1] === '' ? { value: count } : { change: match[1] === '-' ? -count : count };
}

/** @throws XpmnError `usage` */
export function parseSwitch(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new XpmnError('usage', `"${text}" is neither on nor off.`);
  return text === 'on';
}

/** Whatever comes first may be large; what follows a colon is below 60. */
function secondsIn(text: string): number | undefined {
  const match = /^(?:(?:(\d{1,4}):)?(\d{1,6}):)?(\d{1,9}(?:\.\d{1,6})?)$/.exec(text);
  if (!match) return undefined;
  const [, hours, minutes, seconds] = match;
  const isClock = /^\d\d(?:\.|$)/.test(seconds as string) && Number(seconds) < 60;
  if (minutes !== undefined && !isClock) return undefined;
  if (hours !== undefined && !(/^\d\d$/.test(minutes as string) && Number(minutes) < 60)) return undefined;
  return Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds);
}
