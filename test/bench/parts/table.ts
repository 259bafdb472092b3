import { isMet, shorten } from './figures.ts';
import type { Figure } from './figures.ts';

/** The figures of one bench for people: goal, what, median [range] unit, target. */
export function formatTable(title: string, figures: readonly Figure[]): string {
  const rows = figures.map((one) => [one.goal, one.what, valueText(one), targetText(one)]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map((row) => row.map((cell, column) => (column === 3 ? cell : cell.padEnd(widths[column] as number))).join('  ').trimEnd());
  return [`== ${title}`, ...lines, ''].join('\n');
}

function valueText({ value, unit, rounds }: Figure): string {
  const range = rounds.length > 1 ? ` [${shorten(value.least)}-${shorten(value.most)}]` : '';
  return `${shorten(value.median)}${range} ${unit}`;
}

function targetText(one: Figure): string {
  const { target } = one;
  if (!target) return '';
  const bounds = [
    ...(target.atLeast === undefined ? [] : [`>= ${target.atLeast}`]),
    ...(target.atMost === undefined ? [] : [`<= ${target.atMost}`]),
  ];
  return `${isMet(one) === true ? 'met' : 'MISSED'} (${bounds.join(', ')})`;
}
