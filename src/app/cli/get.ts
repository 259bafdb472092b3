import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { parseMediaUri } from '../../xpmn/model/media-uri.ts';
import type { MediaReference } from '../../xpmn/model/media-uri.ts';
import type { LocalUrl } from '../gateway-api.ts';
import { saying } from '../storage/file-storage.ts';
import { takeLock } from '../storage/lock.ts';
import { formatBytes } from '../text.ts';
import type { CliContext } from './context.ts';
import { fetchRange, isChanged } from './fetch-range.ts';
import { fileNameFor } from './file-name.ts';
import { PartialFile } from './partial-file.ts';
import type { PartialOf } from './partial-file.ts';
import { Progress } from './progress.ts';

export interface GetOptions {
  readonly output?: string;
  readonly range?: { readonly from: number; readonly to?: number };
}

/** How often an item may change under a transfer before we give up. */
const RESTARTS = 2;

export async function showUrl(context: CliContext, uri: string): Promise<void> {
  itemIn(uri);
  const local = await context.patiently(() => context.call('url', { uri }));
  context.answer(local, () => `${local.url}\n`);
}

/** Fetches an item into a file; what an earlier, interrupted run of the same command left is gone on with. */
export async function get(context: CliContext, uri: string, options: GetOptions): Promise<void> {
  const { uid } = itemIn(uri);
  await checkTarget(options.output);
  const first = await context.patiently(() => context.call('url', { uri }));
  const file = options.output ?? (await newFile(fileNameFor(uid, first.entity.type)));
  const unlock = await takeLock(`${file}.part.lock`, `Another command fetches ${file} already`);
  const progress = new Progress({ clock: context.deps.clock, output: context.deps.stderr }, { interval: context.settings.progressInterval });
  try {
    const fetched = await fetchWithRestarts(context, { uri, file, options, progress }, first);
    progress.clear();
    context.answer({ file, ...fetched }, () => `${file}: ${formatBytes(fetched.bytes)}\n`);
  } finally {
    progress.clear();
    await unlock();
  }
}

/** @throws XpmnError `usage` */
function itemIn(uri: string): MediaReference {
  try {
    return parseMediaUri(uri);
  } catch (cause) {
    throw new XpmnError('usage', `"${uri}" is no media item: they look like xmpp:…?transfer;uid=…, in quotes, as \`xpmn browse\` lists them.`, { cause });
  }
}

interface Job {
  readonly uri: string;
  readonly file: string;
  readonly options: GetOptions;
  readonly progress: Progress;
}

async function fetchWithRestarts(context: CliContext, job: Job, first: LocalUrl): Promise<{ bytes: number; type: string }> {
  let local = first;
  for (let restarts = 0; ; restarts += 1) {
    try {
      return { bytes: await fetchOnce(context, job, local), type: local.entity.type };
    } catch (error) {
      if (!isChanged(error) || restarts >= RESTARTS) throw await helpful(error, job.file);
      job.progress.clear();
      context.notice('The item has changed: it is fetched anew.');
      local = await context.call('url', { uri: job.uri });
    }
  }
}

/** Resolves to the length of the finished file. */
async function fetchOnce(context: CliContext, { uri, file, options, progress }: Job, { url, entity }: LocalUrl): Promise<number> {
  const { size, etag } = entity;
  const { from, to } = wantedRange(options.range, size);
  const wanted: PartialOf = { uri, etag, from, to: to ?? null };
  const length = to === undefined ? undefined : to - from + 1;
  const partial = new PartialFile(file);
  const found = await partial.kept(wanted);
  if (found === 'other') context.notice(`${partial.path} is of something else, or of what the item was before: it is fetched anew.`);
  const kept = found === 'other' || length === undefined || found > length ? 0 : found;
  if (kept === 0) await partial.reset(wanted);
  else context.notice(`${partial.path} has ${formatBytes(kept)}: going on from there.`);
  let bytes = kept;
  progress.begin(kept, length);
  const onBytes = (count: number): void => {
    bytes += count;
    progress.add(count);
  };
  if (length === undefined || kept < length) await fetchRange({ url, etag, size, from: from + kept, to }, partial.path, { signal: context.deps.signal, onBytes });
  await partial.finish();
  return bytes;
}

/** `to` is undefined exactly if the size is: a live item has no ranges. */
function wantedRange(range: GetOptions['range'], size: number | undefined): { from: number; to: number | undefined } {
  if (size === undefined) {
    if (range) throw new XpmnError('range-not-satisfiable', 'A live item has no ranges.');
    return { from: 0, to: undefined };
  }
  const { from, to = size - 1 } = range ?? { from: 0 };
  if (range && from >= size) throw new XpmnError('range-not-satisfiable', `The item has only ${size} bytes.`, { details: { size } });
  return { from, to: Math.min(to, size - 1) };
}

/** Before anything is asked for: whether a file can be made there at all. */
async function checkTarget(output: string | undefined): Promise<void> {
  if (output === '-') throw new XpmnError('usage', 'Standard output is no file: curl "$(xpmn url …)" writes there.');
  const folder = output === undefined ? '.' : dirname(output);
  const isFolder = (path: string): Promise<boolean> => stat(path).then((found) => found.isDirectory(), () => false);
  const isOther = (path: string): Promise<boolean> => stat(path).then((found) => !found.isFile(), () => false);
  if (output === '' || output?.endsWith('/') || (output !== undefined && (await isFolder(output)))) throw new XpmnError('usage', `"${output}" is a directory: name a file.`);
  // a device or a pipe would be replaced by a file
  if (output !== undefined && (await isOther(output))) throw new XpmnError('usage', `"${output}" is no file: name one, or let curl "$(xpmn url …)" write there.`);
  if (!(await isFolder(folder))) throw new XpmnError('usage', `There is no directory ${folder}.`);
  await saying(`${resolve(folder)} can't be written`, () => access(folder, constants.W_OK));
}

/** A file that the user did not name is never replaced. */
async function newFile(file: string): Promise<string> {
  if (await stat(file).catch(() => undefined)) throw new XpmnError('conflict', `${file} is there already: name another with -o, or the same to replace it.`);
  return file;
}

async function helpful(error: unknown, file: string): Promise<unknown> {
  const partial = new PartialFile(file);
  const isPart = await partial.leave();
  const canGoOn = error instanceof XpmnError && (error.retryable || error.code === 'truncated' || error.code === 'storage-failed');
  return isPart && canGoOn ? new XpmnError(error.code, `${error.message} What came is in ${partial.path}: the same command goes on from there.`, { cause: error, details: error.details }) : error;
}
