import type { XpmnError } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import type { OpenMedia } from './media-source.ts';
import type { StanzaChannel } from './stanza-channel.ts';

/**
 * Where received bytes go. `write` takes a slice, which is the sink's from here on, and must not throw; the sink says
 * `consumed` on its stream when the bytes have left it, which is what gives the sender credit. After `end` or `fail`
 * nothing follows. `end` comes only after exactly the announced bytes.
 */
export interface MediaSink {
  write(chunk: Buffer): void;
  end(): void;
  fail(error: XpmnError): void;
}

/** The receiving end of one stream. */
export interface IncomingStream {
  /** `count` more bytes have left the sink. */
  consumed(count: number): void;
  /** No more is wanted: what still arrives is discarded. The sink hears nothing more. Idempotent. */
  cancel(): void;
}

/** Multiplexed byte streams to and from one peer; each with its own flow control. */
export interface ByteStreams {
  /** Sends what `media` reads, then the end. Resolves when all is handed to the stream below. A failing source ends the stream early. */
  send(id: string, media: OpenMedia, options: { readonly signal: AbortSignal }): Promise<void>;
  sendBytes(id: string, content: Uint8Array, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Claims the stream with that id. `size` is the announced length; more or fewer bytes are a failure. */
  receive(id: string, sink: MediaSink, options: { readonly size?: number | undefined }): IncomingStream;
  /** One more stream can be sent now; otherwise `send` rejects with `resource-limit`. */
  readonly canSend: boolean;
  /** Aborts when the session is gone: its streams have failed. */
  readonly closed: AbortSignal;
}

/** One of our devices' way to one peer device. Opens what is needed, reuses what is open. */
export interface PeerLink {
  readonly peer: Jid;
  /** An accepted, secured stream for stanzas. @throws XpmnError could not reach; `not-trusted`; `security-failed` */
  channel(options: { readonly signal: AbortSignal }): Promise<StanzaChannel>;
  /** Byte streams to the same peer, on which one more stream can be sent now. */
  byteStreams(options: { readonly signal: AbortSignal }): Promise<ByteStreams>;
  /**
   * The byte streams that are open now, all sessions as one; undefined if none are. What is received is found on whichever
   * session it comes: `<oob id/>` names none.
   */
  readonly openByteStreams: ByteStreams | undefined;
  /**
   * The peer has given up the stream with that id: it wants no more of what it is being sent, or can't send the rest of what
   * it sends. False if there is no such stream.
   */
  abortedByPeer(id: string): boolean;
}

export interface PeerLinks {
  to(peer: Jid): PeerLink;
}
