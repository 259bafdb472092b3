import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMprisAdapter } from '../../src/dbus/mpris-adapter.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { DeviceSource, MediaDevice } from '../../src/xpmn/ports/media-device.ts';
import type { MediaPlayer, PlayerSnapshot } from '../../src/xpmn/ports/media-player.ts';
import type { PlayerMedia } from '../../src/xpmn/ports/player-feed.ts';
import { positionAt } from '../compliance/media-player.suite.ts';
import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import type { RealPlayer } from '../peers/mpris-player.ts';
import { startMpv } from '../peers/mpv.ts';
import { run } from '../peers/process.ts';
import { startVlc } from '../peers/vlc.ts';
import { delay, waitUntil } from '../peers/wait.ts';
import { playerMedia } from '../support/media-players.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { settings } from '../support/settings.ts';

const signal = new AbortController().signal;
const LONG = 60;
const SHORT = 4;

interface Origin {
  readonly url: string;
  readonly server: Server;
  readonly asked: string[];
}

/** Two pieces of sound with ranges, and nothing else. */
async function startOrigin(): Promise<Origin> {
  const folder = await mkdtemp(join(tmpdir(), 'xpmn-sound-'));
  const asked: string[] = [];
  const listeners = new Map<string, ReturnType<typeof serveBytes>>();
  for (const seconds of [LONG, SHORT]) {
    const file = join(folder, `${seconds}.flac`);
    await run(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', `sine=frequency=300:duration=${seconds}`, '-metadata', 'title=Lark', file]);
    listeners.set(`/${seconds}.flac`, serveBytes(await readFile(file), { type: 'audio/flac' }));
  }
  await rm(folder, { recursive: true });
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const listener = listeners.get((request.url ?? '').replace(/\?.*/, ''));
    if (listener) listener(request, response);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, asked };
}

const KINDS = [
  { kind: 'mpv', id: 'org.mpris.MediaPlayer2.mpv@here', start: startMpv },
  { kind: 'vlc', id: 'org.mpris.MediaPlayer2.vlc@here', start: startVlc },
] as const;

for (const { kind, id, start } of KINDS) {
  describe(`${kind} by MPRIS`, function () {
    this.timeout(90_000);
    let bus: Bus;
    let origin: Origin;
    let real: RealPlayer;
    let adapter: DeviceSource;
    let player: MediaPlayer;
    let told: PlayerSnapshot[];
    let ended: string[];
    const gone: string[] = [];
    const appeared: MediaDevice[] = [];

    before(async () => {
      [bus, origin] = await Promise.all([startBus(), startOrigin()]);
      const dbus = { ...settings.dbus, backOff: { first: 50, factor: 1, max: 50 } };
      const deps = { clock: systemClock, random: systemRandom, log: silentLogger, env: { DBUS_SESSION_BUS_ADDRESS: bus.address }, uid: 0, machine: 'here', isOwnPlayer: () => false };
      adapter = createMprisAdapter(deps, { mpris: settings.mpris, dbus });
      adapter.on('deviceAppeared', (device) => appeared.push(device));
      adapter.on('deviceGone', (one) => gone.push(one));
      await adapter.start({ signal });
      real = await start(bus.address);
      const device = await waitUntil('it appears', () => appeared[0]);
      player = device.player as MediaPlayer;
    });

    beforeEach(() => {
      [told, ended] = [[], []];
      player.on('changed', (snapshot) => told.push(snapshot));
      player.on('ended', (url) => ended.push(url));
    });

    afterEach(async () => {
      await player.stop({ signal }).catch(() => undefined);
      (player as unknown as { removeAllListeners(): void }).removeAllListeners();
    });

    after(async () => {
      await adapter?.stop();
      await real?.stop();
      await bus?.stop();
      origin?.server.closeAllConnections();
      origin?.server.close();
    });

    const here = (): number => positionAt(player.snapshot, systemClock.monotonic()) ?? NaN;
    const there = async (): Promise<number> => Number(await real.playerctl('position'));
    /** What plays goes on until it is looked at: far less than to where else it could be. */
    const isFrom = (place: number, position: number): boolean => position > place - 2 && position < place + 15;
    const media = (seconds: number): PlayerMedia => playerMedia(`${origin.url}/${seconds}.flac`, seconds);
    const play = async (seconds = LONG): Promise<PlayerMedia> => {
      const one = media(seconds);
      await player.load(one, { signal });
      await player.play({ signal });
      await waitUntil('it plays', () => player.snapshot.state === 'playing' && player.snapshot.media?.url === one.url);
      return one;
    };

    it('is one device, whatever names it has', async () => {
      await delay(300);
      assert.deepEqual(adapter.devices().map(({ description }) => description.id), [id]);
      assert.deepEqual(appeared.map(({ description }) => [description.kind, description.name.toLowerCase().includes(kind)]), [['media-player', true]]);
    });

    it('plays over HTTP, pauses, goes to places, and stops', async () => {
      await play();
      await waitUntil('it gets on', () => here() > 0.5);
      await player.pause({ signal });
      await waitUntil('it pauses', () => player.snapshot.state === 'paused');
      await waitUntil('both know where', async () => Math.abs((await there()) - here()) < 0.3);
      const at = here();
      await delay(1_000);
      assert.ok(Math.abs(here() - at) < 0.3);
      await player.play({ signal });
      assert.equal(player.snapshot.state, 'playing');
      for (const target of [40, 10]) {
        await player.seek(target, { signal });
        await waitUntil(`it is at ${target}`, () => isFrom(target, here()));
      }
      await waitUntil('both are at the same place', async () => Math.abs((await there()) - here()) < 1.5);
      assert.equal(player.snapshot.media?.duration && Math.round(player.snapshot.media.duration), LONG);
      await player.stop({ signal });
      await waitUntil('it has stopped', () => player.snapshot.state === 'stopped');
      await delay(300);
      assert.deepEqual(ended, []);
    });

    it('comes to its end', async () => {
      const one = await play(SHORT);
      await waitUntil('it has ended', () => ended.length > 0);
      assert.deepEqual([ended, player.snapshot.state], [[one.url], 'stopped']);
      await player.play({ signal });
      await waitUntil('it plays again', () => player.snapshot.state === 'playing');
    });

    it('says that it can\'t play what is not there', async () => {
      const missing = playerMedia(`${origin.url}/nothing.flac`, 60);
      await player.load(missing, { signal });
      const began = performance.now();
      const failure = await player.play({ signal }).then(() => undefined, (error: unknown) => error);
      if (failure === undefined) await waitUntil('it says so', () => player.snapshot.problem);
      assert.equal(((failure ?? player.snapshot.problem) as { code: string }).code, 'origin-unreachable');
      assert.ok(performance.now() - began < settings.mpris.player.startTimeout, 'it is known before the patience ends');
      assert.deepEqual(ended, []);
      await play();
      assert.equal(player.snapshot.problem, undefined);
    });

    it('is made louder, and muted', async () => {
      await play();
      await player.setVolume(60, { signal });
      assert.equal(player.snapshot.volume, 60);
      await player.setMute(true, { signal });
      assert.deepEqual([player.snapshot.volume, player.snapshot.mute, Number(await real.playerctl('volume'))], [60, true, 0]);
      await player.setMute(false, { signal });
      assert.deepEqual([player.snapshot.volume, player.snapshot.mute, Number(await real.playerctl('volume')).toFixed(1)], [60, false, '0.6']);
    });

    it('shows soon what somebody does at it', async () => {
      await play();
      const shows = async (what: string, words: readonly string[], isSo: () => boolean): Promise<void> => {
        const began = performance.now();
        await real.playerctl(...words);
        const said = performance.now();
        // Nobody watches it, so that it is not looked at by itself.
        await waitUntil(what, isSo, { interval: 1 });
        process.stdout.write(`      ${kind}: playerctl ${words.join(' ')}: ${Math.round(said - began)} ms, then ${Math.round(performance.now() - said)} ms until it shows\n`);
      };
      await shows('pause', ['pause'], () => told.at(-1)?.state === 'paused');
      await shows('play', ['play'], () => told.at(-1)?.state === 'playing');
      await shows('volume', ['volume', '0.3'], () => told.at(-1)?.volume === 30);
      await shows('position', ['position', '30'], () => isFrom(30, here()));
      await shows('stop', ['stop'], () => told.at(-1)?.state === 'stopped');
    });

    it('shows that it plays what somebody opens there, and does with it what it is told', async () => {
      const open = async (): Promise<void> => {
        await real.playerctl('open', `${origin.url}/${LONG}.flac?own`);
        await waitUntil('it plays', () => player.snapshot.state === 'playing' && here() > 0.5);
      };
      await player.stop({ signal });
      await open();
      await delay(2_500);
      assert.deepEqual([player.snapshot.state, player.snapshot.media?.title], ['playing', 'Lark']);
      await player.seek(30, { signal });
      await player.pause({ signal });
      assert.ok(isFrom(30, await there()));
      assert.deepEqual([player.snapshot.state, await real.playerctl('status')], ['paused', 'Paused\n']);
      await player.play({ signal });
      await player.stop({ signal });
      await open();
      await player.stop({ signal });
      await delay(2_500);
      assert.deepEqual([['idle', 'stopped'].includes(player.snapshot.state), await real.playerctl('status')], [true, 'Stopped\n']);
    });

    it('takes what it is given when its user has started it with something else', async () => {
      await real.process.stop();
      const own = await start(bus.address, { words: [...(kind === 'mpv' ? ['--idle=no'] : []), `${origin.url}/${LONG}.flac?own`] });
      try {
        await waitUntil('it plays its own', () => player.snapshot.state === 'playing' && player.snapshot.media?.title === 'Lark' && player.snapshot.problem === undefined);
        await player.load(media(LONG), { signal });
        await waitUntil('its own is over', async () => (await own.playerctl('status')) !== 'Playing\n');
        await delay(500);
        assert.deepEqual([player.snapshot.state, player.snapshot.problem, await own.playerctl('status').then((status) => status === 'Playing\n')], ['stopped', undefined, false]);
        await player.stop({ signal });
        await player.play({ signal });
        await waitUntil('it gets on', () => player.snapshot.state === 'playing' && player.snapshot.media?.url === `${origin.url}/${LONG}.flac` && here() > 0.5);
        await player.stop({ signal });
        // By that it leaves, if it was started so.
        if (kind === 'mpv') {
          await own.process.exited;
          await own.launch();
        }
        await waitUntil('it is there', () => player.snapshot.problem === undefined);
        await play(SHORT);
        await waitUntil('it has ended', () => ended.length > 0);
      } finally {
        await own.stop();
        await real.launch();
        await waitUntil('it is back', () => player.snapshot.problem === undefined);
      }
    });

    it('is the same after its next start', async () => {
      await play();
      const start2 = appeared.length;
      await real.process.stop();
      await waitUntil('it is away', () => player.snapshot.problem?.code === 'unreachable');
      await assert.rejects(player.pause({ signal }), { code: 'unreachable' });
      await real.launch();
      await waitUntil('it is back', () => player.snapshot.problem === undefined);
      await play();
      assert.deepEqual([appeared.length, gone], [start2, []]);
      await real.playerctl('pause');
      await waitUntil('it is heard', () => told.at(-1)?.state === 'paused');
    });

    it('is back after the bus was away', async () => {
      await bus.end({ crash: true });
      await waitUntil('it is away', () => player.snapshot.problem?.code === 'unreachable');
      await real.process.stop();
      await bus.begin();
      await real.launch();
      await waitUntil('it is back', () => player.snapshot.problem === undefined);
      await play();
      assert.deepEqual(gone, []);
    });
  });
}
