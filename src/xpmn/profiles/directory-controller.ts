import { XpmnError } from '../kernel/errors.ts';
import type { MediaObject, MediaPage } from '../model/media.ts';
import { NS } from '../model/namespaces.ts';
import { child } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { PeerLink } from '../ports/peer-link.ts';
import { formatDirectoryQuery, parseResultSet } from './directory-codec.ts';
import { listingIn } from './listing.ts';
import type { ReceiveListingOptions } from './listing.ts';
import { childObjects, objectFromMetadata } from './metadata.ts';

/** `answerTimeout`: milliseconds for an answer, the opening of byte streams included. */
export type DirectoryControllerOptions = ReceiveListingOptions;

/** MediaServer Directory, controller side: one page of a container of another device. */
export async function browsePeer(
  link: PeerLink,
  request: { readonly container: string; readonly offset: number; readonly limit: number },
  context: { readonly options: DirectoryControllerOptions; readonly signal: AbortSignal },
): Promise<MediaPage> {
  const match = { attr: 'directory', value: request.container } as const;
  const answer = await ask(link, { match, max: request.limit, start: { index: request.offset } }, context);
  const container = objectFromMetadata(answer.listing, link.peer);
  if (container?.kind !== 'container') throw new XpmnError('malformed', 'The device answered with something that is no listing.');
  const set = parseResultSet(answer.result);
  return { container, children: childObjects(answer.listing, link.peer), offset: set.index ?? request.offset, total: set.count };
}

/** One object of another device, by id, or an item by its uid. @throws XpmnError `not-found` */
export async function objectOfPeer(
  link: PeerLink,
  id: string,
  context: { readonly options: DirectoryControllerOptions; readonly signal: AbortSignal },
): Promise<MediaObject> {
  const { listing } = await ask(link, { match: { attr: 'id', value: id }, max: 1, start: { index: 0 } }, context);
  const found = [objectFromMetadata(listing, link.peer), ...childObjects(listing, link.peer)].find((object) => object?.id === id || (object?.kind === 'item' && object.uid === id));
  if (!found) throw new XpmnError('not-found', 'There is no such object.');
  return found;
}

async function ask(
  link: PeerLink,
  query: Parameters<typeof formatDirectoryQuery>[0],
  { options, signal }: { readonly options: DirectoryControllerOptions; readonly signal: AbortSignal },
): Promise<{ result: XmlElement; listing: XmlElement }> {
  const channel = await link.channel({ signal });
  const answer = await channel.request({ type: 'get', payload: formatDirectoryQuery(query) }, { signal, timeout: options.answerTimeout });
  const result = child(answer, 'query', NS.mediaServer);
  if (!result) throw new XpmnError('malformed', 'The device answered with something that is no listing.');
  return { result, listing: await listingIn(result, { link, channel, signal, options }) };
}
