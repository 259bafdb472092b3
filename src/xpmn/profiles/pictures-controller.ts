import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { isPictureUri } from '../model/picture.ts';
import type { Picture } from '../model/picture.ts';
import type { PeerLink } from '../ports/peer-link.ts';
import { elementIn } from './listing.ts';
import type { ReceiveListingOptions } from './listing.ts';
import { formatPictureQuery, parsePicture } from './picture-codec.ts';

/** The picture that an item of the device names as its `cover`. @throws XpmnError `not-found` for one that it has not, or not any more; `bad-request`; `malformed`; could not reach */
export async function pictureOfPeer(link: PeerLink, uri: string, { options, signal }: { readonly options: ReceiveListingOptions; readonly signal: AbortSignal }): Promise<Picture> {
  if (!isPictureUri(uri)) throw new XpmnError('bad-request', 'That names no picture.');
  const channel = await link.channel({ signal });
  const answer = await channel.request({ type: 'get', payload: formatPictureQuery(uri) }, { signal, timeout: options.answerTimeout });
  return parsePicture(await elementIn(answer, { name: 'data', ns: NS.bits }, { link, channel, signal, options }), uri);
}
