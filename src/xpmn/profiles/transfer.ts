import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { OpenMedia } from '../ports/media-source.ts';
import type { ByteStreams, PeerLinks } from '../ports/peer-link.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { ownPeer } from './access.ts';
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
  const running = new Map<string, AbortController>();

  async function transfer(iq: IncomingIq): Promise<XmlElement> {
    ownPeer(iq);
    const request = parseTransferRequest(iq.payload);
    const source = await deps.library.source(request.uid, { signal: iq.signal });
    if (request.ifMatch !== undefined) {
      // Checked before the range: a range of something else means nothing.
      const { etag } = await source.probe({ signal: iq.signal });
      if (etag !== request.ifMatch) throw changed(etag);
    }
    const streams = await deps.links.to(iq.from).byteStreams({ signal: iq.signal });
    const media = await source.open({ range: request.range, signal: iq.signal });
    if (request.ifMatch !== undefined && media.entity.etag !== request.ifMatch) {
      media.close();
      throw changed(media.entity.etag);
    }
    const streamId = randomId(deps.random);
    start(streams, streamId, media, iq.from);
    return formatTransferAnswer(request.uid, { entity: media.entity, range: media.range, streamId });
  }

  function start(streams: ByteStreams, id: string, media: OpenMedia, peer: Jid): void {
    const controller = new AbortController();
    const key = keyOf(peer, id);
    running.set(key, controller);
    streams
      .send(id, media, { signal: controller.signal })
      .catch((error: unknown) => deps.log.info('a transfer ended early', { peer, error }))
      .finally(() => running.delete(key));
  }

  function abort(iq: IncomingIq): undefined {
    ownPeer(iq);
    const controller = running.get(keyOf(iq.from, iq.payload.attrs['id'] ?? ''));
    if (!controller) throw new XpmnError('not-found', 'There is no such transfer.');
    controller.abort(new XpmnError('aborted', 'The receiver wants no more.'));
    return undefined;
  }

  deps.registry.handle({ ns: NS.mediaServer, name: 'transfer', type: 'get' }, transfer);
  deps.registry.handle({ ns: NS.outOfBand, name: 'abort', type: 'set' }, abort);
}

function changed(etag: string): XpmnError {
  return new XpmnError('entity-changed', 'The media has changed since.', { details: { etag } });
}

function keyOf(peer: Jid, id: string): string {
  return `${id} ${peer}`;
}
