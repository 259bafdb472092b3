import type { ByteStreams, PeerLink } from '../ports/peer-link.ts';

/**
 * Runs `send` with byte streams to the peer on which one more stream can be sent in that very turn. Several may have waited
 * for the same session, and only as many as it carries find room; the others wait for the next one.
 */
export async function withRoom<T>(link: PeerLink, signal: AbortSignal, send: (streams: ByteStreams) => T): Promise<T> {
  for (;;) {
    const streams = await link.byteStreams({ signal });
    if (streams.canSend) return send(streams);
  }
}
