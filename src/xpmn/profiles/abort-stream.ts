import { NS } from '../model/namespaces.ts';
import { xml } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';

/**
 * Tells the sender that nobody wants the rest of a stream. Best effort, and nobody waits for it: one that has finished
 * says item-not-found, which means done; one that is gone says nothing.
 */
export function abortStream(channel: StanzaChannel, id: string, { timeout }: { readonly timeout: number }): void {
  channel.request({ type: 'set', payload: xml('abort', NS.outOfBand, { id }) }, { signal: channel.closed, timeout }).catch(() => undefined);
}
