/**
 * Text of unknown origin for a terminal or a line of a log: what could move the cursor, break the line, or turn the
 * direction of writing is shown as an escape.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (c) => `\\u${(c.codePointAt(0) as number).toString(16).padStart(4, '0')}`);
}

const UNITS = ['kB', 'MB', 'GB', 'TB'];

/** `1.4 GB`: as shops and players count, by thousands. */
export function formatBytes(count: number): string {
  let value = count;
  let unit = 'B';
  for (const next of UNITS) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${unit === 'B' || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}

/** `1:02:03`, or `2:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** Characters that take two columns of a terminal, and those that take none. */
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60\p{Emoji_Presentation}]/u;
const NARROW = /[\p{M}\u200b-\u200d\ufe00-\ufe0f]/u;

/** Columns of a terminal that a printable text takes. */
export function widthOf(text: string): number {
  return [...text].reduce((width, character) => width + columnsOf(character), 0);
}

function columnsOf(character: string): number {
  return NARROW.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** As much of a printable text as fits into so many columns of a terminal, with a sign where something is left out. */
export function cutToWidth(text: string, columns: number): string {
  let [taken, width, fitting] = ['', 0, ''];
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns) return `${fitting}…`;
    taken += character;
    // There the sign would still fit.
    if (width < columns) fitting = taken;
  }
  return text;
}
