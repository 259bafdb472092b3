import { readFileSync } from 'node:fs';
import type defaults from '../../config/gateway.default.json';

/** The shipped defaults, typed: tests run with what users run with, and override single numbers to reach a bound. */
export const settings = JSON.parse(
  readFileSync(new URL('../../config/gateway.default.json', import.meta.url), 'utf8'),
) as typeof defaults;
