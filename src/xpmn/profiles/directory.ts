import type { Random } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Jid } from '../model/jid.ts';
import type { MediaContainer, MediaObject, MediaPage } from '../model/media.ts';
import { NS } from '../model/namespaces.ts';
import { xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { formatResultSet, parseDirectoryQuery } from './directory-codec.ts';
import type { DirectoryQuery } from './directory-codec.ts';
import { DirectoryPositions } from './directory-positions.ts';
import type { PositionsOptions } from './directory-positions.ts';
import { inlineOrNot } from './listing.ts';
import { metadataFromPage } from './metadata.ts';
import { ownPeer } from './access.ts';

export interface DirectoryOptions extends PositionsOptions {
  /** Children in a page when the asker does not say; at most it is `maxPage`. */
  readonly defaultPage: number;
  /** Bytes of a serialised container that still go inline; more goes out of band. */
  readonly inlineLimit: number;
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
  const { library, device } = deps;
  const positions = new DirectoryPositions(library, options);

  async function answer(iq: IncomingIq): Promise<XmlElement> {
    ownPeer(iq);
    const query = parseDirectoryQuery(iq.payload, { defaultMax: options.defaultPage, max: options.maxPage });
    const page = await find(query, iq.signal);
    const listing = metadataFromPage(page.container, page.children, device);
    const first = page.children[0];
    const set = { first: first?.id, last: page.children.at(-1)?.id, index: first && page.offset, count: page.total };
    return xml('query', NS.mediaServer, {}, await inlineOrNot(listing, iq, deps, options), formatResultSet(set));
  }

  async function find(query: DirectoryQuery, signal: AbortSignal): Promise<MediaPage> {
    if (query.match.attr === 'nothing') return found();
    const { attr, value } = query.match;
    if (attr === 'id') return found(await library.object(value, { signal }));
    // "How many are there?" (XEP-0059 §2.7): a library tells with its children only.
    if (query.max === 0) return { ...(await library.browse(value, { offset: 0, limit: 1, signal })), children: [] };
    const wanted = { container: value, limit: query.max, signal };
    const page = 'after' in query.start
      ? await positions.after(query.start.after, wanted)
      : await library.browse(value, { offset: query.start.index, limit: query.max, signal });
    positions.remember(page);
    return page;
  }

  deps.registry.handle({ ns: NS.mediaServer, name: 'query', type: 'get' }, answer);
}

/** A result is always one container: a container that was found is that itself, all else comes in a nameless one. */
function found(object?: MediaObject): MediaPage {
  if (object?.kind === 'container') return { container: object, children: [], offset: 0, total: 1 };
  const container: MediaContainer = { kind: 'container', id: 'result', parent: undefined, title: '' };
  return { container, children: object ? [object] : [], offset: 0, total: object ? 1 : 0 };
}
