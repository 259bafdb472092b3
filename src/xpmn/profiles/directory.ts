import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import type { Jid } from '../model/jid.ts';
import type { MediaContainer, MediaObject, MediaPage } from '../model/media.ts';
import { NS } from '../model/namespaces.ts';
import { serialise, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { formatResultSet, parseDirectoryQuery } from './directory-codec.ts';
import type { DirectoryQuery } from './directory-codec.ts';
import { metadataFromObject, metadataFromPage } from './metadata.ts';
import { ownPeer } from './access.ts';

export interface DirectoryOptions {
  /** Children in a page when the asker does not say, and at most. */
  readonly defaultPage: number;
  readonly maxPage: number;
  /** Bytes of a serialised container that still go inline; more goes out of band. */
  readonly inlineLimit: number;
  /** Positions remembered, so that paging by id finds its place. */
  readonly rememberedPositions: number;
}

export interface DirectoryDeps {
  readonly device: Jid;
  readonly library: MediaLibrary;
  readonly registry: IqRegistry;
  readonly links: PeerLinks;
  readonly random: Random;
  readonly log: Logger;
}

/** MediaServer Directory, provider side: listings of a library, inline when small, out of band when large. */
export function provideDirectory(deps: DirectoryDeps, options: DirectoryOptions): void {
  const positions = new Positions(options.rememberedPositions);

  async function answer(iq: IncomingIq): Promise<XmlElement> {
    ownPeer(iq);
    const query = parseDirectoryQuery(iq.payload, { defaultMax: options.defaultPage, max: options.maxPage });
    if (query.match.attr === 'id') return oneObject(query.match.value, iq);
    const page = await browse(query, iq.signal);
    const listing = metadataFromPage(page.container, page.children, deps.device);
    return result(await inlineOrNot(listing, iq), page);
  }

  async function browse(query: DirectoryQuery, signal: AbortSignal): Promise<MediaPage> {
    const container = query.match.value;
    const offset = 'index' in query.start ? query.start.index : positions.after(container, query.start.after);
    const page = await deps.library.browse(container, { offset, limit: query.max, signal });
    const last = page.children.at(-1);
    if (last) positions.remember(container, last.id, page.offset + page.children.length);
    return page;
  }

  async function oneObject(id: string, iq: IncomingIq): Promise<XmlElement> {
    const object = await deps.library.object(id, { signal: iq.signal });
    return xml('query', NS.mediaServer, {}, wrapperFor(object, deps.device));
  }

  async function inlineOrNot(listing: XmlElement, iq: IncomingIq): Promise<XmlElement> {
    const text = Buffer.from(serialise(listing), 'utf8');
    if (text.length <= options.inlineLimit) return listing;
    const streams = await deps.links.to(iq.from).byteStreams({ signal: iq.signal });
    const id = randomId(deps.random);
    // The bytes may overtake the answer: the receiver holds them until it has read the id.
    streams.sendBytes(id, text, { signal: iq.signal }).catch((error: unknown) => {
      deps.log.info('a listing could not be sent', { peer: iq.from, error });
    });
    return xml('oob', NS.outOfBand, { id, size: text.length, type: 'text/xml' });
  }

  deps.registry.handle({ ns: NS.mediaServer, name: 'query', type: 'get' }, answer);
}

function result(listing: XmlElement, page: MediaPage): XmlElement {
  const set = { first: page.children[0]?.id, last: page.children.at(-1)?.id, index: page.offset, count: page.total };
  return xml('query', NS.mediaServer, {}, listing, formatResultSet(set));
}

/** A result is always one container: an object that is none comes in a nameless one. */
function wrapperFor(object: MediaObject, device: Jid): XmlElement {
  if (object.kind === 'container') return metadataFromObject(object, device);
  const wrapper: MediaContainer = { kind: 'container', id: 'result', parent: undefined, title: '' };
  return metadataFromPage(wrapper, [object], device);
}

/** Where listings ended, so that "after this id" finds its place. Bounded; the oldest are forgotten. */
class Positions {
  private readonly limit: number;
  private readonly ends = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  remember(container: string, id: string, next: number): void {
    const key = `${container} ${id}`;
    this.ends.delete(key);
    this.ends.set(key, next);
    if (this.ends.size > this.limit) this.ends.delete(this.ends.keys().next().value as string);
  }

  after(container: string, id: string): number {
    const next = this.ends.get(`${container} ${id}`);
    if (next === undefined) throw new XpmnError('not-found', 'There is no such object to go on after.');
    return next;
  }
}
