import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { isPictureOf, isPictureUri, pictureUri } from '../../../src/xpmn/model/picture.ts';
import type { Picture } from '../../../src/xpmn/model/picture.ts';
import { elements, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { metadataFromPlaying, playingFromMetadata } from '../../../src/xpmn/profiles/metadata.ts';
import { formatPicture, formatPictureQuery } from '../../../src/xpmn/profiles/picture-codec.ts';
import { pictureOfPeer } from '../../../src/xpmn/profiles/pictures-controller.ts';
import { playingItem } from '../../fakes/scripted-playback.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { PICTURE_TYPES, somePicture } from '../../support/pictures.ts';
import { PlayerRig } from '../../support/player-rig.ts';
import { settings } from '../../support/settings.ts';

const { signal } = new AbortController();

describe('pictures', () => {
  let rig: PlayerRig;
  beforeEach(() => (rig = new PlayerRig()));
  afterEach(() => rig.end());

  const kept = (picture: Picture): string => {
    const uri = pictureUri(picture.bytes);
    rig.control.pictures.set(uri, picture);
    return uri;
  };
  const ask = (uri: string, pair: ChannelPair): Promise<Picture> => pictureOfPeer(rig.linkOver(pair), uri, { options: settings.playback, signal });

  it('come as they are: small ones in the answer, large ones out of band', async () => {
    const pair = rig.connect();
    for (const type of PICTURE_TYPES) {
      for (const size of [20, 2_000, 20_000, ...(type === 'image/jpeg' ? [settings.player.pictures.bytes] : [])]) {
        const picture = somePicture(type, size);
        assert.deepEqual(await ask(kept(picture), pair), picture, `${type} of ${size}`);
        const { stanza } = pair.sent.at(-1) as { readonly stanza: XmlElement };
        assert.equal(elements(stanza)[0]?.name, size <= 2_000 ? 'data' : 'oob');
      }
    }
  });

  it('are for devices of the same owner, and nobody else', async () => {
    const uri = kept(somePicture());
    for (const verdict of ['friend', 'pairing'] as const) {
      const pair = rig.connect({ verdict, resource: verdict });
      for (const asked of [uri, pictureUri(randomBytes(9))]) await assert.rejects(ask(asked, pair), { code: 'not-allowed' }, verdict);
    }
    const unproven = rig.connect({ server: true }).a.channel;
    await assert.rejects(unproven.request({ type: 'get', to: rig.provider.jid, payload: formatPictureQuery(uri) }, { signal }), { code: 'security-required' });
    await ask(uri, rig.connect({ verdict: 'own-hosted', resource: 'tv' }));
    assert.deepEqual(rig.streams.ids, []);
  });

  it('are named by what they are, and by nothing else', async () => {
    const pair = rig.connect();
    kept(somePicture());
    await assert.rejects(ask(pictureUri(randomBytes(9)), pair), { code: 'not-found' });
    for (const cid of ['', '/etc/hostname', 'file:///etc/hostname', '../cover.jpg', 'http://192.0.2.1/x.jpg']) {
      await assert.rejects(pair.a.channel.request({ type: 'get', payload: xml('data', NS.bits, { cid }) }, { signal }), { code: 'not-found' }, cid);
      await assert.rejects(ask(`cid:${cid}`, pair), { code: 'bad-request' }, cid);
    }
    await assert.rejects(pair.a.channel.request({ type: 'get', payload: xml('data', NS.bits) }, { signal }), { code: 'not-found' });
  });

  it('are not believed to be what somebody says', async () => {
    const pair = rig.connect();
    const picture = somePicture();
    const uri = kept(picture);
    for (const [said, code] of [
      [formatPicture(uri, somePicture()), 'malformed'],
      [formatPicture(uri, { ...picture, type: 'text/html' }), 'unsupported-type'],
      [formatPicture(uri, { ...picture, type: 'image/svg+xml' }), 'unsupported-type'],
      [{ ...formatPicture(uri, picture), name: 'picture' }, 'malformed'],
      [xml('data', NS.bits, { cid: uri, type: 'image/png' }), 'malformed'],
    ] as const) {
      pair.tap = (from, stanza) => (from === 'b' ? { ...stanza, children: [said] } : stanza);
      await assert.rejects(ask(uri, pair), { code });
    }
    pair.tap = (_from, stanza) => stanza;
    const large = { type: 'image/png', bytes: randomBytes(settings.playback.listing.bytes) };
    await assert.rejects(ask(kept(large), pair), { code: 'too-large' });
  });

  it('have names that can be read in any case, and by either hash', () => {
    const bytes = Buffer.from('Lark');
    const [sha1, sha256] = ['cid:sha1+d6e4bba0c8b3f8b5', `cid:sha-256+${'0'.repeat(64)}@bob.xmpp.org`];
    assert.equal(pictureUri(Buffer.alloc(0)), 'cid:sha1+da39a3ee5e6b4b0d3255bfef95601890afd80709@bob.xmpp.org');
    assert.ok(isPictureOf('CID:SHA1+DA39A3EE5E6B4B0D3255BFEF95601890AFD80709@bob.xmpp.org', Buffer.alloc(0)));
    assert.ok(isPictureOf('cid:sha-256+e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855@bob.xmpp.org', Buffer.alloc(0)));
    for (const uri of [sha1, sha256, '', 'http://192.0.2.1/x.jpg', pictureUri(Buffer.from('Nightingale'))]) assert.ok(!isPictureOf(uri, bytes), uri);
    assert.deepEqual([isPictureUri(sha1), isPictureUri(sha256)], [false, true]);
  });

  it('stand in metadata under such names only: nothing that would tell a stranger who looks', () => {
    const playing = (cover: string) => ({ ...playingItem('Lark'), item: { ...playingItem('Lark').item, cover } });
    const read = (cover: string): string | undefined => playingFromMetadata(metadataFromPlaying(playing(cover)))?.item.cover;
    const uri = pictureUri(randomBytes(9));
    assert.equal(read(uri), uri);
    for (const other of ['', 'http://tracker.example/x.gif', 'file:///etc/hostname', 'cid:x@y', `${uri} `, `x${uri}`]) assert.equal(read(other), undefined, other);
  });
});
