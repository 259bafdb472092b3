import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { GatewayDevice } from '../../src/app/gateway-api.ts';
import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { startGmediarender } from '../peers/gmediarender.ts';
import { startMpv } from '../peers/mpv.ts';
import { startRygel } from '../peers/rygel.ts';
import { startVlc } from '../peers/vlc.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { generateCover } from '../peers/media.ts';
import { mprisHand, rendererHand } from './support/player-hand.ts';
import type { PlayerHand } from './support/player-hand.ts';
import { SONGS, SONG_SECONDS, findPlayer, findSongs, generateSongs, median, watch } from './support/players-world.ts';
import type { Playable, Watch } from './support/players-world.ts';
import { World } from './support/world.ts';

const ROUNDS = 8;

describe('players in one home, media in another, and their owner anywhere', function () {
  this.timeout(240_000);
  let world: World;
  let bus: Bus;
  /** Bridges the players; one beside it on the LAN; and one elsewhere. */
  let gateway: Machine;
  let beside: Machine;
  let away: Machine;
  let songs: Playable[];
  const ends: (() => Promise<unknown>)[] = [];
  const hands = new Map<string, PlayerHand>();

  before(async () => {
    world = await World.create({ homes: ['a', 'b'], hosts: 4, media: generateSongs });
    bus = await startBus();
    ends.push(() => bus.stop());
    const [speaker, radio, desk, sofa] = [0, 1, 2, 3].map((index) => world.host('b', index)) as [typeof world.network.out, typeof world.network.out, typeof world.network.out, typeof world.network.out];
    const [founder, gmediarender, rygel, mpv, vlc] = await Promise.all([
      world.founder(world.host('a', 1)),
      startGmediarender({ netns: speaker.ns, name: 'Speaker' }),
      startRygel({ as: 'renderer', netns: radio.ns, name: 'Radio' }),
      startMpv(bus.address, { netns: desk.ns }),
      startVlc(bus.address, { netns: desk.ns }),
      world.minidlna(),
    ]);
    ends.push(() => gmediarender.stop(), () => rygel.stop(), () => mpv.stop(), () => vlc.stop());
    gateway = await world.join(founder, desk, { name: 'desk', session: bus.address });
    beside = await world.join(founder, sofa, { name: 'sofa', config: { upnp: { ssdp: { interfaces: ['none'] } } } });
    away = await world.join(founder, world.network.out);
    songs = await findSongs(away);
    for (const [peer, host] of [[gmediarender, speaker], [rygel, radio]] as const) hands.set(peer.name, await rendererHand({ ...peer, netns: host.ns, address: host.address }));
    hands.set('mpv', await mprisHand({ name: 'mpv', player: 'mpv', bus: bus.address }));
    hands.set('VLC', await mprisHand({ name: 'VLC', player: 'vlc', bus: bus.address }));
    for (const hand of hands.values()) ends.push(() => hand.events.stop());
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
    await world?.close();
  });

  it('are devices of the network, with both profiles, wherever one looks', async () => {
    for (const machine of [gateway, beside, away]) {
      for (const name of hands.keys()) {
        const device = await findPlayer(machine, new RegExp(name, 'i'));
        assert.deepEqual([...device.services].sort(), ['playback', 'rendering'], name);
      }
      assert.equal((await machine.devices()).filter(({ kind }) => kind === 'media-player').length, hands.size);
    }
  });

  for (const name of ['Speaker', 'Radio', 'mpv', 'VLC']) {
    describe(name, () => {
      let hand: PlayerHand;
      let device: GatewayDevice;
      let near: Watch;
      let far: Watch;

      before(async () => {
        hand = hands.get(name) as PlayerHand;
        device = await findPlayer(away, new RegExp(name, 'i'));
        near = await watch(beside, device);
        far = await watch(away, device);
      });

      after(async () => {
        await near?.stop();
        await far?.stop();
        await away.xpmn(['stop', '--on', device.jid]);
      });

      const xpmn = async (...words: string[]): Promise<string> => {
        const { code, stdout, stderr } = await away.xpmn([...words, '--on', device.jid]);
        assert.equal(code, 0, `xpmn ${words.join(' ')}: ${stderr}`);
        return stdout;
      };
      const both = async (what: string, since: number, wanted: Parameters<Watch['until']>[1]): Promise<void> => {
        await Promise.all([near, far].map((one) => one.until(what, wanted, since)));
      };

      it('plays songs of the other home', async () => {
        const started = Date.now();
        const said = await xpmn('play', ...songs.map(({ uri }) => uri));
        assert.match(said, new RegExp(`playing ${SONGS[0]} on .*\\(1 of 3\\)`));
        await waitUntil(`${name} plays`, async () => (await hand.state()) === 'playing');
        const first = await waitUntil(`${name} is somewhere`, () => hand.position());
        await waitUntil(`${name} goes on`, async () => (await hand.position()) > first + 0.9);
        process.stdout.write(`      plays within ${Date.now() - started} ms of the command, ${first} s into the song when first asked\n`);
        await both('the song', started, ({ status, item }) => status?.state === 'playing' && item?.item.title === SONGS[0] && Math.abs((status.duration ?? 0) - SONG_SECONDS) < 3);
        assert.equal(await hand.title(), SONGS[0]);
      });

      it('pauses, and goes on', async () => {
        await xpmn('pause');
        await waitUntil(`${name} has paused`, async () => (await hand.state()) === 'paused');
        const there = await hand.position();
        await both('the pause', 0, ({ status }) => status?.state === 'paused');
        await xpmn('resume');
        await waitUntil(`${name} plays again`, async () => (await hand.state()) === 'playing' && (await hand.position()) > there);
      });

      it('goes to another place, there and back', async () => {
        const since = Date.now();
        await xpmn('seek', '1:30');
        const position = await waitUntil(`${name} is there`, async () => {
          const at = await hand.position();
          return at >= 89 && at < 110 ? at : undefined;
        });
        await both('the place', since, ({ status }) => (status?.position ?? 0) >= 88 && (status?.position ?? 0) < 115);
        await xpmn('seek', '-60');
        await waitUntil(`${name} has gone back`, async () => (await hand.position()) < position - 30);
      });

      it('is as loud as it is told, and silent', async () => {
        const since = Date.now();
        await xpmn('volume', '30');
        await waitUntil(`${name} is at 30`, async () => Math.abs((await hand.volume()) - 30) <= 1);
        await both('the volume', since, ({ volume }) => Math.abs((volume ?? 0) - 30) <= 1);
        await xpmn('mute', 'on');
        await waitUntil(`${name} is silent`, async () => (hand.isMuted ? hand.isMuted() : (await hand.volume()) === 0));
        await both('silence', since, ({ mute }) => mute === true);
        await xpmn('mute', 'off');
        await waitUntil(`${name} is heard again`, async () => (hand.isMuted ? !(await hand.isMuted()) : (await hand.volume()) > 25));
      });

      it('goes on to the next, and back to the one before', async () => {
        const since = Date.now();
        await xpmn('next');
        await waitUntil(`${name} plays the second`, async () => (await hand.title()) === SONGS[1] && (await hand.state()) === 'playing');
        await both('the second song', since, ({ status, item }) => status?.index === 1 && item?.item.title === SONGS[1]);
        await xpmn('previous');
        await waitUntil(`${name} plays the first`, async () => (await hand.title()) === SONGS[0] && (await hand.state()) === 'playing');
      });

      it('shows at once what is done by hand', async () => {
        const times: number[] = [];
        const fromAway: number[] = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          for (const state of ['paused', 'playing'] as const) {
            const since = Date.now();
            const told = hand.events.next(hand.stateEvent(state), since);
            await (state === 'paused' ? hand.pause() : hand.play());
            const { at } = await told;
            times.push((await near.until(state, ({ status }) => status?.state === state, since)).at - at);
            fromAway.push((await far.until(state, ({ status }) => status?.state === state, since)).at - at);
          }
        }
        process.stdout.write(`      from its own event to now --watch: median ${median(times).toFixed(0)} ms on the LAN, ${median(fromAway).toFixed(0)} ms elsewhere; of ${times.length}\n`);
        const since = Date.now();
        await hand.setVolume(60);
        await both('the volume', since, ({ volume }) => Math.abs((volume ?? 0) - 60) <= 1);
        await hand.seek(100);
        await both('the place', since, ({ status }) => (status?.position ?? 0) >= 98 && (status?.position ?? 0) < 125);
        if (hand.mute) {
          await hand.mute(true);
          await both('silence', since, ({ mute }) => mute === true);
          await hand.mute(false);
        }
        await hand.stop();
        await both('the end', since, ({ status }) => status?.state === 'stopped' || status?.state === 'idle');
      });

      if (name === 'mpv') {
        it('shows the cover of a song of its own', async () => {
          const folder = join(gateway.folder, 'own');
          const since = Date.now();
          await generateSongs(folder);
          await generateCover(join(folder, 'music', 'cover.jpg'));
          await hand.open?.(pathToFileURL(join(folder, 'music', '1.mp3')).href);
          // Until then it says that it is stopped.
          await hand.pause();
          await hand.play();
          await both('the cover', since, ({ item }) => /^cid:sha1\+[0-9a-f]{40}@bob\.xmpp\.org$/.test(item?.item.cover ?? ''));
        });
      }
    });
  }
});
