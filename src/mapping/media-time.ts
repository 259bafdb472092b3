/** @spec UPnP-ContentDirectory v4 §B.2.1.4 (res@duration) */

const CLOCK = /^\+?(?:(\d{1,6}):)?(\d{1,4}):(\d{1,2})(?:[.,](\d{1,9})(?:\/(\d{1,9}))?)?$/;

/**
 * Seconds of `H+:MM:SS`, `H+:MM:SS.F+`, `H+:MM:SS.F0/F1` or `MM:SS`. Whatever says nothing is undefined, never 0:
 * `NOT_IMPLEMENTED`, `END_OF_MEDIA`, `00:00:00`, negative or malformed text.
 */
export function parseDuration(text: string | undefined): number | undefined {
  return parsePosition(text) || undefined;
}

/** As parseDuration; but 0 is a position like any other. */
export function parsePosition(text: string | undefined): number | undefined {
  const match = CLOCK.exec(text?.trim() ?? '');
  if (!match) return undefined;
  const [, hours, minutes, seconds, part, whole] = match;
  if (Number(seconds) > 59 || (hours !== undefined && Number(minutes) > 59)) return undefined;
  const fraction = fractionOf(part, whole);
  if (fraction === undefined) return undefined;
  const total = Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(seconds) + fraction;
  return Math.round(total * 1000) / 1000;
}

function fractionOf(part: string | undefined, whole: string | undefined): number | undefined {
  if (part === undefined) return 0;
  if (whole === undefined) return Number(`0.${part}`);
  return Number(part) < Number(whole) ? Number(part) / Number(whole) : undefined;
}

/** `H:MM:SS.FFF` of seconds. */
export function formatDuration(seconds: number): string {
  const ms = Math.round(seconds * 1000);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${Math.floor(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, '0')}`;
}

/** `H:MM:SS` of seconds, cut: what every device understands. */
export function formatWholeSeconds(seconds: number): string {
  return formatDuration(Math.floor(seconds)).replace(/\.\d+$/, '');
}
