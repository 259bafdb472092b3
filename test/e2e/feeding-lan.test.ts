import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startBus } from '../peers/dbus.ts';
import { startGmediarender } from '../peers/gmediarender.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import { startMpv } from '../peers/mpv.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { pair } from './support/pairing.ts';
import { mprisHand, rendererHand } from './support/player-hand.ts';
import type { PlayerHand } from './support/player-hand.ts';
import { SONGS, findPlayer, findSongs, generateSongs } from './support/players-world.ts';
import { World } from './support/world.ts';

/** Less than a quarter of a song, more than all that is said about it. */
const FEW = 600_000;

/** One machine bridges a media server and a renderer, another one has a player on its bus; there is no XMPP server. */
describe('players on the LAN of the media', function () {
  this.timeout(240_000);
  let world: World;
  let server: Minidlna;
  let nas: Machine;
  let desk: Machine;
  let speaker: PlayerHand;
  let mpv: PlayerHand;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    world = await World.create({ hosts: 4, serverless: true, media: generateSongs });
    const [, first, second, third] = [0, 1, 2, 3].map((index) => world.host('a', index)) as [typeof world.network.out, typeof world.network.out, typeof world.network.out, typeof world.network.out];
    const bus = await startBus();
    ends.push(() => bus.stop());
    const [renderer, player] = await Promise.all([startGmediarender({ netns: third.ns, name: 'Speaker' }), startMpv(bus.address, { netns: second.ns })]);
    ends.push(() => renderer.stop(), () => player.stop());
    server = await world.minidlna();
    nas = await world.machine(first);
    desk = await world.machine(second, { upnp: { ssdp: { interfaces: ['none'] } } }, undefined, bus.address);
    await Promise.all([nas.start(), desk.start()]);
    await nas.library();
    await pair(nas, desk, 'Desk');
    speaker = await rendererHand({ ...renderer, netns: third.ns, address: third.address });
    mpv = await mprisHand({ name: 'mpv', player: 'mpv', bus: bus.address });
    ends.push(() => speaker.events.stop(), () => mpv.events.stop());
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
    await world?.close();
  });

  /** Plays the first song for some seconds; bytes that the machine that bridges the media has received meanwhile. */
  async function plays(by: Machine, hand: PlayerHand): Promise<{ readonly url: string; readonly carried: number }> {
    const { jid } = await findPlayer(by, new RegExp(hand.name, 'i'));
    const [song] = await findSongs(by);
    const before = await nas.received('eth0');
    const { code, stdout, stderr } = await by.xpmn(['play', song?.uri as string, '--on', jid]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^playing ${SONGS[0]} on `));
    const first = await waitUntil(`${hand.name} plays`, () => hand.position());
    await waitUntil(`${hand.name} goes on`, async () => (await hand.position()) > first + 2);
    const carried = (await nas.received('eth0')) - before;
    const url = await hand.url();
    process.stdout.write(`      ${url.replace(/\/m\/.*\//, '/m/…/')}: ${carried} bytes through the gateway\n`);
    assert.equal((await by.xpmn(['stop', '--on', jid])).code, 0);
    return { url, carried };
  }

  it('get the server\'s own URL from the gateway of both, and no byte passes through that', async () => {
    for (const by of [nas, desk]) {
      const { url, carried } = await plays(by, speaker);
      assert.equal(new URL(url).host, server.authority);
      assert.ok(carried < FEW, `${carried}`);
    }
  });

  it('get what another gateway bridges from one gateway to the other, on the link', async () => {
    assert.equal((await desk.status()).connection.state, 'local-only');
    for (const by of [desk, nas]) {
      const { url, carried } = await plays(by, mpv);
      assert.equal(new URL(url).hostname, '127.0.0.1');
      assert.ok(carried > FEW, `${carried}`);
    }
    assert.equal((await desk.library()).reach, 'link-local');
  });

  it('get it through the gateway where the short cut is off', async () => {
    await nas.stop();
    await writeFile(join(nas.home, 'config.json'), JSON.stringify({ feed: { shortCut: false } }));
    await nas.start();
    await nas.library();
    const { url, carried } = await plays(nas, speaker);
    assert.equal(new URL(url).hostname, world.host('a', 1).address);
    assert.ok(carried > FEW, `${carried}`);
  });
});
