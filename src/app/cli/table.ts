import { printable, widthOf } from '../text.ts';

/** What is wider moves what follows it in its own line, and not in all the others. */
const WIDEST = 60;

/** Columns as wide as they must be; `''` for nothing. The last one is never padded. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? '')).filter((width) => width <= WIDEST)));
  return lines.map((line) => `${line.map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] as number) - widthOf(cell)))).join('  ').trimEnd()}\n`).join('');
}

/** An argument as a shell takes it. */
export function shellQuoted(text: string): string {
  return text.startsWith('-') ? `-- ${quoted(text)}` : quoted(text);
}

/** An option with its value, likewise. */
export function shellOption(name: string, value: string): string {
  return `${name}${value.startsWith('-') ? '=' : ' '}${quoted(value)}`;
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
