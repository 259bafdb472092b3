import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { PLAIN_PROFILE } from '../../../src/xpmn/ports/player-feed.ts';
import { formatMediaUri } from '../../../src/xpmn/model/media-uri.ts';
import type { MediaItem } from '../../../src/xpmn/model/media.ts';
import type { LocatedMedia } from '../../../src/xpmn/ports/media-device.ts';
import type { FeedProfile, FeedTarget, PlayerMedia } from '../../../src/xpmn/ports/player-feed.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { NAS, startFeed } from '../../support/feed-rig.ts';
import type { FeedRig } from '../../support/feed-rig.ts';

const never = new AbortController().signal;
const film = formatMediaUri({ device: NAS, uid: 'film' });

describe('what a player is given', () => {
  const rigs: FeedRig[] = [];
  afterEach(() => Promise.all(rigs.splice(0).map(({ port }) => port.stop())));

  async function start(...how: Parameters<typeof startFeed>): Promise<FeedRig> {
    const rig = await startFeed(...how);
    rig.library.addItem('film', 'Film', randomBytes(1000));
    rigs.push(rig);
    return rig;
  }
  const media = (rig: FeedRig, target: Partial<FeedTarget> = {}, uri = film): Promise<PlayerMedia> => rig.feed.media(uri, { address: undefined, profile: PLAIN_PROFILE, ...target }, { signal: never });
  const host = async (given: Promise<PlayerMedia>): Promise<string> => new URL((await given).url).hostname;

  describe('by the short cut', () => {
    const located: LocatedMedia = { url: 'http://192.0.2.9:8200/MediaItems/7.mp4', entity: { size: 1000, type: 'video/mp4', etag: 'x' }, contentFeatures: 'DLNA.ORG_OP=01' };
    let asked: string[];
    let answer: () => Promise<LocatedMedia | undefined>;
    beforeEach(() => {
      asked = [];
      answer = () => Promise.resolve(located);
    });
    const bridged = (shortCut = true): Promise<FeedRig> => start({
      libraryOf: (device) => (device === NAS ? { browse: () => Promise.reject(new Error()), object: () => Promise.reject(new Error()), source: () => Promise.reject(new Error()), locate: (uid) => (asked.push(uid), answer()) } : undefined),
    }, { shortCut });

    it('gives the server\'s own URL to a player on its network, and carries no byte', async () => {
      const rig = await bridged();
      const { item, ...given } = await media(rig, { address: '192.0.2.7' });
      assert.deepEqual(given, { url: located.url, mimeType: 'video/mp4', contentFeatures: 'DLNA.ORG_OP=01', size: 1000, isSeekable: true });
      assert.equal(item.title, 'Film');
      assert.deepEqual([rig.opened.length, asked], [0, ['film']]);
      answer = () => Promise.resolve({ ...located, contentFeatures: undefined });
      assert.equal((await media(rig)).contentFeatures, '*');
    });

    it('not to one that does not reach it', async () => {
      const rig = await bridged();
      assert.equal(await host(media(rig, { address: '198.51.100.7' })), '127.0.0.2');
      answer = () => Promise.resolve({ ...located, url: 'http://127.0.0.1:8200/7.mp4' });
      assert.equal(await host(media(rig, { address: '192.0.2.7' })), '127.0.0.2');
    });

    for (const profile of [{ ...PLAIN_PROFILE, length: 'chunked' }, { ...PLAIN_PROFILE, mimeTypes: { 'video/mp4': 'video/avi' } }] satisfies FeedProfile[]) {
      it(`not to one that needs our answers: ${JSON.stringify(profile)}`, async () => {
        assert.equal(await host(media(await bridged(), { address: '192.0.2.7', profile })), '127.0.0.2');
        assert.deepEqual(asked, []);
      });
    }

    it('not if the owner does not want it, nor of another gateway\'s server', async () => {
      assert.equal(await host(media(await bridged(false), { address: '192.0.2.7' })), '127.0.0.2');
      assert.deepEqual(asked, []);
    });

    it('goes through the port where the server says nothing, or fails', async () => {
      const rig = await bridged();
      for (const other of [() => Promise.resolve(undefined), () => Promise.reject(new XpmnError('origin-broken', 'Nonsense.'))]) {
        answer = other;
        assert.equal(await host(media(rig, { address: '192.0.2.7' })), '127.0.0.2');
      }
    });
  });

  describe('with what people see', () => {
    const facts: MediaItem = { kind: 'item', id: 'object-film', parent: undefined, title: 'Film', type: 'video', uid: 'film' };
    const titled = async (item: Partial<MediaItem> | undefined, type = 'video/mp4'): Promise<MediaItem> => {
      const rig = await start({ object: () => (item ? Promise.resolve({ ...facts, ...item } as MediaItem) : Promise.reject(new XpmnError('not-found', 'No.'))) });
      rig.library.addItem('film', 'Film', randomBytes(10), { type });
      return (await media(rig)).item;
    };

    it('is what the device says of exactly that item', async () => {
      assert.equal((await titled({ artist: 'Björk Ärger' })).artist, 'Björk Ärger');
      assert.equal((await titled({ uid: 'other', title: 'Other' })).title, 'Video');
    });

    it('is the kind of thing where nobody knows more, never an id', async () => {
      for (const title of ['', '  ', 'film', 'object-film']) assert.equal((await titled({ title })).title, 'Video', title);
      assert.deepEqual(await titled(undefined), { kind: 'item', id: 'film', parent: undefined, title: 'Video', type: 'video', uid: 'film', mimeType: 'video/mp4', size: 10 });
    });

    it('is of no more words than anybody reads', async () => {
      const long = 'x'.repeat(1_000_000);
      const { title, artist, id, uid } = await titled({ title: long, artist: long, id: `id-${long}` });
      assert.deepEqual([title, artist, id].map((text) => text?.length), [1024, 1024, 1024]);
      assert.equal(uid, 'film');
    });

    it('is not waited for for long', async () => {
      const clock = new FakeClock();
      const rig = await start({ clock, object: () => new Promise(() => undefined) }, { itemTimeout: 100 });
      const given = media(rig);
      await clock.advance(100);
      assert.equal((await given).item.title, 'Video');
      assert.equal(clock.pending, 0);
    });
  });

  describe('of the web', () => {
    const shares: [string, boolean | undefined][] = [];
    const shared = { device: NAS, media: { share: (what: string, { publicOnly }: { publicOnly?: boolean | undefined }) => (shares.push([what, publicOnly]), Promise.resolve('film')) } };
    beforeEach(() => (shares.length = 0));

    it('passes through the port, and may lead to public addresses only', async () => {
      const rig = await start({ shared }, { publicUrls: true });
      for (const uri of ['http://web.example/a.mp3', 'HTTPS://web.example/b.mp3']) {
        assert.equal(await host(media(rig, { address: '192.0.2.7' }, uri)), '127.0.0.2');
      }
      assert.deepEqual(shares, [['http://web.example/a.mp3', true], ['HTTPS://web.example/b.mp3', true]]);
    });

    it('is nothing, unless the owner says so', async () => {
      for (const rig of [await start({ shared }), await start({}, { publicUrls: true })]) await assert.rejects(media(rig, {}, 'https://web.example/a.mp3'), { code: 'not-allowed' });
      assert.deepEqual(shares, []);
    });
  });

  it('is said why not, when its device can\'t be reached', async () => {
    await assert.rejects(media(await start(), {}, film.replace('nas-abcd', 'nas-efgh')), { code: 'peer-unavailable' });
  });

  it('can be read whatever it was written in, if it is a list', async () => {
    const rig = await start();
    rig.library.addItem('old', 'Old', Buffer.from('Żółw'.normalize('NFD').replace(/[^\x20-\xff]/g, '') + '\xfc', 'latin1'), { type: 'audio/x-mpegurl' });
    rig.library.addItem('new', 'New', Buffer.from('\ufeff#EXTM3U'), { type: 'audio/x-mpegurl' });
    const text = async (uid: string): Promise<string> => (await rig.feed.text(formatMediaUri({ device: NAS, uid }), { limit: 100, signal: never })).body;
    assert.ok((await text('old')).endsWith('ü'));
    assert.equal(await text('new'), '#EXTM3U');
    assert.equal((await rig.feed.text(film, { limit: 1000, signal: never })).mimeType, 'video/mp4');
  });
});
