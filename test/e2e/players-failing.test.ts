import assert from 'node:assert/strict';
import type { GatewayDevice } from '../../src/app/gateway-api.ts';
import type { NamedView } from '../../src/app/control/operations.ts';
import type { Bus } from '../peers/dbus.ts';
import { startBus } from '../peers/dbus.ts';
import { startGmediarender } from '../peers/gmediarender.ts';
import type { Gmediarender } from '../peers/gmediarender.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import type { RealPlayer } from '../peers/mpris-player.ts';
import { startMpv } from '../peers/mpv.ts';
import { waitUntil } from '../peers/wait.ts';
import { cpuOf, heldAgain, letGoOf } from './support/held.ts';
import type { Machine } from './support/machine.ts';
import { rendererHand } from './support/player-hand.ts';
import type { PlayerHand } from './support/player-hand.ts';
import { BROAD_SONG, findPlayer, findSongs, generateBroadSong, watch } from './support/players-world.ts';
import type { Playable, Watch } from './support/players-world.ts';
import { World } from './support/world.ts';

/** No command may take longer, whatever has died. */
const ANSWERED = 75_000;
/** Nor may the truth, to be seen elsewhere. */
const SEEN = 180_000;
/** Seconds of CPU in as many as the second number milliseconds: a daemon that waits takes next to none. */
const [IDLE, OBSERVED] = [0.3, 3_000];

interface Player {
  readonly name: string;
  device: GatewayDevice;
  view: Watch;
}

interface Victim {
  readonly name: string;
  kill(): Promise<unknown>;
  begin(): Promise<unknown>;
  /** What the controller must come to see of each player; true of one that is not concerned. */
  readonly seen: (player: string, view: NamedView) => boolean;
  /** Who lives on, and what it must have let go of. */
  survivors(): readonly (readonly [Machine, readonly string[]])[];
}

/** It has come to a stop, and why is told. */
const ended = ({ reach, status }: NamedView): boolean => reach === 'there' && status?.state === 'error' && status.error !== undefined;
const unreachable = ({ reach, status }: NamedView): boolean => reach === 'lost' || (status?.state === 'error' && status.error === 'unreachable');

describe('whoever is killed while players of one home play what another home has', function () {
  this.timeout(400_000);
  let world: World;
  let bus: Bus;
  let server: Minidlna;
  let speaker: Gmediarender;
  let mpv: RealPlayer;
  /** Beside the media, beside the players, and elsewhere. */
  let source: Machine;
  let desk: Machine;
  let away: Machine;
  let song: Playable;
  /** Of the renderer. */
  let hand: PlayerHand;
  let players: readonly Player[];
  let clean: () => Promise<void>;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    world = await World.create({ homes: ['a', 'b'], hosts: 2, media: generateBroadSong });
    bus = await startBus();
    ends.push(() => bus.stop());
    const [hall, study] = [world.host('b', 0), world.host('b', 1)];
    [source, speaker, mpv, server] = await Promise.all([
      world.founder(world.host('a', 1)),
      startGmediarender({ netns: hall.ns, name: 'Speaker' }),
      startMpv(bus.address, { netns: study.ns, readAhead: 524_288 }),
      world.minidlna(),
    ]);
    ends.push(() => speaker.stop(), () => mpv.stop());
    hand = await rendererHand({ ...speaker, netns: hall.ns, address: hall.address });
    ends.push(() => hand.events.stop());
    desk = await world.join(source, study, { name: 'desk', session: bus.address, config: { mediaPort: { readAhead: { bytesPerItem: 1_048_576 } } } });
    away = await world.join(source, world.network.out);
    [song] = (await findSongs(away, [BROAD_SONG])) as [Playable];
    players = await Promise.all(['Speaker', 'mpv'].map(async (name) => {
      const device = await findPlayer(away, new RegExp(name, 'i'));
      return { name, device, view: await watch(away, device) };
    }));
    ends.push(() => Promise.all(players.map(({ view }) => view.stop())));
    await bothPlay();
    await rest();
    clean = await heldAgain([source, desk, away]);
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
    await world?.close();
  });

  const xpmn = (words: readonly string[], { device }: Player) => away.xpmn([...words, '--on', device.jid], { timeout: ANSWERED });

  /** It can be played, it shows, and what is done at the player itself shows, too. */
  async function bothPlay(): Promise<void> {
    for (const player of players) {
      const found = await findPlayer(away, new RegExp(player.name, 'i'));
      player.device = found;
      const since = Date.now();
      await waitUntil(`${player.name} plays`, async () => {
        const { code, stderr } = await xpmn(['play', song.uri], player);
        if (code !== 0) throw new Error(stderr);
        return true;
      }, { timeout: 90_000, interval: 1_000 });
      await player.view.until(`${player.name} playing`, ({ reach, status }) => reach === 'there' && status?.state === 'playing', since);
    }
    const [speakers, mpvs] = players as [Player, Player];
    const since = Date.now();
    await Promise.all([mpv.playerctl('pause'), xpmn(['volume', '30'], speakers)]);
    await mpvs.view.until('the pause by hand', ({ status }) => status?.state === 'paused', since);
    await mpv.playerctl('play');
    await mpvs.view.until('that it goes on', ({ status }) => status?.state === 'playing', since);
    const again = Date.now();
    await hand.pause();
    await speakers.view.until('the pause by hand', ({ status }) => status?.state === 'paused', again);
    await hand.play();
    await speakers.view.until('that it goes on', ({ status }) => status?.state === 'playing', again);
    await speakers.view.until('the volume', ({ volume }) => Math.abs((volume ?? 0) - 30) <= 1);
  }

  async function rest(): Promise<void> {
    for (const player of players) assert.equal((await xpmn(['stop'], player)).code, 0);
  }

  const victims: readonly Victim[] = [
    {
      name: 'the media server',
      kill: () => crash(server),
      begin: () => server.restart({ crash: true }),
      seen: (_player, view) => ended(view),
      survivors: () => [[source, [server.authority]], [desk, []], [away, []]],
    },
    {
      name: 'the gateway of the media server',
      kill: () => killDaemon(source),
      begin: () => revive(source),
      seen: (_player, view) => ended(view),
      survivors: () => [[desk, [world.network.home('a').router.wan]], [away, [world.network.home('a').router.wan]]],
    },
    {
      name: 'the renderer',
      kill: () => crash(speaker),
      begin: () => speaker.restart({ crash: true }),
      seen: (player, view) => player !== 'Speaker' || unreachable(view),
      survivors: () => [[desk, [speaker.authority, world.host('b', 0).address]], [source, []], [away, []]],
    },
    {
      name: 'the player on the bus',
      kill: () => crash(mpv),
      begin: () => mpv.restart({ crash: true }),
      seen: (player, view) => player !== 'mpv' || unreachable(view),
      survivors: () => [[desk, []], [source, []], [away, []]],
    },
    {
      name: 'the bus',
      kill: () => bus.end({ crash: true }),
      // Whoever uses GIO ends with its bus.
      begin: () => bus.begin().then(() => mpv.restart({ crash: true })),
      seen: (player, view) => player !== 'mpv' || unreachable(view),
      survivors: () => [[desk, []], [source, []], [away, []]],
    },
    {
      name: 'the gateway of the players',
      kill: () => killDaemon(desk),
      begin: () => revive(desk),
      seen: (_player, { reach }) => reach === 'lost',
      survivors: () => [[source, [world.network.home('b').router.wan]], [away, [world.network.home('b').router.wan]]],
    },
    {
      name: 'the XMPP server',
      kill: () => crash(world.prosody),
      begin: async () => {
        await world.prosody.restart({ crash: true });
        for (const machine of [source, desk, away]) await machine.online({ timeout: 90_000 });
      },
      // The bytes of two homes behind routers go through it: they end. Commands, and news, have a way of their own.
      seen: (_player, view) => ended(view) || view.reach === 'lost',
      survivors: () => [source, desk, away].map((machine) => [machine, [`${world.prosody.host}:${world.prosody.port}`]] as const),
    },
  ];

  for (const victim of victims) {
    it(`${victim.name}: the rest says so, holds nothing, and plays when it is back`, async () => {
      await bothPlay();
      const since = Date.now();
      await victim.kill();
      const seen = await Promise.all(players.map(({ name, view }) => settled(victim, name, view, since)));
      process.stdout.write(`      ${seen.filter(Boolean).join('; ')}\n`);
      for (const player of players) {
        for (const words of [['pause'], ['seek', '2:30'], ['volume', '40'], ['stop'], ['play', song.uri]]) {
          const { code, stderr } = await xpmn(words, player);
          assert.notEqual(code, null, `${words.join(' ')} on ${player.name} hangs`);
          if (code !== 0) assert.match(stderr, /^xpmn: [a-z-]+: /m, `${words.join(' ')} on ${player.name}`);
        }
      }
      for (const [machine, dead] of victim.survivors()) {
        await letGoOf(machine, dead, { timeout: 60_000 });
        assert.ok(machine.isAlive);
      }
      const taken = await Promise.all(victim.survivors().map(([machine]) => cpuOf(machine.pid, OBSERVED)));
      assert.ok(taken.every((seconds) => seconds < IDLE * 3), `CPU: ${taken.join(', ')} s`);
      const back = Date.now();
      await victim.begin();
      await bothPlay();
      process.stdout.write(`      plays again ${Math.round((Date.now() - back) / 1000)} s after the restart began\n`);
      await rest();
      await clean();
    });
  }

  it('players that are killed and at once there again are seen as they are, and play', async () => {
    await bothPlay();
    const since = Date.now();
    await Promise.all([speaker.restart({ crash: true }), mpv.restart({ crash: true })]);
    const seen = await Promise.all(players.map(({ name, view }) => waitUntil(`${name} does not play any more`, () => {
      const latest = view.latest();
      return latest?.status && latest.status.state !== 'playing' ? `${name}: ${latest.status.state} ${latest.status.error ?? ''} after ${Date.now() - since} ms` : undefined;
    }, { timeout: SEEN })));
    process.stdout.write(`      ${seen.join('; ')}\n`);
    await bothPlay();
    await rest();
    await clean();
  });

  async function settled(victim: Victim, name: string, view: Watch, since: number): Promise<string | undefined> {
    const latest = view.latest();
    const matches = (one: NamedView): boolean => victim.seen(name, one);
    if (latest?.reach === 'there' && latest.status?.state === 'playing' && matches(latest)) return undefined;
    const { at, view: { reach, status } } = await waitUntil(`${name} is seen as it is`, () => {
      const now = view.latest();
      return now && matches(now) ? { at: Date.now(), view: now } : undefined;
    }, { timeout: SEEN, interval: 20 }).catch((cause: unknown) => {
      throw new Error(`${name}: ${JSON.stringify(view.heard().slice(-4))}`, { cause });
    });
    return `${name}: ${reach === 'lost' ? 'lost' : `${status?.state} ${status?.error ?? ''}`.trim()} after ${at - since} ms`;
  }
});

async function crash({ process }: { readonly process: { kill(signal: NodeJS.Signals): void; readonly exited: Promise<unknown> } }): Promise<void> {
  process.kill('SIGKILL');
  await process.exited;
}

async function killDaemon(machine: Machine): Promise<void> {
  machine.daemon?.kill('SIGKILL');
  await machine.stop();
}

async function revive(machine: Machine): Promise<void> {
  await machine.start();
  await machine.online({ timeout: 60_000 });
}
