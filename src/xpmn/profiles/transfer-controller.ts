import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { abortable, throwIfAborted } from '../kernel/tasks.ts';
import { elements } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../ports/media-source.ts';
import type { ByteStreams, IncomingStream, MediaSink, PeerLink } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { abortStream } from './abort-stream.ts';
import type { AbortOptions } from './abort-stream.ts';
import { formatTransferRequest, parseTransferAnswer } from './transfer-codec.ts';
import type { TransferAnswer } from './transfer-codec.ts';

export interface TransferControllerOptions extends AbortOptions {
  /** Milliseconds for an answer: the provider may have to open byte streams and wake its origin first. */
  readonly answerTimeout: number;
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
  throwIfAborted(signal);
  const transfer = ask(link, channel, { payload, asked: request.range, options });
  // Whoever goes away after the question leaves an answer behind that nobody wants: a player that is scrubbed does so often.
  const leave = (): void => void transfer.then((unwanted) => unwanted.abort(), () => undefined);
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await abortable(transfer, signal);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

async function ask(
  link: PeerLink,
  channel: StanzaChannel,
  { payload, asked, options }: { readonly payload: XmlElement; readonly asked: RangeRequest | undefined; readonly options: TransferControllerOptions },
): Promise<RemoteTransfer> {
  const [answered] = elements(await channel.request({ type: 'get', payload }, { signal: channel.closed, timeout: options.answerTimeout }));
  if (!answered) throw new XpmnError('malformed', 'The device answered with something that is no transfer.');
  const answer = parseTransferAnswer(answered, asked);
  const streams = link.openByteStreams;
  // The provider had a session when it answered: none means that it is gone already, and waiting would not help.
  if (!streams) throw new XpmnError('connection-lost', 'The connection to the device was lost.');
  return remoteTransfer(channel, streams, answer, options);
}

function remoteTransfer(
  channel: StanzaChannel,
  streams: ByteStreams,
  { entity, range, streamId }: TransferAnswer,
  options: AbortOptions,
): RemoteTransfer {
  let stream: IncomingStream | undefined;
  let over = false;
  const size = range ? range.to - range.from + 1 : entity.size === undefined ? undefined : 0;

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
      try {
        (stream ?? streams.receive(streamId, discard, { size })).cancel();
      } catch {
        // The session has ended, or gave the stream up: there is nothing to discard.
      }
      void abortStream(channel, streamId, options);
    },
  };
}

const discard: MediaSink = { write() {}, end() {}, fail() {} };
