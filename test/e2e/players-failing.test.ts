import assert from 'node:assert/strict';
import { readlink, readdir } from 'node:fs/promises';
import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { startGmediarender } from '../peers/gmediarender.ts';
import type { Gmediarender } from '../peers/gmediarender.ts';
import type { RealPlayer } from '../peers/mpris-player.ts';
import { startMpv } from '../peers/mpv.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { mprisHand, rendererHand } from './support/player-hand.ts';
import type { PlayerHand } from './support/player-hand.ts';
import { findPlayer, findSongs, generateSongs, watch } from './support/players-world.ts';
import type { Playable, Watch } from './support/players-world.ts';
import { World } from './support/world.ts';

/** What a machine may have more after something died than before it: what it uses to look for it. */
const FEW = 12;

describe('in the middle of playing', function () {
  this.timeout(300_000);
  let world: World;
  let bus: Bus;
  let server: Minidlna;
  let home: Machine;
  let gateway: Machine;
  let away: Machine;
  let renderer: Gmediarender;
  let mpv: RealPlayer;
  let songs: Playable[];
  let hands: readonly PlayerHand[];
  let watches: readonly Watch[] = [];

  before(async () => {
    world = await World.create({ homes: ['a', 'b'], hosts: 4, media: generateSongs });
    bus = await startBus();
    const [speaker, desk] = [world.host('b', 0), world.host('b', 1)];
    [home, renderer, mpv, server] = await Promise.all([
      world.founder(world.host('a', 1)),
      startGmediarender({ netns: speaker.ns, name: 'Speaker' }),
      startMpv(bus.address, { netns: desk.ns }),
      world.minidlna(),
    ]);
    gateway = await world.join(home, desk, { name: 'desk', session: bus.address });
    away = await world.join(home, world.network.out);
    songs = await findSongs(away);
    hands = [await rendererHand({ ...renderer, netns: speaker.ns, address: speaker.address }), await mprisHand({ name: 'mpv', player: 'mpv', bus: bus.address })];
    await look();
  });

  after(async () => {
    for (const one of watches) await one.stop();
    for (const hand of hands ?? []) await hand.events.stop();
    await mpv?.stop();
    await renderer?.stop();
    await world?.close();
    await bus?.stop();
  });

  const deviceOf = (hand: PlayerHand): ReturnType<typeof findPlayer> => findPlayer(away, new RegExp(hand.name, 'i'));

  async function look(): Promise<void> {
    for (const one of watches) await one.stop();
    watches = await Promise.all(hands.map(async (hand) => watch(away, await deviceOf(hand))));
  }

  /** Plays on both, until both go on. */
  async function play(): Promise<void> {
    for (const hand of hands) {
      const { jid } = await deviceOf(hand);
      const { code, stderr } = await away.xpmn(['play', ...songs.map(({ uri }) => uri), '--on', jid], { timeout: 60_000 });
      assert.equal(code, 0, stderr);
      const first = await waitUntil(`${hand.name} plays`, () => hand.position(), { timeout: 30_000 });
      await waitUntil(`${hand.name} goes on`, async () => (await hand.position()) > first + 0.5, { timeout: 30_000 });
    }
  }

  /** Open files of a daemon, sockets among them. */
  async function openFiles(machine: Machine): Promise<string[]> {
    const folder = `/proc/${machine.pid}/fd`;
    return Promise.all((await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  }

  /** Kills something, and sees that nothing of it stays behind in the machines that live on. */
  async function without(what: string, survivors: readonly Machine[], kill: () => Promise<unknown>, shows: (since: number) => Promise<unknown>): Promise<void> {
    const before = await Promise.all(survivors.map(async (machine) => (await openFiles(machine)).length));
    const since = Date.now();
    await kill();
    await shows(since);
    process.stdout.write(`      ${what}: shown elsewhere after ${((Date.now() - since) / 1000).toFixed(1)} s\n`);
    for (const [index, machine] of survivors.entries()) {
      await waitUntil('no more is open than before', async () => (await openFiles(machine)).length <= (before[index] ?? 0) + FEW, { timeout: 60_000, interval: 500 });
      assert.ok(machine.isAlive);
    }
    // Nobody hangs: whatever the answer is, it comes.
    for (const hand of hands) {
      const devices = await away.devices();
      const device = devices.find(({ kind, name }) => kind === 'media-player' && new RegExp(hand.name, 'i').test(name));
      if (device) await away.xpmn(['now', '--on', device.jid], { timeout: 90_000 });
    }
  }

  const [SPEAKER, MPV] = [0, 1];
  const shows = (index: number, what: string, wanted: Parameters<Watch['until']>[1]) => (since: number): Promise<unknown> => (watches[index] as Watch).until(what, wanted, since);

  it('the renderer dies: it is lost, and plays again when it is back', async () => {
    await play();
    await without('renderer', [gateway, home, away], async () => renderer.process.kill('SIGKILL'), shows(SPEAKER, 'that it is lost', ({ reach, status }) => reach === 'lost' || status?.error === 'unreachable'));
    await renderer.restart();
    await (hands[SPEAKER] as PlayerHand).events.stop();
    hands = [await rendererHand({ ...renderer, netns: world.host('b', 0).ns, address: world.host('b', 0).address }), hands[MPV] as PlayerHand];
    await look();
    await play();
  });

  it('the player on the bus dies: it is lost, and the next one under its name is it again', async () => {
    await without('mpv', [gateway, home, away], async () => mpv.process.kill('SIGKILL'), shows(MPV, 'that it is lost', ({ reach, status }) => reach === 'lost' || status?.error === 'unreachable' || status?.state === 'idle'));
    await mpv.process.exited;
    await mpv.launch();
    await look();
    await play();
  });

  it('the bus dies: its players are lost, and back with it', async () => {
    await without('bus', [gateway, home, away], () => bus.end({ crash: true }), shows(MPV, 'that it is lost', ({ reach, status }) => reach === 'lost' || status?.error === 'unreachable' || status?.state === 'idle'));
    await bus.begin();
    await mpv.restart();
    await (hands[MPV] as PlayerHand).events.stop();
    hands = [hands[SPEAKER] as PlayerHand, await mprisHand({ name: 'mpv', player: 'mpv', bus: bus.address })];
    await look();
    await play();
  });

  it('the media server dies: what can\'t be had is said, and played again when it is back', async () => {
    await server.stop({ crash: true });
    const { jid } = await deviceOf(hands[MPV] as PlayerHand);
    const { code, stderr } = await away.xpmn(['play', (songs[1] as Playable).uri, '--on', jid], { timeout: 90_000 });
    assert.ok(code === 3 || code === 1, stderr);
    assert.match(stderr, /^xpmn: [a-z-]+: .+\n$/);
    process.stdout.write(`      ${stderr}`);
  });

  it('the gateway of the players dies: they are lost, and back with it', async () => {
    server = await world.minidlna();
    await away.library([], { timeout: 60_000 });
    songs = await waitUntil('the songs are there again', () => findSongs(away), { timeout: 60_000 });
    await play();
    await without('gateway of the players', [home, away], async () => {
      gateway.daemon?.kill('SIGKILL');
      await gateway.stop();
    }, async (since) => Promise.all([SPEAKER, MPV].map((index) => shows(index, 'that it is lost', ({ reach }) => reach === 'lost')(since))));
    await gateway.start();
    await gateway.online();
    await look();
    await play();
  });

  it('the gateway of the media dies: players stop where their bytes end, and play again', async () => {
    await without('gateway of the media', [gateway, away], async () => {
      home.daemon?.kill('SIGKILL');
      await home.stop();
    }, () => Promise.resolve());
    await home.start();
    await home.online();
    songs = await waitUntil('the songs are there again', () => findSongs(away), { timeout: 60_000 });
    await play();
  });

  it('the XMPP server dies: all are back with it', async () => {
    await without('XMPP server', [gateway, home, away], () => world.prosody.restart({ crash: true }), () => Promise.all([gateway, home, away].map((machine) => machine.online({ timeout: 90_000 }))));
    await look();
    await play();
  });
});
