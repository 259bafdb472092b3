import { randomBytes } from 'node:crypto';
import type { Picture } from '../../src/xpmn/model/picture.ts';

/** How files of each kind begin. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  'image/jpeg': '\xff\xd8\xff\xe0', 'image/png': '\x89PNG\r\n\x1a\n', 'image/gif': 'GIF89a', 'image/webp': 'RIFF\x00\x10\x00\x00WEBPVP8 ',
};

export const PICTURE_TYPES: readonly string[] = Object.keys(BEGINNINGS);

/** Something that looks like a picture, as far as anybody looks. */
export function somePicture(type = 'image/jpeg', size = 200): Picture {
  const beginning = Buffer.from(BEGINNINGS[type] ?? '', 'latin1');
  return { type, bytes: Buffer.concat([beginning, randomBytes(size - beginning.length)]) };
}

/** What a renderer says of something with its picture there. */
export function didlWithArt(address: string): string {
  return '<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/"><item id="1" parentID="0" restricted="1">'
    + `<dc:title>Lark</dc:title><upnp:class>object.item.audioItem.musicTrack</upnp:class><upnp:albumArtURI>${address}</upnp:albumArtURI></item></DIDL-Lite>`;
}
