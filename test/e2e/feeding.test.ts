import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice } from '../../src/app/gateway-api.ts';
import { startBus } from '../peers/dbus.ts';
import { startGmediarender } from '../peers/gmediarender.ts';
import { generateSong } from '../peers/media.ts';
import { startMpv } from '../peers/mpv.ts';
import type { EventLog } from './support/event-log.ts';
import { startFileServer } from './support/file-server.ts';
import type { FileServer } from './support/file-server.ts';
import type { Machine } from './support/machine.ts';
import { mprisHand, rendererHand } from './support/player-hand.ts';
import type { PlayerHand } from './support/player-hand.ts';
import { listenToRequests } from './support/request-log.ts';
import { SONGS, findPlayer, findSongs, watch } from './support/players-world.ts';
import type { Playable, Watch } from './support/players-world.ts';
import { World } from './support/world.ts';

const SHORT = 3;
const ROUNDS = 4;

async function generateShortSongs(directory: string): Promise<void> {
  for (const [index, title] of SONGS.entries()) await generateSong(join(directory, `${index + 1}.mp3`), { title, artist: 'The Watchmen', album: 'Night', track: index + 1, duration: SHORT });
}

/** A file beside it, and an item of the network. */
const PLAYLISTS: Readonly<Record<string, (uri: string) => string>> = {
  m3u8: (uri) => `#EXTM3U\n#EXTINF:3,One\n1.mp3\n#EXTINF:3,Two\n${uri}\n`,
  pls: (uri) => `[playlist]\nFile1=1.mp3\nTitle1=One\nFile2=${uri}\nNumberOfEntries=2\nVersion=2\n`,
  xspf: (uri) => `<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track><location>1.mp3</location></track><track><location>${uri.replaceAll('&', '&amp;')}</location></track></trackList></playlist>`,
};

interface Known {
  readonly hand: PlayerHand;
  readonly device: GatewayDevice;
  readonly seen: Watch;
}

describe('what players are given', function () {
  this.timeout(240_000);
  let world: World;
  /** Has the songs, its own files, and a web server beside it; the players are in the other home. */
  let controller: Machine;
  let web: FileServer;
  let requests: EventLog;
  let folder: string;
  let songs: Playable[];
  const players = new Map<string, Known>();
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    world = await World.create({ homes: ['a', 'b'], hosts: 3, media: generateShortSongs });
    const [speaker, desk, den] = [world.host('b', 0), world.host('b', 1), world.host('a', 1)];
    const bus = await startBus();
    ends.push(() => bus.stop());
    const [renderer, mpv] = await Promise.all([startGmediarender({ netns: speaker.ns, name: 'Speaker' }), startMpv(bus.address, { netns: desk.ns })]);
    ends.push(() => renderer.stop(), () => mpv.stop());
    [controller] = await Promise.all([world.founder(den), world.minidlna()]);
    await world.join(controller, desk, { name: 'desk', session: bus.address });
    requests = await listenToRequests(desk.ns);
    ends.push(() => requests.stop());
    folder = join(controller.folder, 'files');
    await mkdir(folder);
    await generateShortSongs(folder);
    web = await startFileServer(folder, { netns: den.ns, address: den.address });
    ends.push(() => web.stop());
    songs = await findSongs(controller);
    const hands = [await rendererHand({ ...renderer, netns: speaker.ns, address: speaker.address }), await mprisHand({ name: 'mpv', player: 'mpv', bus: bus.address })];
    for (const hand of hands) {
      const device = await findPlayer(controller, new RegExp(hand.name, 'i'));
      const seen = await watch(controller, device);
      ends.push(() => hand.events.stop(), () => seen.stop());
      players.set(hand.name, { hand, device, seen });
    }
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
    await world?.close();
  });

  const xpmn = async (name: string, ...words: string[]): Promise<string> => {
    const { device } = players.get(name) as Known;
    const { code, stdout, stderr } = await controller.xpmn([...words, '--on', device.jid]);
    assert.equal(code, 0, `xpmn ${words.join(' ')}: ${stderr}`);
    return stdout;
  };

  /** That each title is shown in its turn, and then that it is over. */
  async function playsThrough(name: string, since: number, titles: readonly string[]): Promise<void> {
    const { hand, seen } = players.get(name) as Known;
    let from = since;
    for (const [index, title] of titles.entries()) {
      const { at } = await seen.until(`${title}, ${index + 1} of ${titles.length}`, ({ status, item }) => status?.state === 'playing' && status.index === index && item?.item.title === title, from);
      from = at;
    }
    const { view } = await seen.until('the end', ({ status }) => status?.state === 'stopped' || status?.state === 'error', from);
    assert.equal(view.status?.state, 'stopped', JSON.stringify(view));
    assert.notEqual(await hand.state(), 'playing');
  }

  for (const name of ['Speaker', 'mpv']) {
    describe(name, () => {
      it('plays a list to its end by itself, and is stopped then', async () => {
        const since = Date.now();
        await xpmn(name, 'play', ...songs.map(({ uri }) => uri));
        await playsThrough(name, since, SONGS);
        process.stdout.write(`      ${SONGS.length} titles of ${SHORT} s in ${((Date.now() - since) / 1000).toFixed(1)} s\n`);
      });

      it('begins soon after it was told', async () => {
        const { device, hand, seen } = players.get(name) as Known;
        const uri = (songs[0] as Playable).uri;
        for (let round = 0; round < ROUNDS; round += 1) {
          const since = Date.now();
          const fetched = requests.next(/^GET /, since).then(({ at }) => at - since);
          const own = hand.events.next(hand.stateEvent('playing'), since).then(({ at }) => at - since);
          const shown = seen.until('that it plays', ({ status }) => status?.state === 'playing', since).then(({ at }) => at - since);
          await controller.ask('play', { device: device.jid, items: [{ uri }] });
          const answered = Date.now() - since;
          process.stdout.write(`      answered ${answered}, fetched ${await fetched}, says playing ${await own}, shown ${await shown} ms\n`);
          if (round % 2 === 0) await xpmn(name, 'stop');
        }
        await xpmn(name, 'stop');
      });

      if (name === 'Speaker') it('plays files and URLs of the controller\'s machine', async () => {
        for (const word of [join(folder, '1.mp3'), `${web.url}2.mp3`]) {
          const since = Date.now();
          const said = await xpmn(name, 'play', word);
          process.stdout.write(`      ${said.trim()}\n`);
          await playsThrough(name, since, [said.replace(/^\S+ (.*) on .*\n$/, '$1')]);
        }
        assert.ok(web.asked().some((line) => line.startsWith('GET /2.mp3')), web.asked().join('\n'));
      });

      // Who reads them is the gateway: one player is enough.
      for (const [kind, text] of name === 'Speaker' ? Object.entries(PLAYLISTS) : []) {
        it(`plays what a ${kind} names`, async () => {
          const list = join(folder, `list.${kind}`);
          await writeFile(list, text((songs[1] as Playable).uri));
          const since = Date.now();
          const said = await xpmn(name, 'play', list);
          process.stdout.write(`      ${said.trim()}\n`);
          assert.match(said, /\(1 of 2\)$/m);
          const { seen } = players.get(name) as Known;
          await seen.until('the second', ({ status, item }) => status?.state === 'playing' && status.index === 1 && item?.item.title === SONGS[1], since);
          await xpmn(name, 'stop');
        });
      }
    });
  }
});
