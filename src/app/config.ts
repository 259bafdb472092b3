import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ErrorObject } from 'ajv';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type defaultsFile from '../../config/gateway.default.json';
import { compileSchema } from './json-schema.ts';

/** All settings, each with its value. */
export type GatewayConfig = typeof defaultsFile;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The shipped settings, frozen; the program runs with these alone. */
export function defaultConfig(): GatewayConfig {
  return freeze(shipped('gateway.default.json')) as unknown as GatewayConfig;
}

/**
 * The shipped settings with those of the user's file over them. Objects are merged, all else is replaced.
 * @throws XpmnError `bad-configuration`: names the file and the setting. A missing file is an error only if `mustExist`.
 */
export async function loadConfig(path: string, { mustExist }: { readonly mustExist: boolean }): Promise<GatewayConfig> {
  const text = await readText(path, mustExist);
  if (text === undefined) return defaultConfig();
  const user = parse(text, path);
  checkConfig(user, path);
  const { $schema: _, ...settings } = user as { readonly [key: string]: Json };
  return freeze(merge(shipped('gateway.default.json'), settings)) as unknown as GatewayConfig;
}

/** @throws XpmnError `bad-configuration` if it is not what gateway.schema.json describes; whatever is missing is fine */
export function checkConfig(value: unknown, file: string): void {
  const validate = compileSchema(shipped('gateway.schema.json') as object);
  if (validate(value)) return;
  throw new XpmnError('bad-configuration', `${file}: ${sentence((validate.errors as ErrorObject[])[0] as ErrorObject)}.`);
}

function sentence({ instancePath, keyword, params, message }: ErrorObject): string {
  const path = instancePath.slice(1).replaceAll('/', '.');
  if (keyword === 'additionalProperties') {
    const { additionalProperty } = params as { additionalProperty: string };
    return `there is no setting \`${path === '' ? '' : `${path}.`}${additionalProperty}\``;
  }
  const choices = keyword === 'enum' ? `: ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}` : '';
  return `${path === '' ? 'the file' : `\`${path}\``} ${message ?? 'is not allowed'}${choices}`;
}

async function readText(path: string, mustExist: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!mustExist && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new XpmnError('bad-configuration', `${path} can't be read.`, { cause: error });
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch (error) {
    throw new XpmnError('bad-configuration', `${path} is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

function merge(base: Json, over: Json): Json {
  if (!isObject(base) || !isObject(over)) return over;
  return Object.fromEntries(Object.entries(base).map(([key, value]) => [key, Object.hasOwn(over, key) ? merge(value, over[key] as Json) : value]));
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function freeze(value: Json): Json {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

/** From the package's own folder, which lies as far above the sources as above what is built of them. */
function shipped(file: string): Json {
  return JSON.parse(readFileSync(new URL(`../../config/${file}`, import.meta.url), 'utf8')) as Json;
}
