import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { DidlObject, DidlResource } from '../mapping/didl.ts';
import { chooseResource, containerFromDidl, objectFromDidl } from '../mapping/didl-item.ts';
import type { ResourceLocator } from '../mapping/didl-item.ts';
import { ROOT_ID, ROOT_OBJECT_ID, TAG_LENGTH, objectIdFromId, splitUid } from '../mapping/object-id.ts';
import { additionalInfo } from '../mapping/protocol-info.ts';
import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { MediaContainer, MediaObject, MediaPage } from '../xpmn/model/media.ts';
import type { LocatedMedia, MediaLibrary } from '../xpmn/ports/media-device.ts';
import type { MediaSource } from '../xpmn/ports/media-source.ts';
import type { ContentDirectory } from './content-directory.ts';
import type { OriginFactory } from './origin-port.ts';
import { SourceMemory } from './source-memory.ts';
import type { SourceMemoryOptions } from './source-memory.ts';

export interface MediaServerOptions {
  /** Children of one container; further ones are not shown. */
  readonly children: number;
  /** Objects in a row that can't be read, before the listing is given up. */
  readonly unreadable: number;
  readonly memory: SourceMemoryOptions;
}

export interface MediaServerDeps {
  readonly directory: ContentDirectory;
  readonly openOrigin: OriginFactory;
  readonly clock: Clock;
  /** Friendly name: the title of the root where the server gives none. */
  name(): string;
  /** URL of the description: relative URLs belong to it. */
  base(): URL;
  /** Hosts that media may come from: the device's own, and those that the owner listed. */
  allowedHosts(): readonly string[];
}

interface Call {
  readonly signal: AbortSignal;
}

/** A ContentDirectory as a MediaLibrary. Ids and uids carry all that is needed to find things again; what is remembered only saves time. */
export class MediaServerLibrary implements MediaLibrary {
  private readonly deps: MediaServerDeps;
  private readonly options: MediaServerOptions;
  private readonly memory: SourceMemory;
  private readonly locator: ResourceLocator = { tag: (uri) => this.tagOf(this.follow(uri)) };

  constructor(deps: MediaServerDeps, options: MediaServerOptions) {
    this.deps = deps;
    this.options = options;
    this.memory = new SourceMemory(deps.clock, options.memory);
  }

  async browse(containerId: string, { offset, limit, signal }: { readonly offset: number; readonly limit: number } & Call): Promise<MediaPage> {
    const objectId = objectIdOf(containerId);
    const container = await this.container(objectId, { signal });
    if (limit < 1) return { container, children: [], offset, total: container.count };
    let at = offset;
    for (let unreadable = 0; at < this.options.children; ) {
      const { entries, total } = await this.deps.directory.children(objectId, at, Math.min(limit, this.options.children - at), { signal });
      const skipped = entries.findIndex((entry) => entry !== undefined);
      if (entries.length === 0) return { container, children: [], offset: at, total };
      if (skipped >= 0) {
        // A page ends before what can't be read: so positions stay the server's own, and the next page finds its place.
        const readable = entries.slice(skipped);
        const gap = readable.indexOf(undefined);
        const objects = (gap < 0 ? readable : readable.slice(0, gap)).filter((entry) => entry !== undefined);
        return { container, children: objects.map((entry) => childOf(objectFromDidl(entry, this.locator), container.id)), offset: at + skipped, total };
      }
      at += entries.length;
      unreadable += entries.length;
      if (unreadable > this.options.unreadable) throw new XpmnError('protocol-violation', 'The device\'s listing can\'t be understood.');
    }
    return { container, children: [], offset: at, total: at };
  }

  async object(id: string, { signal }: Call): Promise<MediaObject> {
    const objectId = objectIdFromId(id);
    if (objectId === undefined) return this.itemOf(id, { signal });
    if (objectId === ROOT_OBJECT_ID) return this.container(objectId, { signal });
    return objectFromDidl(await this.deps.directory.metadata(objectId, { signal }), this.locator);
  }

  source(uid: string, { signal }: Call): Promise<MediaSource> {
    return this.memory.source(uid, (until) => this.lookUp(uid, { signal: until }), signal);
  }

  /** The server's own URL: one that leads to an address, for a name may lead others elsewhere. */
  async locate(uid: string, { signal }: Call): Promise<LocatedMedia | undefined> {
    const { url, resource, object } = await this.resourceOf(uid, { signal });
    if (isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0) return undefined;
    const entity = await this.origin(url, resource, object).probe({ signal });
    return { url: url.href, entity, contentFeatures: additionalInfo(resource.protocolInfo.text) };
  }

  /** The item behind a uid, as long as it is that. */
  private async itemOf(uid: string, call: Call): Promise<MediaObject> {
    return objectFromDidl((await this.resourceOf(uid, call)).object, this.locator);
  }

  private async lookUp(uid: string, call: Call): Promise<MediaSource> {
    const { url, resource, object } = await this.resourceOf(uid, call);
    return this.origin(url, resource, object);
  }

  private origin(url: URL, { size, protocolInfo: { mimeType: type } }: DidlResource, { date }: DidlObject): MediaSource {
    return this.deps.openOrigin({ url, allowedHosts: this.deps.allowedHosts(), size, type, date });
  }

  private async resourceOf(uid: string, { signal }: Call): Promise<{ readonly url: URL; readonly resource: DidlResource; readonly object: DidlObject }> {
    const named = splitUid(uid);
    if (!named) throw new XpmnError('not-found', 'There is no such item.');
    const object = await this.deps.directory.metadata(named.objectId, { signal });
    const chosen = object.kind === 'item' ? chooseResource(object, this.locator) : undefined;
    const url = chosen && this.follow(chosen.resource.uri);
    // Another resource under the same id is another thing: databases are renumbered at a rescan.
    if (!chosen || !url || chosen.tag !== named.tag) throw new XpmnError('not-found', 'The item has gone, or changed its place.');
    return { url, resource: chosen.resource, object };
  }

  /** COMPAT: some servers don't show their own root; it is there all the same. */
  private async container(objectId: string, call: Call): Promise<MediaContainer> {
    const root: MediaContainer = { kind: 'container', id: ROOT_ID, parent: undefined, title: this.deps.name() };
    try {
      const object = await this.deps.directory.metadata(objectId, call);
      if (object.kind !== 'container') throw new XpmnError('not-found', 'That is an item, not a container.');
      const container = containerFromDidl(object);
      return objectId === ROOT_OBJECT_ID ? { ...container, parent: undefined, title: object.title ?? root.title } : container;
    } catch (error) {
      call.signal.throwIfAborted();
      if (objectId === ROOT_OBJECT_ID && asXpmnError(error).family !== 'unreachable') return root;
      throw error;
    }
  }

  /** SECURITY: media comes from the device itself, or from hosts that the owner listed; nothing else is fetched (PROTOCOL §7). */
  private follow(uri: string): URL | undefined {
    const base = this.deps.base();
    if (uri === '' || !URL.canParse(uri, base.href)) return undefined;
    const url = new URL(uri, base);
    const mayFetch = url.protocol === 'http:' && url.username === '' && url.password === '' && this.deps.allowedHosts().includes(url.hostname);
    return mayFetch ? url : undefined;
  }

  private tagOf(url: URL | undefined): string | undefined {
    return url && createHash('sha256').update(url.pathname + url.search).digest('hex').slice(0, TAG_LENGTH);
  }
}

function objectIdOf(id: string): string {
  const objectId = objectIdFromId(id);
  if (objectId === undefined) throw new XpmnError('not-found', 'There is no such object.');
  return objectId;
}

/** COMPAT: parentID is wrong or missing in some listings; what is listed in a container lies in it. */
function childOf(object: MediaObject, parent: string): MediaObject {
  return object.parent === parent ? object : { ...object, parent };
}
