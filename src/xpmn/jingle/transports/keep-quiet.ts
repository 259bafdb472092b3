import type { Duplex } from 'node:stream';

/**
 * An `error` listener that does nothing and stays. Between two owners a stream has none, and a reset by the peer at that
 * moment must not end the process; it still shows as `close`. Whoever owns the stream listens for itself.
 */
export function keepQuiet(stream: Duplex): void {
  stream.on('error', ignore);
}

function ignore(): void {
  // See above.
}
