import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NamedView } from '../../src/app/control/operations.ts';
import type { GatewayDevice } from '../../src/app/gateway-api.ts';
import { startBus } from '../peers/dbus.ts';
import { generateSong } from '../peers/media.ts';
import { startMpv } from '../peers/mpv.ts';
import { waitUntil } from '../peers/wait.ts';
import { startFileServer } from './support/file-server.ts';
import type { FileServer } from './support/file-server.ts';
import type { Machine } from './support/machine.ts';
import { findPlayer, findSongs, generateSongs } from './support/players-world.ts';
import { World } from './support/world.ts';

/** Exit code, and what is said: after `xpmn: `, and nothing else. */
type Refusal = readonly [code: number, said: RegExp];

describe('what can\'t be played', function () {
  this.timeout(240_000);
  let world: World;
  let controller: Machine;
  let web: FileServer;
  let folder: string;
  let song: string;
  let shelf: GatewayDevice;
  let withoutPlayers: Awaited<ReturnType<Machine['xpmn']>>;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    world = await World.create({ homes: ['a'], hosts: 2, media: generateSongs });
    const [{ out }, den] = [world.network, world.host('a', 1)];
    [controller] = await Promise.all([world.founder(den), world.minidlna()]);
    folder = join(controller.folder, 'files');
    await mkdir(join(folder, 'empty'), { recursive: true });
    await generateSong(join(folder, 'song.mp3'), { title: 'One', artist: 'The Watchmen', album: 'Night', track: 1, duration: 2 });
    for (const [name, text] of [['letter.txt', 'Dear Nurse\n'], ['broken.mp3', 'Dear Nurse\n'], ['empty.m3u8', '#EXTM3U\n'], ['gone.m3u8', '#EXTM3U\nnowhere.mp3\n']] as const) await writeFile(join(folder, name), text);
    web = await startFileServer(folder, { netns: den.ns, address: den.address });
    ends.push(() => web.stop());
    shelf = await controller.library();
    song = (await findSongs(controller))[0]?.uri as string;
    withoutPlayers = await controller.xpmn(['play', song]);
    const bus = await startBus();
    ends.push(() => bus.stop());
    const mpv = await startMpv(bus.address, { netns: out.ns });
    ends.push(() => mpv.stop());
    await world.join(controller, out, { name: 'desk', session: bus.address });
    await findPlayer(controller, /mpv/i);
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
    await world?.close();
  });

  const refused = ({ code, stdout, stderr }: typeof withoutPlayers, [wanted, said]: Refusal): void => {
    assert.deepEqual([code, stdout], [wanted, ''], stderr);
    const [, line = ''] = /^xpmn: ([^\n]+)\n$/.exec(stderr) ?? [];
    assert.match(line, said, stderr);
    assert.doesNotMatch(line, /The peer answered|undefined|stack/);
  };

  it('is nothing where there is no player', () => refused(withoutPlayers, [1, /^not-found: There is no player in the media network that is on: `xpmn devices`/]));

  it('is a file that is none, or no media: it is named', async () => {
    const cases: Readonly<Record<string, Refusal>> = {
      'nothing.mp3': [1, /^not-found: There is no file ".*\/nothing\.mp3"\.$/],
      'empty': [1, /^not-found: There is no music and no film in ".*\/empty"\.$/],
      'letter.txt': [1, /^unsupported-type: .*\/letter\.txt: That file is no media/],
      'empty.m3u8': [1, /^not-found: ".*empty\.m3u8" names nothing that could be played\.$/],
    };
    for (const [name, refusal] of Object.entries(cases)) refused(await controller.xpmn(['play', join(folder, name)]), refusal);
    refused(await controller.xpmn(['play', `file://${folder}/nothing.mp3`]), [1, /^not-found: There is no file ".*\/nothing\.mp3"\.$/]);
    refused(await controller.xpmn(['play', 'file://nas/song.mp3']), [2, /^usage: "file:\/\/nas\/song\.mp3" names no file of this machine\.$/]);
    const { code, stderr } = await controller.xpmn(['play', join(folder, 'gone.m3u8')]);
    assert.deepEqual([code, stderr.split('\n').length], [1, 3]);
    assert.match(stderr, /names a file that is not there: .*nowhere\.mp3\nxpmn: not-found/);
  });

  it('is a file that only looks like media: the player is in error, at once or when it finds out', async () => {
    const answer = await controller.xpmn(['play', join(folder, 'broken.mp3')]);
    // mpv says that it plays before it has looked at what it got.
    if (answer.code !== 0) refused(answer, [3, /^origin-unreachable: mpv can't (fetch the item, or can't play it|play broken: it could not fetch or play it)\./]);
    const { error } = await waitUntil('it is in error', async () => {
      const { status } = await controller.json<NamedView>(['now']);
      return status?.state === 'error' ? status : undefined;
    });
    assert.equal(error, 'origin-unreachable');
  });

  it('is a URL where nothing is: it is named', async () => {
    const cases: Readonly<Record<string, Refusal>> = {
      [`${web.url}nothing.mp3`]: [1, /^not-found: http:.*nothing\.mp3: The server has no such file \(status 404\)\.$/],
      [`${web.url}letter.txt`]: [1, /^unsupported-type: http:.*letter\.txt: What lies there is no media\.$/],
      [`${web.url}empty.m3u8`]: [1, /^unsupported-type: mpv says: The playlist holds nothing that can be played\.$/],
      'http://nowhere.test/x.mp3': [3, /^origin-unreachable: http:\/\/nowhere\.test\/x\.mp3: The name nowhere\.test has no address: is it spelt right\?$/],
      [`${web.url.replace(/:\d+\//, ':9/')}x.mp3`]: [3, /^origin-unreachable: http:.*:9\/x\.mp3: The web server could not be reached\.$/],
      'rtsp://nas/song.mp3': [2, /^usage: "rtsp:\/\/nas\/song\.mp3" is neither a file nor a kind of URI that can be played: those begin with xmpp:, http: or https:\.$/],
    };
    for (const [url, refusal] of Object.entries(cases)) refused(await controller.xpmn(['play', url]), refusal);
  });

  it('is an item that is not there, or a device that is none', async () => {
    refused(await controller.xpmn(['play', song.replace(/uid=.*/, 'uid=nothing')]), [1, /^not-found: mpv does not find the item: `xpmn browse` shows what there is; what is in a container is played with --of\.$/]);
    refused(await controller.xpmn(['play', song.replace(/\/[^?]*/, '/nobody-abcd')]), [3, /^origin-unreachable: mpv can't fetch the item, or can't play it\. `xpmn get`/]);
    refused(await controller.xpmn(['play', song.replace(/uid=.*/, '')]), [2, /^usage: ".*" is no media item: they look like xmpp:…/]);
    refused(await controller.xpmn(['play', song, '--on', 'kitchen']), [1, /^not-found: No device is called "kitchen": `xpmn devices` lists/]);
    refused(await controller.xpmn(['play', song, '--on', shelf.id]), [1, /^not-supported: Shelf \(shelf-\w+\) is no player: `xpmn devices` shows which devices are/]);
    refused(await controller.xpmn(['play', song, '--from', '5:00']), [1, /^not-acceptable: mpv says: That position lies outside the item\./]);
  });

  it('leaves the player as it was: it plays the next thing', async () => {
    const { code, stdout, stderr } = await controller.xpmn(['play', join(folder, 'song.mp3')]);
    assert.deepEqual([code, stdout], [0, 'playing song on mpv\n'], stderr);
  });
});
