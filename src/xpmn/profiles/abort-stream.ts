/**
 * Streams that are given up, by either side. What has been asked for by a stanza ends by one.
 *
 * @spec XEP-0265 v0.1 §2
 */
import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { xml } from '../model/xml.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { IncomingIq, IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { ownPeer } from './access.ts';

export interface AbortOptions {
  /** Milliseconds for the peer to take an abort. */
  readonly abortTimeout: number;
}

/**
 * Tells the peer that a stream is given up: nobody wants the rest, or there is none. Best effort, never rejects: one that
 * has finished says item-not-found, which means done; one that is gone says nothing.
 */
export async function abortStream(channel: StanzaChannel, id: string, { abortTimeout }: AbortOptions): Promise<void> {
  const iq = { type: 'set', payload: xml('abort', NS.outOfBand, { id }) } as const;
  await channel.request(iq, { signal: channel.closed, timeout: abortTimeout }).catch(() => undefined);
}

/** Ends what peers give up, of what they send and of what they are sent. */
export function answerAborts({ registry, links }: { readonly registry: IqRegistry; readonly links: PeerLinks }): void {
  const abort = (iq: IncomingIq): undefined => {
    ownPeer(iq);
    if (!links.to(iq.from).abortedByPeer(iq.payload.attrs['id'] ?? '')) throw new XpmnError('not-found', 'There is no such transfer.');
    return undefined;
  };
  for (const ns of [NS.outOfBand, NS.outOfBandAlias]) registry.handle({ ns, name: 'abort', type: 'set' }, abort);
}
