import assert from 'node:assert/strict';
import { isMediaType, typeOfBytes, typeOfName } from '../../../../src/app/shared/media-type.ts';

describe('the type of a file', () => {
  const beginnings: readonly (readonly [string, string | undefined])[] = [
    ['\0\0\0\x20ftypisom', 'video/mp4'], ['\0\0\0\x20ftypM4A ', 'audio/mp4'], ['\0\0\0\x14ftypqt  ', 'video/quicktime'], ['\x1a\x45\xdf\xa3....webm', 'video/webm'], ['\x1a\x45\xdf\xa3....matroska', 'video/x-matroska'],
    ['RIFF....AVI LIST', 'video/x-msvideo'], ['RIFF....WAVEfmt ', 'audio/wav'], ['RIFF....WEBPVP8 ', 'image/webp'], ['RIFF....CDDA', undefined], ['ID3\x03', 'audio/mpeg'], ['\xff\xfb\x90', 'audio/mpeg'], ['\xff\xf1', undefined],
    ['fLaC', 'audio/flac'], ['OggS', 'audio/ogg'], ['\xff\xd8\xff\xe0', 'image/jpeg'], ['\x89PNG\r\n', 'image/png'], ['GIF89a', 'image/gif'], [`G${'x'.repeat(187)}G`, 'video/mp2t'], ['\0\0\x01\xba', 'video/mpeg'], ['#EXTM3U\n', 'audio/x-mpegurl'],
    ['root:x:0:0', undefined], ['-----BEGIN PRIVATE KEY-----', undefined], ['', undefined], ['G', undefined], ['<html>', undefined], ['\x7fELF', undefined],
  ];
  for (const [bytes, type] of beginnings) it(`shows in its beginning: ${JSON.stringify(bytes.slice(0, 16))}`, () => assert.equal(typeOfBytes(Buffer.from(bytes, 'latin1')), type));

  it('shows in its name', () => {
    assert.deepEqual(['a.MP4', 'b.flac', 'c.m3u8', 'd.txt', 'e', '.mp3', 'f.__proto__', 'constructor'].map(typeOfName), ['video/mp4', 'audio/flac', 'application/vnd.apple.mpegurl', undefined, undefined, 'audio/mpeg', undefined, undefined]);
  });

  it('is media, or is not', () => {
    assert.deepEqual(['video/x-odd', 'audio/x-scpls', 'application/vnd.apple.mpegurl', 'image/svg+xml', 'text/html', 'application/octet-stream', 'xvideo/mp4'].map(isMediaType), [true, true, true, false, false, false, false]);
  });
});
