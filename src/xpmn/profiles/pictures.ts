import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import type { Picture } from '../model/picture.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { ownPeer } from './access.ts';
import { inlineOrNot } from './listing.ts';
import type { ListingDeps } from './listing.ts';
import { formatPicture } from './picture-codec.ts';

export interface PicturesDeps extends ListingDeps {
  readonly registry: IqRegistry;
  readonly random: Random;
  /** The picture of that name, if it is one that this device shows now. */
  picture(uri: string): Picture | undefined;
}

/** The pictures that a device's items name (WIRE R-D5), for whoever may see the items. What is larger than fits inline comes out of band, as listings do. */
export function providePictures(deps: PicturesDeps, options: { readonly inlineLimit: number }): void {
  deps.registry.handle({ ns: NS.bits, name: 'data', type: 'get' }, (iq: IncomingIq): Promise<XmlElement> => {
    ownPeer(iq);
    const uri = `cid:${iq.payload.attrs['cid'] ?? ''}`;
    const picture = deps.picture(uri);
    if (!picture) throw new XpmnError('not-found', 'There is no such picture, or not any more.');
    return inlineOrNot(formatPicture(uri, picture), iq, deps, options);
  });
}
