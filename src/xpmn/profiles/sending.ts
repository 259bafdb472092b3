import type { ByteStreams, PeerLink } from '../ports/peer-link.ts';

/**
 * Byte streams to the peer on which one more stream can be sent right now: ask, and send in the same turn. Several may
 * have waited for the same session, and only as many as it carries find room.
 */
export async function roomFor(link: PeerLink, signal: AbortSignal): Promise<ByteStreams> {
  for (;;) {
    const streams = await link.byteStreams({ signal });
    if (streams.canSend) return streams;
  }
}
