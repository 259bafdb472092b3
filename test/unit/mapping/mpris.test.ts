import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PLAYER_PROPERTIES, isSameUrl, readIdentity, readPlayer, readTrack } from '../../../src/mapping/mpris.ts';
import type { MprisTrack } from '../../../src/mapping/mpris.ts';
import { mprisTime, mprisVolume, readLength, readNumber, readRate, readStatus, readText, readTexts, readTime, readTrackId, readUrl, readVolume } from '../../../src/mapping/mpris-values.ts';

const LIMITS = { text: 20, url: 60, art: 80 };
const NOTHING: MprisTrack = { id: undefined, url: undefined, title: undefined, artist: undefined, album: undefined, genre: undefined, track: undefined, duration: undefined, art: undefined };

/** Metadata as players send them, by what is wrong with them. */
const METADATA: Readonly<Record<string, { readonly raw: unknown; readonly read: Partial<MprisTrack> }>> = {
  'by the book': {
    raw: {
      'mpris:trackid': '/org/a/1', 'mpris:length': 60_000_000n, 'mpris:artUrl': 'file:///secret.jpg', 'xesam:url': 'http://a/b', 'xesam:title': 'Mab', 'xesam:artist': ['A', 'B'],
      'xesam:album': 'Verona', 'xesam:genre': ['Tragedy'], 'xesam:trackNumber': 3,
    },
    read: { id: '/org/a/1', url: 'http://a/b', title: 'Mab', artist: 'A, B', album: 'Verona', genre: 'Tragedy', track: 3, duration: 60, art: 'file:///secret.jpg' },
  },
  'length as int32 or double': { raw: { 'mpris:length': 1_500_000 }, read: { duration: 1.5 } },
  'length as double with a fraction': { raw: { 'mpris:length': 1_500_000.7 }, read: { duration: 1.5 } },
  'length as uint64 beyond int64': { raw: { 'mpris:length': 2n ** 63n + 5n }, read: {} },
  'length as text': { raw: { 'mpris:length': '90000000' }, read: { duration: 90 } },
  'length as other text': { raw: { 'mpris:length': '1:30' }, read: {} },
  'length that says that nobody knows': { raw: { 'mpris:length': 0n }, read: {} },
  'length below nothing': { raw: { 'mpris:length': -1n }, read: {} },
  'length that is none': { raw: { 'mpris:length': NaN }, read: {} },
  'artist as text': { raw: { 'xesam:artist': 'Mercutio' }, read: { artist: 'Mercutio' } },
  'artist as an empty list, but one of the album': { raw: { 'xesam:artist': [], 'xesam:albumArtist': ['Mab'] }, read: { artist: 'Mab' } },
  'artists that are none': { raw: { 'xesam:artist': [7, '', null, 'x'] }, read: { artist: 'x' } },
  'title as a list': { raw: { 'xesam:title': ['a'] }, read: { title: 'a' } },
  'title too long': { raw: { 'xesam:title': '\u{1f3b5}'.repeat(30) }, read: { title: '\u{1f3b5}'.repeat(20) } },
  'title with what is no text': { raw: { 'xesam:title': ' a\u0000\u001bb\n c ' }, read: { title: 'a b c' } },
  'track as text by its value (spotify)': { raw: { 'mpris:trackid': 'spotify:track:7' }, read: {} },
  'track as text by its type': { raw: { 'mpris:trackid': '/com/spotify/track/7' }, read: { id: '/com/spotify/track/7' } },
  'track that is none': { raw: { 'mpris:trackid': '/org/mpris/MediaPlayer2/TrackList/NoTrack' }, read: {} },
  'track that could not be given back': { raw: { 'mpris:trackid': '/a//b' }, read: {} },
  'track number as text': { raw: { 'xesam:trackNumber': '7' }, read: { track: 7 } },
  'track number that is none': { raw: { 'xesam:trackNumber': -3 }, read: {} },
  'address too long': { raw: { 'xesam:url': `http://a/${'x'.repeat(60)}` }, read: {} },
  'address that is a path': { raw: { 'xesam:url': '/home/x.mp3' }, read: {} },
  'address with white space': { raw: { 'xesam:url': 'http://a/b c' }, read: {} },
  'picture that is longer than an address': { raw: { 'mpris:artUrl': `data:image/png;base64,${'A'.repeat(58)}` }, read: { art: `data:image/png;base64,${'A'.repeat(58)}` } },
  'picture too long': { raw: { 'mpris:artUrl': `data:image/png;base64,${'A'.repeat(59)}` }, read: {} },
  'picture that is a path': { raw: { 'mpris:artUrl': '/home/x.jpg' }, read: {} },
  'names of objects': { raw: { '__proto__': 1, 'constructor': 2 }, read: {} },
  'no dict': { raw: 'nothing', read: {} },
  'a list': { raw: [1], read: {} },
  'nothing': { raw: undefined, read: {} },
};

describe('mpris', () => {
  describe('metadata', () => {
    for (const [defect, { raw, read }] of Object.entries(METADATA)) {
      it(`reads: ${defect}`, () => assert.deepEqual(readTrack(raw, LIMITS), { ...NOTHING, ...read }));
    }
  });

  describe('properties', () => {
    it('of which nothing is known: it is stopped, and what it could do is taken to work', () => {
      assert.deepEqual(readPlayer({}, LIMITS), {
        status: 'stopped', rate: 1, track: NOTHING, volume: undefined, repeats: false, canControl: true, canPlay: true, canPause: true, canSeek: true, canGoNext: true, canGoPrevious: true,
      });
    });

    it('of a player that can\'t be controlled say that it can do nothing, whatever they say', () => {
      const { canControl, canPlay, canPause, canSeek, canGoNext, canGoPrevious } = readPlayer({ CanControl: false, CanPlay: true, CanSeek: true }, LIMITS);
      assert.deepEqual([canControl, canPlay, canPause, canSeek, canGoNext, canGoPrevious], Array(6).fill(false));
    });

    it('have states, of which those that nobody knows are stopped', () => {
      const states = ['Playing', 'Paused', 'Stopped', 'playing', 'Buffering', '', 'toString', '__proto__', 7, undefined];
      assert.deepEqual(states.map(readStatus), ['playing', 'paused', ...Array<string>(8).fill('stopped')]);
    });

    it('have speeds', () => assert.deepEqual([1, 2.5, '0.5', 0, -1, 1e9, NaN, undefined].map(readRate), [1, 2.5, 0.5, 1, 1, 1, 1, 1]));

    it('have volumes, of which those beyond 1.0 are all', () => {
      assert.deepEqual([0, 0.5, 1, 1.5, 100, -1, '0.25', 0.374, NaN, null].map(readVolume), [0, 50, 100, 100, 100, 0, 25, 37, undefined, undefined]);
    });

    it('repeat or not', () => assert.deepEqual(['None', 'Track', 'Playlist', 7].map((LoopStatus) => readPlayer({ LoopStatus }, LIMITS).repeats), [false, true, true, false]));

    it('whatever they are, are read', () => {
      const value = fc.oneof(fc.anything({ withBigInt: true, maxDepth: 2, maxKeys: 4 }), fc.bigInt(), fc.double(), fc.string({ unit: 'binary' }));
      fc.assert(fc.property(fc.dictionary(fc.constantFrom(...PLAYER_PROPERTIES, 'Identity', 'DesktopEntry', 'SupportedUriSchemes'), value), value, (properties, metadata) => {
        const { track, volume, rate } = readPlayer({ ...properties, Metadata: metadata }, LIMITS);
        readIdentity(properties, LIMITS);
        for (const text of [track.title, track.artist, track.album, track.genre]) assert.ok(text === undefined || (text !== '' && [...text].length <= LIMITS.text));
        assert.ok(volume === undefined || (Number.isInteger(volume) && volume >= 0 && volume <= 100));
        assert.ok(rate > 0 && rate <= 100);
        assert.ok(track.duration === undefined || track.duration > 0);
      }));
    });
  });

  describe('values', () => {
    it('of time come back, to a millisecond', () => {
      fc.assert(fc.property(fc.integer({ min: 0, max: 1e11 }), (ms) => assert.equal(readTime(mprisTime(ms / 1000)), ms / 1000)));
    });

    it('of volume come back', () => {
      fc.assert(fc.property(fc.integer({ min: 0, max: 100 }), (volume) => assert.equal(readVolume(mprisVolume(volume)), volume)));
    });

    it('are numbers of any type', () => {
      assert.deepEqual([1, 1n, '1', ' -2.5 ', '', 'x', '1e9', Infinity, true, [1]].map(readNumber), [1, 1, 1, -2.5, undefined, undefined, undefined, undefined, undefined, undefined]);
      assert.deepEqual([0n, 0, -1n, 2n ** 60n].map(readTime), [0, 0, undefined, undefined]);
      assert.deepEqual([0n, 1n, 1000n].map(readLength), [undefined, undefined, 0.001]);
    });

    it('that are text are bounded before they are looked at', () => {
      assert.equal(readText('x'.repeat(10_000_000), 5), 'xxxxx');
      assert.equal(readTexts(Array(100_000).fill('ab'), 4), 'ab,');
      assert.equal(readUrl(`http://${'x'.repeat(10_000_000)}`, 60), undefined);
      const picture = `data:image/png;base64,${'x'.repeat(1_000_000)}`;
      assert.equal(readUrl(picture, 2_000_000), picture);
      assert.equal(readUrl('data:image/png ;base64,AAAA', 60), undefined);
      assert.equal(readTrackId(`/${'a'.repeat(300)}`), undefined);
    });
  });

  it('compares addresses as players spell them', () => {
    const same = [['http://a/b%20c', 'http://a/b c'], ['http://A/x', 'http://a/x'], ['http://a', 'http://a/'], ['odd', 'odd'], ['http://a/%zz', 'http://a/%zz']] as const;
    for (const [one, other] of same) assert.ok(isSameUrl(one, other), `${one} ${other}`);
    for (const [one, other] of [['http://a/b', 'http://a/c'], ['http://a/b', undefined], [undefined, undefined], ['odd', 'odder']] as const) assert.ok(!isSameUrl(one, other));
  });

  it('knows who plays what', () => {
    const identity = readIdentity({ Identity: 'Mab', DesktopEntry: 'mab', SupportedUriSchemes: ['HTTP', 'file://', 7, ''] }, LIMITS);
    assert.deepEqual(identity, { name: 'Mab', desktopEntry: 'mab', schemes: ['http', 'file'] });
    assert.deepEqual(readIdentity({}, LIMITS), { name: undefined, desktopEntry: undefined, schemes: undefined });
    assert.deepEqual(readIdentity({ SupportedUriSchemes: [] }, LIMITS).schemes, []);
  });
});
