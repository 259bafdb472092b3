import { basename, isAbsolute } from 'node:path';
import type { Clock, Random } from '../../xpmn/kernel/clock.ts';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import type { MediaItem, MediaType } from '../../xpmn/model/media.ts';
import type { MediaEntity, MediaSource } from '../../xpmn/ports/media-source.ts';
import type { SharedMedia } from '../../xpmn/ports/shared-media.ts';
import { createFileSource, openPlainFile } from './file-source.ts';
import type { MayConnect, Resolve } from './guarded-lookup.ts';
import { SNIFFED_BYTES, isMediaType, typeOfBytes, typeOfName } from './media-type.ts';
import { SharedItems } from './shared-items.ts';
import type { SharedItemsOptions } from './shared-items.ts';
import { createUrlSource } from './url-source.ts';
import type { UrlSourceOptions } from './url-source.ts';

export interface SharedMediaOptions extends SharedItemsOptions {
  /** Of what others name: items at a time. */
  readonly publicItems: number;
  readonly url: UrlSourceOptions;
}

export interface SharedMediaDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Whether an address is one that others may name. */
  readonly isPublic: MayConnect;
  readonly resolve?: Resolve | undefined;
  readonly ca?: readonly string[] | undefined;
}

/** What was found out about something before it became an item. */
interface Found {
  readonly source: MediaSource;
  readonly entity: MediaEntity;
  readonly name: string;
  /** The name without its extension; a host has none. */
  readonly stem: string;
}

/** Files and URLs as items, by what the user of this machine says; nothing else of it can be reached. */
export function createSharedMedia(deps: SharedMediaDeps, options: SharedMediaOptions): SharedMedia {
  const ofUser = new SharedItems(deps, options);
  // SECURITY: apart, for others can name as many as they like, and would push out what the user shares.
  const ofOthers = new SharedItems(deps, { ...options, items: options.publicItems });

  async function file(path: string, signal: AbortSignal): Promise<Found> {
    const type = (await sniffed(path)) ?? typeOfName(path);
    if (type === undefined) throw new XpmnError('unsupported-type', 'That file is no media, as far as can be seen.');
    const source = createFileSource(path, { type });
    const entity = await source.probe({ signal });
    if (entity.size === 0) throw new XpmnError('unsupported-type', 'That file is empty.');
    return { source, entity, name: basename(path), stem: stemOf(basename(path)) };
  }

  async function resource(url: URL, publicOnly: boolean, signal: AbortSignal): Promise<Found> {
    const { clock, resolve, ca, isPublic } = deps;
    const name = nameIn(url);
    const mayConnect: MayConnect = (address) => !publicOnly || isPublic(address);
    const create = (type?: string): MediaSource => createUrlSource({ clock, resolve, ca, mayConnect }, options.url, { url, type });
    const entity = await create().probe({ signal });
    // Servers that know no type say so in several ways; what the name says counts then.
    const type = isMediaType(entity.type) ? entity.type : NO_TYPES.includes(entity.type) ? typeOfName(name) : undefined;
    if (type === undefined) throw new XpmnError('unsupported-type', 'What lies there is no media.');
    return { source: typed(create(type), type), entity: { ...entity, type }, name, stem: name === url.hostname ? name : stemOf(name) };
  }

  function known(uid: string): NonNullable<ReturnType<SharedItems['find']>> {
    const found = ofUser.find(uid) ?? ofOthers.find(uid);
    if (!found) throw new XpmnError('not-found', 'There is no such item, or not any more.');
    return found;
  }

  return {
    async share(what, { title, publicOnly = false, signal }) {
      throwIfAborted(signal);
      const url = urlOf(what);
      if (!url && (publicOnly || !isAbsolute(what))) throw new XpmnError('not-found', 'That is no path from the root on, and no URL of the web.');
      const [items, key] = [publicOnly ? ofOthers : ofUser, [url?.href ?? what, title].join('\n')];
      const before = items.uidOf(key);
      if (before !== undefined) return before;
      const found = { title, ...(url ? await resource(url, publicOnly, signal) : await file(what, signal)) };
      // Somebody may have shared the same meanwhile, and be about to fetch it.
      return items.uidOf(key) ?? items.add(key, (uid) => ({ source: found.source, item: itemOf(uid, found) }));
    },
    browse: () => Promise.reject(new XpmnError('not-allowed', 'A gateway has no library of its own: its media servers have.')),
    object: (uid) => Promise.resolve().then(() => known(uid).item),
    source: (uid) => Promise.resolve().then(() => known(uid).source),
  };
}

const NO_TYPES: readonly string[] = ['application/octet-stream', 'binary/octet-stream', 'application/x-download', 'text/plain'];

function urlOf(what: string): URL | undefined {
  if (!/^https?:\/\//i.test(what)) return undefined;
  if (!URL.canParse(what)) throw new XpmnError('not-found', 'That is no URL.');
  return new URL(what);
}

/** @throws XpmnError as `openPlainFile` */
async function sniffed(path: string): Promise<string | undefined> {
  const handle = await openPlainFile(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    return typeOfBytes(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/** What the server calls it does not count any more: the type is settled, and a page in its place is none (`checkContent`). */
function typed(source: MediaSource, type: string): MediaSource {
  return {
    probe: async (how) => ({ ...(await source.probe(how)), type }),
    async open(how) {
      const media = await source.open(how);
      return { entity: { ...media.entity, type }, range: media.range, read: (lease, reading) => media.read(lease, reading), close: () => media.close() };
    },
  };
}

function nameIn(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || url.hostname;
  } catch {
    return last;
  }
}

function stemOf(name: string): string {
  return name.replace(/\.[A-Za-z0-9]{1,5}$/, '').replaceAll('_', ' ');
}

function itemOf(uid: string, { entity: { type, size }, name, stem, title: given }: Found & { readonly title: string | undefined }): MediaItem {
  const title = legible(given ?? '') || legible(stem) || name;
  return { kind: 'item', id: uid, parent: undefined, title, type: size === undefined ? 'stream' : kindOf(type), uid, name, mimeType: type, size };
}

function legible(text: string): string {
  return text.replace(/[\p{C}]/gu, '').trim();
}

function kindOf(type: string): MediaType {
  const kind = type.slice(0, type.indexOf('/'));
  return kind === 'audio' || kind === 'video' || kind === 'image' ? kind : 'other';
}
