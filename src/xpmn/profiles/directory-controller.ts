import { XpmnError } from '../kernel/errors.ts';
import type { MediaObject, MediaPage } from '../model/media.ts';
import { NS } from '../model/namespaces.ts';
import { child } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import type { PeerLink } from '../ports/peer-link.ts';
import { abortStream } from './abort-stream.ts';
import { formatDirectoryQuery, parseResultSet } from './directory-codec.ts';
import { childObjects, objectFromMetadata } from './metadata.ts';
import { receiveXml } from './receive-xml.ts';

export interface DirectoryControllerOptions {
  /** Milliseconds for an answer, the opening of byte streams included. */
  readonly answerTimeout: number;
  /** Of a listing that comes out of band. */
  readonly listing: XmlLimits;
}

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
  const inline = child(result, 'container', NS.metadata);
  if (inline) return { result, listing: inline };
  const id = (child(result, 'oob', NS.outOfBand) ?? child(result, 'oob', NS.outOfBandAlias))?.attrs['id'];
  if (id === undefined) throw new XpmnError('malformed', 'The device answered with something that is no listing.');
  const streams = link.openByteStreams;
  // The provider opened a session before it answered: none means that it is gone already, and waiting would not help.
  if (!streams) throw new XpmnError('connection-lost', 'The connection to the device was lost.');
  const unwanted = (): void => void abortStream(channel, id, { abortTimeout: options.answerTimeout });
  return { result, listing: await receiveXml(streams, id, { limits: options.listing, signal, unwanted }) };
}
