import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { itemsFor } from '../../../../src/app/cli/items-to-play.ts';
import { itemsOfPlaylist } from '../../../../src/app/cli/playlist-to-play.ts';
import type { PlaylistLimits } from '../../../../src/app/cli/playlist-to-play.ts';
import type { ItemToPlay } from '../../../../src/app/control/operations.ts';
import { settings } from '../../../support/settings.ts';

const ITEM = 'xmpp:me@home.test/nas?transfer;uid=a';

describe('a playlist on the disk', () => {
  let folder: string;
  let notices: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-playlist-'));
    notices = [];
    await mkdir(join(folder, 'sub'));
    for (const name of ['one.mp3', 'No #1: 100% love?.mp3', 'sub/two words.mp3']) await writeFile(join(folder, name), '');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (name: string, text: string, limits: Partial<PlaylistLimits> = {}): Promise<ItemToPlay[] | undefined> => {
    await writeFile(join(folder, name), text);
    return itemsOfPlaylist(join(folder, name), { ...settings.player.playlist, ...limits }, (notice) => notices.push(notice));
  };
  const file = (name: string): ItemToPlay => ({ file: join(folder, name) });

  it('names files by their paths, as they are or as URLs have them, and what anybody may play', async () => {
    const lines = ['#EXTM3U', '#EXTINF:5,One', 'one.mp3', 'No #1: 100% love?.mp3', 'sub/two%20words.mp3', join(folder, 'one.mp3'), pathToFileURL(join(folder, 'sub/two words.mp3')).href, 'http://web.test/a.mp3', ITEM];
    const expected = [{ ...file('one.mp3'), title: 'One' }, file('No #1: 100% love?.mp3'), file('sub/two words.mp3'), file('one.mp3'), file('sub/two words.mp3'), { url: 'http://web.test/a.mp3' }, { uri: ITEM }];
    assert.deepEqual(await read('list.m3u', lines.join('\r\n')), expected);
    assert.deepEqual(notices, []);
    assert.deepEqual(await read('list.PLS', '[playlist]\nFile2=http://web.test/a\nTitle2=Radio A\nFile1=sub/two words.mp3\n'), [file('sub/two words.mp3'), { url: 'http://web.test/a', title: 'Radio A' }]);
    const xspf = '<playlist xmlns="http://xspf.org/ns/0/" version="1"><trackList><track><location>sub/two%20words.mp3</location></track></trackList></playlist>';
    assert.deepEqual(await read('list.xspf', xspf), [file('sub/two words.mp3')]);
  });

  it('is played without what is not there, with a word about it', async () => {
    assert.deepEqual(await read('list.m3u8', 'gone.mp3\none.mp3\nftp://web.test/a\nfile://elsewhere/x.mp3'), [file('one.mp3')]);
    assert.deepEqual(notices, [`"${join(folder, 'list.m3u8')}" names a file that is not there: ${join(folder, 'gone.mp3')}`]);
    await assert.rejects(read('list.m3u', '#EXTM3U\ngone.mp3'), { code: 'not-found', message: /names nothing that could be played\.$/ });
  });

  it('has bounds', async () => {
    await assert.rejects(read('list.m3u', 'x'.repeat(100), { bytes: 99 }), { code: 'too-large' });
    assert.equal((await read('list.m3u', 'one.mp3\n'.repeat(9), { items: 3 }))?.length, 3);
    await assert.rejects(read('list.xspf', 'one.mp3'), { code: 'malformed', message: /^"[^"]*list\.xspf" can't be played: The XML / });
  });

  it('is none if its name says so, and refused if it is one stream in pieces', async () => {
    assert.equal(await read('one.mp3', 'sub/two words.mp3'), undefined);
    await assert.rejects(read('live.m3u8', '#EXTM3U\n#EXT-X-VERSION:3\none.mp3'), { code: 'unsupported-type' });
  });

  it('is one of the words of a command', async () => {
    await read('list.m3u', 'one.mp3\nsub/two words.mp3');
    const words = ['http://web.test/a', join(folder, 'list.m3u'), join(folder, 'one.mp3')];
    assert.deepEqual(await itemsFor(words, { ...settings.player.playlist, entries: settings.cli.entries }, () => assert.fail()), [{ url: 'http://web.test/a' }, file('one.mp3'), file('sub/two words.mp3'), file('one.mp3')]);
  });
});
