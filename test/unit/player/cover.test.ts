import assert from 'node:assert/strict';
import { pictureUri } from '../../../src/xpmn/model/picture.ts';
import type { PlayingItem } from '../../../src/xpmn/model/playback.ts';
import { settle } from '../../support/fake-clock.ts';
import { somePicture } from '../../support/pictures.ts';
import { playbackRig } from '../../support/playback-rig.ts';
import type { PlayerPlay } from '../../support/playback-rig.ts';
import { settings } from '../../support/settings.ts';

const BY = { by: 'me@home.test/controller' as never, signal: new AbortController().signal };

describe('the picture of what a player plays', () => {
  let rig: PlayerPlay;
  let told: (PlayingItem | undefined)[];

  beforeEach(() => {
    rig = playbackRig();
    told = [];
  });
  afterEach(() => rig.close());

  const listen = (): void => void rig.control.on('item', (item) => told.push(item));
  const cover = (): string | undefined => rig.control.item?.item.cover;
  /** Somebody plays something at the player, with a picture of that name. */
  const plays = async (name: string | undefined, title = 'Its own'): Promise<void> => {
    rig.player.hand.playOther({ url: `http://192.0.2.9/${title}.mp3`, title, duration: 60, picture: name });
    await settle();
  };
  const known = (name: string): string => {
    const picture = somePicture();
    rig.player.pictures.set(name, picture);
    return pictureUri(picture.bytes);
  };

  it('is told when it has come, and can be asked for by what it is', async () => {
    const uri = known('one');
    listen();
    await plays('one');
    assert.deepEqual(told.map((item) => item?.item.cover), [undefined, uri]);
    assert.deepEqual(rig.control.picture(uri), rig.player.pictures.get('one'));
    assert.deepEqual(rig.player.told, ['picture one']);
  });

  it('is not fetched while nobody looks, but as soon as somebody does', async () => {
    const uri = known('one');
    await plays('one');
    assert.deepEqual([cover(), rig.player.told], [undefined, []]);
    listen();
    await settle();
    assert.deepEqual([cover(), rig.player.told], [uri, ['picture one']]);
  });

  it('is gone with what it belongs to', async () => {
    known('one');
    listen();
    await plays('one');
    await plays(undefined, 'Another');
    assert.equal(cover(), undefined);
    assert.equal(told.at(-1)?.item.title, 'Another');
  });

  it('is not that of something else when it comes late, or never', async () => {
    known('one');
    const two = known('two');
    listen();
    rig.player.hand.stall('picture');
    await plays('one');
    await plays('two', 'Another');
    assert.equal(cover(), undefined);
    await rig.clock.advance(settings.player.pictures.timeout + 1);
    assert.equal(cover(), undefined);
    assert.equal(rig.control.picture(two), undefined);
  });

  it('that can\'t be had is none, and is not asked for again', async () => {
    listen();
    await plays('missing');
    rig.player.hand.setVolume(3);
    rig.player.hand.seek(30);
    await settle();
    assert.deepEqual([cover(), rig.player.told], [undefined, ['picture missing']]);
  });

  it('is kept for a while: so many, the last ones', async () => {
    const { kept } = settings.player.pictures;
    const names = Array.from({ length: kept + 2 }, (_, at) => `picture-${at}`);
    const uris = names.map(known);
    listen();
    for (const name of names) await plays(name, name);
    assert.deepEqual(uris.map((uri) => rig.control.picture(uri) !== undefined), names.map((_, at) => at >= 2));
    await plays(names.at(-2), 'Back again');
    assert.equal(cover(), uris.at(-2));
    assert.equal(rig.player.told.length, names.length, 'what is there is not fetched again');
  });

  it('of what was opened here is the player\'s, when it shows that: what the item\'s library has, the player can\'t give', async () => {
    const uri = known('players');
    const own = pictureUri(Buffer.from('its own'));
    const [one, two] = ['http://media.example/1.mp3', 'http://media.example/2.mp3'];
    const urls = [rig.feed.title(one, 60), rig.feed.title(two, 60, { cover: own })];
    listen();
    known('before');
    await plays('before');
    rig.player.shows = (url) => (urls.includes(url) ? 'players' : undefined);
    await rig.control.open({ uris: [one, two], autoplay: true }, BY);
    await settle();
    assert.equal(cover(), uri);
    assert.ok(told.filter((item) => item?.uri === one).every((item) => [undefined, uri].includes(item?.item.cover)), 'never the one of before');
    await rig.control.next(BY);
    await settle();
    assert.equal(cover(), uri);
  });
});
