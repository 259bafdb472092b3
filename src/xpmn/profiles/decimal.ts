/** Of a number on the wire: a duration may be 0.001 s, and never 1e-7. */
const DECIMALS = 3;

/** Plain decimals; undefined for what no field can mean (the legacy side tells strange things). */
export function decimalText(value: number | undefined): string | undefined {
  const rounded = Number((value ?? NaN).toFixed(DECIMALS));
  return rounded >= 0 && rounded < 1e15 ? String(rounded) : undefined;
}

/** Undefined for what is no plain number. */
export function decimalIn(text: string | undefined): number | undefined {
  const trimmed = text?.trim();
  return trimmed !== undefined && /^\d{1,15}(\.\d{1,6})?$/.test(trimmed) ? Number(trimmed) : undefined;
}
