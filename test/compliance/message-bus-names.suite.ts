import assert from 'node:assert/strict';
import { waitUntil } from '../peers/wait.ts';
import { busForEachTest, never } from '../support/bus-rig.ts';
import type { BusRig } from '../support/bus-rig.ts';

const NAME = 'org.xpmn.Test';

/** The contract of dbus/bus.ts, as far as names and their owners go. */
export function describeBusNames(name: string, setup: () => Promise<BusRig>): void {
  describe(`names of the message bus: ${name}`, function () {
    this.timeout(30_000);
    const stage = busForEachTest(setup);
    const { open, start } = stage;

    it('are told with their owners: how it is, and what changes', async () => {
      const [peer, other, bus] = [await stage.rig.peer(), await stage.rig.peer(), await start()];
      const told: (string | undefined)[] = [];
      const subscription = bus.watch(NAME, (name2) => told.push(name2));
      assert.deepEqual(told, []);
      await waitUntil('told', () => told.length === 1);
      await peer.own(NAME);
      await waitUntil('told', () => told.length === 2);
      await peer.release(NAME);
      await other.own(NAME);
      await waitUntil('told', () => told.at(-1) === other.uniqueName);
      assert.deepEqual(told, [undefined, peer.uniqueName, undefined, other.uniqueName]);
      const again: (string | undefined)[] = [];
      bus.watch(NAME, (name2) => again.push(name2));
      assert.deepEqual(again, []);
      await waitUntil('told', () => again.length > 0);
      subscription.close();
      subscription.close();
      await other.release(NAME);
      await waitUntil('told', () => again.length === 2);
      assert.deepEqual([told.length, again], [4, [other.uniqueName, undefined]]);
    });

    it('below a prefix are told with their owners: those that are there, and what changes', async () => {
      const [peer, other, bus] = [await stage.rig.peer(), await stage.rig.peer(), await start()];
      for (const name2 of [`${NAME}.one`, `${NAME}er`, NAME, `${NAME}.a.b`]) await peer.own(name2);
      const [first, second] = [new Map<string, string | undefined>(), [] as string[]];
      const subscription = bus.watchNames(NAME, (name2, who) => first.set(name2, who));
      assert.equal(first.size, 0);
      await waitUntil('told', () => first.size === 2);
      assert.deepEqual([...first], [[`${NAME}.one`, peer.uniqueName], [`${NAME}.a.b`, peer.uniqueName]].sort());
      await other.own(`${NAME}.two`);
      await waitUntil('told', () => first.get(`${NAME}.two`) === other.uniqueName);
      await peer.release(`${NAME}.one`);
      await waitUntil('told', () => first.has(`${NAME}.one`) && first.get(`${NAME}.one`) === undefined);
      bus.watchNames(NAME, (name2) => second.push(name2));
      await waitUntil('told', () => second.length === 2);
      subscription.close();
      subscription.close();
      await other.own(`${NAME}.three`);
      await waitUntil('told', () => second.length === 3);
      assert.deepEqual([second.sort(), first.size], [[`${NAME}.a.b`, `${NAME}.three`, `${NAME}.two`], 3]);
    });

    it('below a prefix go with the bus, come back with it, and leave no rule behind', async () => {
      await stage.rig.end();
      const bus = open();
      const told: string[] = [];
      bus.watchNames(NAME, (name2, who) => told.push(`${name2} ${who === undefined ? 'gone' : 'there'}`));
      await bus.start({ signal: never });
      await stage.rig.begin();
      const peer = await stage.rig.peer();
      await peer.own(`${NAME}.one`);
      await waitUntil('told', () => told.length === 1);
      await stage.rig.end();
      await waitUntil('told', () => told.length === 2);
      await stage.rig.begin();
      const again = await stage.rig.peer();
      await again.own(`${NAME}.one`);
      await waitUntil('told', () => told.length === 3);
      assert.deepEqual(told, [`${NAME}.one there`, `${NAME}.one gone`, `${NAME}.one there`]);
      for (let time = 0; time < 200; time += 1) bus.watchNames(`${NAME}.n${time}`, () => undefined).close();
      bus.watchNames(`${NAME}.last`, (name2) => told.push(name2));
      await again.own(`${NAME}.last.one`);
      await waitUntil('told', () => told.includes(`${NAME}.last.one`));
    });

    it('below a prefix are bounded in number', async () => {
      const [peer, bus] = [await stage.rig.peer(), await start({ names: 2 })];
      const told: string[] = [];
      bus.watchNames(NAME, (name2) => told.push(name2));
      for (const name2 of ['a', 'b', 'c']) await peer.own(`${NAME}.${name2}`);
      await peer.release(`${NAME}.a`);
      await peer.own(`${NAME}.d`);
      await waitUntil('told', () => told.includes(`${NAME}.d`));
      assert.deepEqual(told, ['a', 'b', 'a', 'd'].map((name2) => `${NAME}.${name2}`));
    });

    it('have no owners without a bus', async () => {
      await stage.rig.end();
      const bus = open();
      const told: (string | undefined)[] = [];
      bus.watch(NAME, (name2) => told.push(name2));
      await bus.start({ signal: never });
      await waitUntil('told', () => told.length > 0);
      const later: (string | undefined)[] = [];
      bus.watch(NAME, (name2) => later.push(name2));
      await waitUntil('told', () => later.length > 0);
      await stage.rig.begin();
      const peer = await stage.rig.peer();
      await peer.own(NAME);
      await waitUntil('told', () => told.at(-1) === peer.uniqueName);
      await stage.rig.end();
      await waitUntil('told', () => told.at(-1) === undefined);
      assert.deepEqual([told, later], [[undefined, peer.uniqueName, undefined], [undefined, peer.uniqueName, undefined]]);
    });
  });
}
