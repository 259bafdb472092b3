import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { abortable } from '../../src/xpmn/kernel/tasks.ts';
import { openLocally } from '../../src/xpmn/media/local-transfer.ts';
import { MediaPort } from '../../src/xpmn/media/media-port.ts';
import { createPlayerFeed } from '../../src/xpmn/media/player-feed.ts';
import type { PlayerFeedDeps, PlayerFeedOptions } from '../../src/xpmn/media/player-feed.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { MediaReference } from '../../src/xpmn/model/media-uri.ts';
import type { RangeRequest } from '../../src/xpmn/ports/media-source.ts';
import type { PlayerFeed } from '../../src/xpmn/ports/player-feed.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { settings } from './settings.ts';

export const NAS = parseJid('me@home.test/nas-abcd');

/** A feed on a media port, before a device whose library is in memory. */
export interface FeedRig {
  readonly feed: PlayerFeed;
  readonly port: MediaPort;
  readonly library: MemoryLibrary;
  /** What the device was asked for. */
  readonly opened: { readonly uid: string; readonly range: RangeRequest | undefined }[];
  /** Bytes that the device has sent. */
  readonly carried: () => number;
}

export async function startFeed(deps: Partial<PlayerFeedDeps> = {}, options: Partial<PlayerFeedOptions> = {}): Promise<FeedRig> {
  const library = new MemoryLibrary();
  const opened: FeedRig['opened'] = [];
  let carried = 0;
  const openItem: PlayerFeedDeps['openItem'] = async ({ device, uid }: MediaReference, request, { signal }) => {
    opened.push({ uid, range: request.range });
    if (device !== NAS) throw new XpmnError('peer-unavailable', 'Nobody is there.');
    const source = await abortable(library.source(uid), signal);
    const transfer = await openLocally(source, request, { signal, options: { chunk: 16_384, window: 65_536 } });
    return {
      entity: transfer.entity,
      range: transfer.range,
      abort: () => transfer.abort(),
      receive: (sink) => transfer.receive({ write: (chunk) => ((carried += chunk.length), sink.write(chunk)), end: () => sink.end(), fail: (error) => sink.fail(error) }),
    };
  };
  const port = new MediaPort({ clock: systemClock, random: systemRandom, log: silentLogger, openItem, findRoute: (remote) => Promise.resolve({ local: '127.0.0.2', remote }) }, settings.mediaPort);
  await port.start();
  const feed = createPlayerFeed({
    port, openItem,
    object: ({ uid }) => library.object(uid),
    libraryOf: () => undefined,
    networks: () => [{ address: '127.0.0.1', prefix: 8 }, { address: '192.0.2.1', prefix: 24 }],
    clock: systemClock,
    log: silentLogger,
    ...deps,
  }, { ...settings.feed, ...options });
  return { feed, port, library, opened, carried: () => carried };
}
