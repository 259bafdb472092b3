import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { MediaEntity, OpenMedia } from '../ports/media-source.ts';
import type { ByteStreams, PeerLinks } from '../ports/peer-link.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { ownPeer } from './access.ts';
import { withRoom } from './sending.ts';
import { formatTransferAnswer, parseTransferRequest } from './transfer-codec.ts';

export interface TransferDeps {
  readonly library: MediaLibrary;
  readonly registry: IqRegistry;
  readonly links: PeerLinks;
  readonly random: Random;
  readonly log: Logger;
}

/** MediaServer Transfer, provider side: ranges of an item's bytes, several at once, each until done or aborted. */
export function provideTransfer(deps: TransferDeps): void {
  async function transfer(iq: IncomingIq): Promise<XmlElement> {
    ownPeer(iq);
    const { signal } = iq;
    const request = parseTransferRequest(iq.payload);
    const source = await deps.library.source(request.uid, { signal });
    // Checked before the range: a range of something else means nothing.
    if (request.ifMatch !== undefined) checkTag(await source.probe({ signal }), request.ifMatch);
    const link = deps.links.to(iq.from);
    await link.byteStreams({ signal });
    const media = await source.open({ range: request.range, signal });
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
    // It lives until it is done or aborted, also when the channel that asked has gone: another one may serve meanwhile.
    streams.send(id, media, { signal: streams.closed }).catch((error: unknown) => {
      deps.log.info('a transfer ended early', { peer, error });
    });
    return id;
  }

  function abort(iq: IncomingIq): undefined {
    ownPeer(iq);
    if (!deps.links.to(iq.from).abortSend(iq.payload.attrs['id'] ?? '')) throw new XpmnError('not-found', 'There is no such transfer.');
    return undefined;
  }

  deps.registry.handle({ ns: NS.mediaServer, name: 'transfer', type: 'get' }, transfer);
  for (const ns of [NS.outOfBand, NS.outOfBandAlias]) deps.registry.handle({ ns, name: 'abort', type: 'set' }, abort);
}

function checkTag({ etag }: MediaEntity, wanted: string): void {
  if (etag !== wanted) throw new XpmnError('entity-changed', 'The media has changed since.', { details: { etag } });
}
