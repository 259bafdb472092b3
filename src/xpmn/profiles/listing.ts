import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import { NS } from '../model/namespaces.ts';
import { child, serialise, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import type { PeerLink, PeerLinks } from '../ports/peer-link.ts';
import type { IncomingIq, StanzaChannel } from '../ports/stanza-channel.ts';
import { abortStream } from './abort-stream.ts';
import { receiveXml } from './receive-xml.ts';
import { withRoom } from './sending.ts';

export interface ListingDeps {
  readonly links: PeerLinks;
  readonly random: Random;
  readonly log: Logger;
}

/** What goes into the answer: the listing itself while it is small, else the stream on which it comes. */
export async function inlineOrNot(listing: XmlElement, iq: IncomingIq, { links, random, log }: ListingDeps, { inlineLimit }: { readonly inlineLimit: number }): Promise<XmlElement> {
  const text = Buffer.from(serialise(listing), 'utf8');
  if (text.length <= inlineLimit) return listing;
  const id = randomId(random);
  await withRoom(links.to(iq.from), iq.signal, (streams) => {
    // The bytes may overtake the answer: the receiver holds them until it has read the id.
    streams.sendBytes(id, text, { signal: iq.signal }).catch((error: unknown) => {
      log.info('a listing could not be sent', { peer: iq.from, error });
    });
  });
  return xml('oob', NS.outOfBand, { id, size: text.length, type: 'text/xml' });
}

export interface ReceiveListingOptions {
  readonly answerTimeout: number;
  /** Of a listing that comes out of band. */
  readonly listing: XmlLimits;
}

export interface ReceiveListingContext {
  readonly link: PeerLink;
  readonly channel: StanzaChannel;
  readonly signal: AbortSignal;
  readonly options: ReceiveListingOptions;
}

/** The container that an answer has in it, or says the stream of. @throws XpmnError as `elementIn` */
export function listingIn(answer: XmlElement, context: ReceiveListingContext): Promise<XmlElement> {
  return elementIn(answer, { name: 'container', ns: NS.metadata }, context);
}

/**
 * The element that an answer has in it, or says the stream of: what comes there may be another.
 * @throws XpmnError `malformed`, `connection-lost`, as `receiveXml`
 */
export async function elementIn(answer: XmlElement, { name, ns }: { readonly name: string; readonly ns: string }, { link, channel, signal, options }: ReceiveListingContext): Promise<XmlElement> {
  const inline = child(answer, name, ns);
  if (inline) return inline;
  const id = (child(answer, 'oob', NS.outOfBand) ?? child(answer, 'oob', NS.outOfBandAlias))?.attrs['id'];
  if (id === undefined) throw new XpmnError('malformed', 'The device answered with something else than was asked for.');
  const streams = link.openByteStreams;
  // The provider opened a session before it answered: none means that it is gone already, and waiting would not help.
  if (!streams) throw new XpmnError('connection-lost', 'The connection to the device was lost.');
  const unwanted = (): void => void abortStream(channel, id, { abortTimeout: options.answerTimeout });
  return receiveXml(streams, id, { limits: options.listing, signal, unwanted });
}
