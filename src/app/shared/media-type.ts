/** Types of files that can be played or shown, or list such, by extension. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  mp4: 'video/mp4', m4v: 'video/mp4', mkv: 'video/x-matroska', webm: 'video/webm', avi: 'video/x-msvideo', mpg: 'video/mpeg', mpeg: 'video/mpeg', vob: 'video/mpeg', ts: 'video/mp2t', m2ts: 'video/mp2t', mts: 'video/mp2t',
  mov: 'video/quicktime', wmv: 'video/x-ms-wmv', flv: 'video/x-flv', ogv: 'video/ogg', '3gp': 'video/3gpp',
  mp3: 'audio/mpeg', m4a: 'audio/mp4', flac: 'audio/flac', ogg: 'audio/ogg', oga: 'audio/ogg', opus: 'audio/ogg', wav: 'audio/wav', aac: 'audio/aac', wma: 'audio/x-ms-wma', aif: 'audio/aiff', aiff: 'audio/aiff',
  jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', gif: 'image/gif', webp: 'image/webp',
  m3u: 'audio/x-mpegurl', m3u8: 'application/vnd.apple.mpegurl', pls: 'audio/x-scpls', xspf: 'application/xspf+xml',
};

const LISTS: readonly string[] = ['application/vnd.apple.mpegurl', 'application/x-mpegurl', 'application/xspf+xml', 'application/ogg'];

/** Bytes of a file's beginning that are looked at. */
export const SNIFFED_BYTES = 192;

/** Undefined for a name that says nothing. */
export function typeOfName(name: string): string | undefined {
  const extension = /\.([A-Za-z0-9]{1,5})$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
}

/** What the first bytes of a file show; undefined for what is no media, as far as can be seen. */
export function typeOfBytes(bytes: Buffer): string | undefined {
  const at = (offset: number, text: string): boolean => bytes.toString('latin1', offset, offset + text.length) === text;
  if (at(4, 'ftyp')) return at(8, 'M4A') ? 'audio/mp4' : at(8, 'qt') ? 'video/quicktime' : 'video/mp4';
  if (at(0, '\x1a\x45\xdf\xa3')) return bytes.includes('webm') ? 'video/webm' : 'video/x-matroska';
  if (at(0, 'RIFF')) return at(8, 'AVI ') ? 'video/x-msvideo' : at(8, 'WAVE') ? 'audio/wav' : at(8, 'WEBP') ? 'image/webp' : undefined;
  const found = MAGIC.find(([start]) => at(0, start));
  if (found) return found[1];
  // A transport stream shows by its rhythm only, an MPEG audio frame by eleven bits.
  if (bytes[0] === 0x47 && bytes[188] === 0x47) return 'video/mp2t';
  return bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe6) === 0xe2 ? 'audio/mpeg' : undefined;
}

const MAGIC: readonly (readonly [string, string])[] = [
  ['ID3', 'audio/mpeg'], ['fLaC', 'audio/flac'], ['OggS', 'audio/ogg'], ['\xff\xd8\xff', 'image/jpeg'], ['\x89PNG', 'image/png'], ['GIF8', 'image/gif'],
  ['\x00\x00\x01\xba', 'video/mpeg'], ['\x00\x00\x01\xb3', 'video/mpeg'], ['#EXTM3U', 'audio/x-mpegurl'], ['[playlist]', 'audio/x-scpls'],
];

/** Whether a server's word for it is one for media. */
export function isMediaType(type: string): boolean {
  return /^(audio|video|image)\/(?!svg)/.test(type) || LISTS.includes(type);
}
