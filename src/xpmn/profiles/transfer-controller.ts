import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { elements, xml } from '../model/xml.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../ports/media-source.ts';
import type { ByteStreams, IncomingStream, MediaSink, PeerLink } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatTransferRequest, parseTransferAnswer } from './transfer-codec.ts';
import type { TransferAnswer } from './transfer-codec.ts';

export interface TransferControllerOptions {
  /** Milliseconds for an answer: the provider may have to open byte streams and wake its origin first. */
  readonly answerTimeout: number;
  /** Milliseconds for the peer to take an abort; nobody waits for it. */
  readonly abortTimeout: number;
}

/** A transfer that the other device has begun; its bytes wait to be received, once. */
export interface RemoteTransfer {
  readonly entity: MediaEntity;
  readonly range: ByteRange | undefined;
  /** Where the bytes go from now on. */
  receive(sink: MediaSink): IncomingStream;
  /** Nobody wants it any more: the sender is told. Idempotent; also ends a stream that is being received. */
  abort(): void;
}

/** MediaServer Transfer, controller side. @throws XpmnError as the provider says; `malformed`; could not reach */
export async function openTransfer(
  link: PeerLink,
  request: { readonly uid: string; readonly range?: RangeRequest | undefined; readonly ifMatch?: string | undefined },
  context: { readonly options: TransferControllerOptions; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<RemoteTransfer> {
  const { signal, options } = context;
  const channel = await link.channel({ signal });
  // Opened by the side that needs it first, so that the request is one round trip from here on.
  await link.byteStreams({ signal });
  const payload = formatTransferRequest({ uid: request.uid, range: request.range, ifMatch: request.ifMatch });
  const [answered] = elements(await channel.request({ type: 'get', payload }, { signal, timeout: options.answerTimeout }));
  if (!answered) throw new XpmnError('malformed', 'The device answered with something that is no transfer.');
  const answer = parseTransferAnswer(answered, request.range);
  const streams = link.openByteStreams;
  if (!streams) throw new XpmnError('connection-lost', 'The connection to the device was lost.');
  return remoteTransfer(channel, streams, answer, options);
}

function remoteTransfer(
  channel: StanzaChannel,
  streams: ByteStreams,
  { entity, range, streamId }: TransferAnswer,
  options: TransferControllerOptions,
): RemoteTransfer {
  let stream: IncomingStream | undefined;
  let over = false;
  const size = range ? range.to - range.from + 1 : entity.size === undefined ? undefined : 0;

  function tellSender(): void {
    channel
      .request(
        { type: 'set', payload: xml('abort', NS.outOfBand, { id: streamId }) },
        { signal: streams.closed, timeout: options.abortTimeout },
      )
      // Best effort: a sender that has finished says item-not-found, one that is gone says nothing.
      .catch(() => undefined);
  }

  return {
    entity,
    range,
    receive(sink) {
      if (stream || over) throw new XpmnError('internal', 'A transfer can be received once.');
      stream = streams.receive(
        streamId,
        {
          write: (chunk) => sink.write(chunk),
          end: () => ((over = true), sink.end()),
          fail: (error) => ((over = true), sink.fail(error)),
        },
        { size },
      );
      return stream;
    },
    abort() {
      if (over) return;
      over = true;
      (stream ?? streams.receive(streamId, discard, { size })).cancel();
      tellSender();
    },
  };
}

const discard: MediaSink = { write() {}, end() {}, fail() {} };
