import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseDidl } from '../../../src/mapping/didl.ts';
import { didlFromMedia } from '../../../src/mapping/didl-writer.ts';
import type { DidlMedia } from '../../../src/mapping/didl-writer.ts';
import { itemFromDidl } from '../../../src/mapping/didl-item.ts';
import { settings } from '../../support/settings.ts';

const MEDIA: DidlMedia = {
  url: 'http://192.0.2.1:8080/m/abc.mp3', mimeType: 'audio/mpeg', contentFeatures: 'DLNA.ORG_OP=01;DLNA.ORG_CI=0', size: 1234,
  item: { kind: 'item', id: 'i', parent: 'p', title: 'Nurse & Friar', type: 'audio', uid: 'u', artist: 'The <Capulets>', album: '"Verona"', genre: 'Tragedy', track: 2, date: '1597', duration: 62.5, bitrate: 64_000, channels: 2, sampleRate: 44_100 },
};

describe('DIDL-Lite that is written', () => {
  it('says all that is known', () => {
    assert.equal(didlFromMedia(MEDIA, 'full'),
      '<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/">' +
      '<item id="0" parentID="-1" restricted="1"><dc:title>Nurse &amp; Friar</dc:title><upnp:class>object.item.audioItem.musicTrack</upnp:class>' +
      '<dc:creator>The &lt;Capulets&gt;</dc:creator><upnp:artist>The &lt;Capulets&gt;</upnp:artist><upnp:album>"Verona"</upnp:album><upnp:genre>Tragedy</upnp:genre>' +
      '<upnp:originalTrackNumber>2</upnp:originalTrackNumber><dc:date>1597</dc:date>' +
      '<res protocolInfo="http-get:*:audio/mpeg:DLNA.ORG_OP=01;DLNA.ORG_CI=0" size="1234" duration="0:01:02.500" bitrate="8000" nrAudioChannels="2" sampleFrequency="44100">http://192.0.2.1:8080/m/abc.mp3</res></item></DIDL-Lite>');
  });

  it('says as little as it may', () => {
    assert.equal(didlFromMedia({ ...MEDIA, size: undefined, item: { kind: 'item', id: 'i', parent: 'p', title: 'T', type: 'other', uid: 'u' } }, 'minimal').replace(/^.*?<item/, '<item'),
      '<item id="0" parentID="-1" restricted="1"><dc:title>T</dc:title><upnp:class>object.item.audioItem.musicTrack</upnp:class>' +
      '<res protocolInfo="http-get:*:audio/mpeg:DLNA.ORG_OP=01;DLNA.ORG_CI=0">http://192.0.2.1:8080/m/abc.mp3</res></item></DIDL-Lite>');
  });

  for (const [type, mimeType, expected] of [
    ['video', 'video/mp4', 'videoItem'], ['image', 'image/png', 'imageItem.photo'], ['stream', 'audio/mpeg', 'audioItem.audioBroadcast'], ['stream', 'video/mp2t', 'videoItem.videoBroadcast'],
    ['other', 'image/png', 'imageItem.photo'], ['other', 'application/ogg', ''],
  ] as const) {
    it(`calls ${type} of ${mimeType} object.item${expected && '.'}${expected}`, () => {
      const text = didlFromMedia({ ...MEDIA, mimeType, item: { ...MEDIA.item, type } }, 'full');
      assert.equal(/<upnp:class>(.*)<\/upnp:class>/.exec(text)?.[1], `object.item${expected && '.'}${expected}`);
    });
  }

  it('is read as it was meant, whatever the texts are', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(fc.property(text, text, (title, artist) => {
      const { entries, losses } = parseDidl(didlFromMedia({ ...MEDIA, item: { ...MEDIA.item, title, artist } }, 'full'), settings.upnp.contentDirectory.didl);
      assert.deepEqual([entries.length, losses], [1, []]);
      const item = entries[0] && itemFromDidl(entries[0], { tag: () => 'x' });
      assert.deepEqual([item?.kind === 'item' && item.duration, item?.type, item?.size, item?.mimeType], [62.5, 'audio', 1234, 'audio/mpeg']);
    }));
  });
});
