import { stat } from 'node:fs/promises';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { parseMediaUri } from '../../xpmn/model/media-uri.ts';
import type { LocalUrl } from '../gateway-api.ts';
import { lockFile } from '../storage/lock.ts';
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
  const local = await context.call('url', { uri });
  context.answer(local, () => `${local.url}\n`);
}

/** Fetches an item into a file; what an earlier, interrupted run of the same command left is gone on with. */
export async function get(context: CliContext, uri: string, options: GetOptions): Promise<void> {
  const { uid } = parseMediaUri(uri);
  const first = await context.call('url', { uri });
  const file = options.output ?? fileNameFor(uid, first.entity.type);
  await checkTarget(file, options.output !== undefined);
  const unlock = await lockFile(`${file}.part.lock`, `Another command fetches ${file} already`);
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
      if (!isChanged(error) || restarts >= RESTARTS) throw helpful(error, job.file);
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

/** A file that the user did not name is never replaced. */
async function checkTarget(file: string, isNamed: boolean): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw new XpmnError('usage', `${file} is a directory: name a file.`);
  if (found && !isNamed) throw new XpmnError('conflict', `${file} is there already: name another with -o, or the same to replace it.`);
}

function helpful(error: unknown, file: string): unknown {
  const canGoOn = error instanceof XpmnError && ['connection-lost', 'truncated', 'storage-failed', 'aborted', 'peer-unavailable'].includes(error.code);
  return canGoOn ? new XpmnError(error.code, `${error.message} What came is in ${file}.part: the same command goes on from there.`, { cause: error, details: error.details }) : error;
}
