import assert from 'node:assert/strict';
import { startBus } from '../peers/dbus.ts';
import { generateFilm, generateLateIndex } from '../peers/media.ts';
import { startMpv } from '../peers/mpv.ts';
import { startRygel } from '../peers/rygel.ts';
import { waitUntil } from '../peers/wait.ts';
import { browseAll } from './support/crawl.ts';
import type { Machine } from './support/machine.ts';
import { mprisHand, rendererHand } from './support/player-hand.ts';
import type { PlayerHand } from './support/player-hand.ts';
import { findPlayer } from './support/players-world.ts';
import type { Playable } from './support/players-world.ts';
import { World } from './support/world.ts';

const SIZE = 1024 ** 3;
/** What a player may take for opening a film, playing some seconds here, and some there; 2 MB are one second. */
const FEW = 128 * 1024 * 1024;

describe('films on players elsewhere', function () {
  this.timeout(240_000);
  let world: World;
  let machine: Machine;
  let film: Playable;
  let late: Playable;
  const hands: PlayerHand[] = [];
  const sizeOf = (item: Playable): number => (item.kind === 'item' ? (item.size ?? 0) : 0);
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    world = await World.create({ media: async (directory) => { await generateFilm(directory, SIZE); await generateLateIndex(directory, 'late.mp4'); } });
    const { out } = world.network;
    const bus = await startBus();
    ends.push(() => bus.stop());
    const [founder, mpv, rygel] = await Promise.all([
      world.founder(world.host('a', 1)),
      // By itself it reads as far ahead as it can.
      startMpv(bus.address, { netns: out.ns, words: ['--cache-secs=2', '--demuxer-max-bytes=8MiB'] }),
      startRygel({ as: 'renderer', netns: out.ns, name: 'Screen' }),
      world.minidlna(),
    ]);
    ends.push(() => mpv.stop(), () => rygel.stop());
    machine = await world.join(founder, out, { session: bus.address });
    const entries = await browseAll(machine, (await machine.library()).id);
    [film, late] = ['film', 'late'].map((title) => entries.find((entry) => entry.title === title)) as [Playable, Playable];
    hands.push(await mprisHand({ name: 'mpv', player: 'mpv', bus: bus.address }), await rendererHand({ ...rygel, netns: out.ns, address: out.address }));
    for (const hand of hands) ends.push(() => hand.events.stop());
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
    await world?.close();
  });

  const on = async (hand: PlayerHand, ...words: string[]): Promise<string> => {
    const { jid } = await findPlayer(machine, new RegExp(hand.name, 'i'));
    const { code, stdout, stderr } = await machine.xpmn([...words, '--on', jid], { timeout: 60_000 });
    assert.equal(code, 0, `xpmn ${words.join(' ')}: ${stderr}`);
    return stdout;
  };

  /** Bytes that come over the network while `work` is done. */
  const carried = async (work: () => Promise<void>): Promise<number> => {
    const before = await machine.received('eth0');
    await work();
    return (await machine.received('eth0')) - before;
  };
  const goesOn = async (hand: PlayerHand, from: number): Promise<void> => {
    const there = await waitUntil(`${hand.name} is at ${from}`, async () => {
      const at = await hand.position();
      return at >= from ? at : undefined;
    }, { timeout: 40_000 });
    await waitUntil(`${hand.name} goes on`, async () => (await hand.position()) > there + 0.9, { timeout: 20_000 });
  };

  for (const [index, name] of ['mpv', 'a renderer'].entries()) {
    it(`are gone to 90 % of without what lies before, by ${name}`, async () => {
      const hand = hands[index] as PlayerHand;
      const bytes = await carried(async () => {
        assert.match(await on(hand, 'play', film.uri), /^playing film/);
        await goesOn(hand, 0.1);
        await on(hand, 'seek', '90%');
        await goesOn(hand, 450);
        await on(hand, 'stop');
      });
      process.stdout.write(`      ${(bytes / 1e6).toFixed(1)} MB of ${(SIZE / 1e6).toFixed(0)} MB carried\n`);
      assert.ok(bytes < FEW, `${bytes} carried`);
    });

    it(`play though their index lies at the end, in ${name}`, async () => {
      const hand = hands[index] as PlayerHand;
      const bytes = await carried(async () => {
        assert.match(await on(hand, 'play', late.uri), /^playing late/);
        await goesOn(hand, 0.1);
      });
      process.stdout.write(`      ${(bytes / 1e6).toFixed(1)} MB of ${(sizeOf(late) / 1e6).toFixed(0)} MB carried until it went on\n`);
      await on(hand, 'stop');
      assert.ok(bytes < sizeOf(late) * 1.1, `${bytes} carried`);
    });
  }
});
