import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { QuirkEntry } from '../upnp/quirks.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { compileSchema } from './json-schema.ts';
import { openPlainFile } from './shared/file-source.ts';

/** From the package's own folder, which lies as far above the sources as above what is built of them. */
const SHIPPED = new URL('../../config/', import.meta.url);

/** Files of one folder that are read, and bytes of one file. */
const MOST = { files: 256, bytes: 262_144 };

let compiled: ValidateFunction | undefined;

/**
 * The entries of one file.
 * @throws XpmnError `bad-configuration`: names the file, the entry and what is wrong with it
 */
export function parseQuirks(text: string, file: string): readonly QuirkEntry[] {
  const value = parse(text, file);
  compiled ??= compileSchema(JSON.parse(readFileSync(new URL('quirks.schema.json', SHIPPED), 'utf8')) as object);
  if (!compiled(value)) throw new XpmnError('bad-configuration', `${file}: ${sentence((compiled.errors as ErrorObject[])[0] as ErrorObject)}.`);
  const { quirks } = value as { readonly quirks: readonly (QuirkEntry & { readonly why?: string })[] };
  return quirks.map(({ why: _, ...entry }) => entry);
}

/**
 * The shipped entries, then those of the user's folders, in the order of their names. A folder that is missing has none; a file that is wrong
 * is left out, with a warning: one player that is treated as usual is no reason to have none.
 */
export async function loadQuirks({ folders, log }: { readonly folders: readonly string[]; readonly log: Logger }): Promise<readonly QuirkEntry[]> {
  const all: QuirkEntry[] = [];
  for (const folder of [fileURLToPath(new URL('quirks/', SHIPPED)), ...folders]) {
    for (const file of await filesOf(folder, log)) {
      try {
        all.push(...(await readQuirks(file)));
      } catch (error) {
        log.warn('A file of quirks is left out.', { file, reason: asXpmnError(error).message });
      }
    }
  }
  return all;
}

async function readQuirks(file: string): Promise<readonly QuirkEntry[]> {
  const handle = await openPlainFile(file);
  // One byte more than there may be shows that there are too many.
  const bytes = await buffer(handle.createReadStream({ end: MOST.bytes }));
  if (bytes.length > MOST.bytes) throw new XpmnError('bad-configuration', `${file} is larger than ${MOST.bytes} bytes.`);
  return parseQuirks(bytes.toString('utf8'), file);
}

async function filesOf(folder: string, log: Logger): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
    if (names.length > MOST.files) log.warn('A folder of quirks has too many files: the first ones count.', { folder, files: MOST.files });
    return names.slice(0, MOST.files).map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.warn('A folder of quirks can\'t be read.', { folder, reason: (error as Error).message });
    return [];
  }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch (error) {
    throw new XpmnError('bad-configuration', `${file} is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

function sentence({ instancePath, keyword, params, message }: ErrorObject): string {
  const path = instancePath.slice(1).replaceAll('/', '.');
  if (keyword === 'additionalProperties') return `there is no \`${(params as { additionalProperty: string }).additionalProperty}\` in ${path === '' ? 'the file' : `\`${path}\``}`;
  const choices = keyword === 'enum' ? `: ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}` : '';
  return `${path === '' ? 'the file' : `\`${path}\``} ${message ?? 'is not allowed'}${choices}`;
}
