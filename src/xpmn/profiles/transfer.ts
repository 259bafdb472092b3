import type { Random } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import { nextTurn } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { MediaEntity, MediaSource, OpenMedia } from '../ports/media-source.ts';
import type { ByteStreams, PeerLinks } from '../ports/peer-link.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { abortStream } from './abort-stream.ts';
import type { AbortOptions } from './abort-stream.ts';
import { ownPeer } from './access.ts';
import { withRoom } from './sending.ts';
import { formatTransferAnswer, parseTransferRequest } from './transfer-codec.ts';
import type { TransferRequest } from './transfer-codec.ts';

export interface TransferDeps {
  readonly library: MediaLibrary;
  readonly registry: IqRegistry;
  readonly links: PeerLinks;
  readonly random: Random;
  readonly log: Logger;
}

/** MediaServer Transfer, provider side: ranges of an item's bytes, several at once, each until done or aborted. */
export function provideTransfer(deps: TransferDeps, options: AbortOptions): void {
  async function transfer(iq: IncomingIq): Promise<XmlElement> {
    ownPeer(iq);
    const { signal } = iq;
    const request = parseTransferRequest(iq.payload);
    const source = await deps.library.source(request.uid, { signal });
    const link = deps.links.to(iq.from);
    await link.byteStreams({ signal });
    const media = await open(source, request, signal);
    try {
      if (request.ifMatch !== undefined) checkTag(media.entity, request.ifMatch);
      const streamId = await withRoom(link, signal, (streams) => start(streams, media, iq.from));
      return formatTransferAnswer(request.uid, { entity: media.entity, range: media.range, streamId });
    } catch (error) {
      media.close();
      throw error;
    }
  }

  function start(streams: ByteStreams, media: OpenMedia, peer: Jid): string {
    const id = randomId(deps.random);
    const told = afterAnswer(lengthOf(media) === undefined ? confessing(media, () => abort(streams, peer, id)) : media);
    // It lives until it is done or aborted, also when the channel that asked has gone: another one may serve meanwhile.
    streams.send(id, told, { signal: streams.closed }).catch((error: unknown) => {
      deps.log.info('a transfer ended early', { peer, error });
    });
    return id;
  }

  async function abort({ closed }: ByteStreams, peer: Jid, id: string): Promise<void> {
    try {
      await abortStream(await deps.links.to(peer).channel({ signal: closed }), id, options);
    } catch (error) {
      deps.log.debug('the receiver could not be told that a transfer failed', { peer, error });
    }
  }

  deps.registry.handle({ ns: NS.mediaServer, name: 'transfer', type: 'get' }, transfer);
}

/** The tag counts before the range: a range of something else means nothing, also that it does not exist. */
async function open(source: MediaSource, { range, ifMatch }: TransferRequest, signal: AbortSignal): Promise<OpenMedia> {
  try {
    return await source.open({ range, signal });
  } catch (error) {
    if (ifMatch !== undefined && asXpmnError(error).code === 'range-not-satisfiable') checkTag(await source.probe({ signal }), ifMatch);
    throw error;
  }
}

function lengthOf({ range, entity }: OpenMedia): number | undefined {
  return range ? range.to - range.from + 1 : entity.size;
}

/** Of a stream without a length nobody sees that it ended early: if its source fails, the receiver is told before it ends. */
function confessing(media: OpenMedia, tell: () => Promise<void>): OpenMedia {
  return readAs(media, async (lease, { signal }) => {
    try {
      await media.read(lease, { signal });
    } catch (error) {
      if (!signal.aborted) await tell();
      throw error;
    }
  });
}

/** The answer leaves first: while the bytes are on their way, the receiver reads it, and is ready for them. */
function afterAnswer(media: OpenMedia): OpenMedia {
  return readAs(media, async (lease, options) => {
    await nextTurn();
    await media.read(lease, options);
  });
}

function readAs(media: OpenMedia, read: OpenMedia['read']): OpenMedia {
  return { entity: media.entity, range: media.range, close: () => media.close(), read };
}

function checkTag({ etag }: MediaEntity, wanted: string): void {
  if (etag !== wanted) throw new XpmnError('entity-changed', 'The media has changed since.', { details: { etag } });
}
