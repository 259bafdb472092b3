import { printable, widthOf } from '../text.ts';

/** Columns as wide as they must be; `''` for nothing. The last one is never padded. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))));
  return lines.map((line) => `${line.map((cell, i) => cell + ' '.repeat((widths[i] as number) - widthOf(cell))).join('  ').trimEnd()}\n`).join('');
}

/** An argument as a shell takes it. */
export function shellQuoted(text: string): string {
  const quoted = /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
  return text.startsWith('-') ? `-- ${quoted}` : quoted;
}
