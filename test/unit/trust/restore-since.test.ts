import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { bareJid, parseJid } from '../../../src/xpmn/model/jid.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import type { BackupParts } from '../../../src/xpmn/trust/restore.ts';
import { issueList } from '../../../src/xpmn/trust/signed-list.ts';
import { friendsList } from '../../../src/xpmn/trust/snapshot.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { ACCOUNT, devices, elementsOf, fakeKey, HOUR, listed, lostHome, Machine, meet, options, restoreOn, unlisted, verdict } from './machine.ts';
import { DAY, list, NOW, somebody } from './world.ts';

/** What happened in a network between the backup and the loss; the restored machine learns of it as it meets others. */
describe('a restored backup, of what happened since,', function () {
  this.timeout(60_000);
  let clock: FakeClock;
  let home: Network;
  let attic: Network;
  let backup: BackupParts;
  let laptop: Machine;

  beforeEach(async () => {
    ({ clock, home, attic, backup, laptop } = await lostHome());
  });

  describe('knows for ever what was removed', () => {
    it('before, also what no list has room for any more', async () => {
      const small = new Machine('restore-small', clock);
      const full = await Network.create(small.deps, { ...options, listEntries: 3 }, { name: 'Home', account: ACCOUNT });
      for (const name of ['a', 'b', 'c', 'd']) {
        const jid = parseJid(`${ACCOUNT}/${name}`);
        await full.addDevice({ key: fakeKey(name), jid, roles: [] });
        await full.removeDevice(fakeKey(name));
      }
      assert.equal(devices(full).removed.length, 2);
      const restored = await restoreOn(laptop, full.exportBackup());
      for (const network of [restored, await laptop.load()]) {
        for (const name of ['a', 'b', 'c', 'd']) await assert.rejects(network.addDevice({ key: fakeKey(name), jid: parseJid(`${ACCOUNT}/${name}`), roles: [] }), { code: 'not-allowed' });
      }
      assert.equal(devices(restored).removed.length, 4);
    });

    it('since, by the newest lists that it is given', async () => {
      await home.removeDevice(attic.gateway.key);
      const restored = await restoreOn(laptop, backup, { lists: [...elementsOf(home), ...backup.lists] });
      assert.equal(verdict(restored, attic.gateway), 'removed-key');
      assert.deepEqual(listed(restored), ['laptop', 'home']);
    });

    it('since, as soon as it meets a device that knows; and tells those that came later', async () => {
      const tv = await new Machine('restore-tv', clock).join(home, 'TV');
      backup = home.exportBackup();
      await home.removeDevice(tv.gateway.key);
      await meet(home, attic);
      await clock.advance(HOUR);
      const restored = await restoreOn(laptop, backup);
      const late = await new Machine('restore-late', clock).join(restored, 'Late');
      for (const network of [restored, late]) assert.equal(verdict(network, tv.gateway), 'own', 'nobody has told them');
      await meet(restored, attic);
      await meet(late, restored);
      for (const network of [restored, late, attic]) {
        assert.equal(verdict(network, tv.gateway), 'removed-key');
        assert.equal(listed(network).includes('tv'), false);
        assert.deepEqual(network.lists.overtaken, []);
      }
    });

    it('since, though the device that knows was restarted and meets another one first', async () => {
      const machine = new Machine('restore-shed', clock);
      const shed = await machine.join(home, 'Shed');
      const tv = await new Machine('restore-tv2', clock).join(home, 'TV');
      await meet(home, attic);
      backup = home.exportBackup();
      await home.removeDevice(tv.gateway.key);
      await meet(home, shed);
      await clock.advance(HOUR);
      const restored = await restoreOn(laptop, backup);
      await shed.lists.offerAll(elementsOf(restored));
      const again = await machine.load();
      assert.equal(verdict(attic, tv.gateway), 'own');
      await attic.lists.offerAll(elementsOf(restored));
      await meet(again, attic);
      assert.equal(verdict(attic, tv.gateway), 'removed-key');
      await meet(attic, restored);
      assert.equal(verdict(restored, tv.gateway), 'removed-key');
      assert.equal(listed(restored).includes('tv'), false);
    });
  });

  describe('knows what was added since', () => {
    let nas: Network;
    beforeEach(async () => {
      nas = await new Machine('restore-nas', clock).join(home, 'NAS');
      await meet(home, attic);
      await clock.advance(HOUR);
    });

    it('by the newest lists that it is given', async () => {
      const restored = await restoreOn(laptop, backup, { lists: [...backup.lists, ...elementsOf(attic)] });
      assert.deepEqual(listed(restored), ['laptop', 'home', 'attic', 'nas']);
      await meet(restored, attic);
      await meet(restored, nas);
      for (const network of [restored, attic, nas]) assert.deepEqual(network.lists.overtaken, []);
    });

    it('from a device that knows; its owner lists it again', async () => {
      const restored = await restoreOn(laptop, backup);
      await meet(restored, attic);
      assert.equal(verdict(attic, nas.gateway), 'not-listed');
      for (const network of [restored, await laptop.load()]) assert.deepEqual(unlisted(network), ['nas']);
      assert.deepEqual(unlisted(await restoreOn(new Machine('restore-next', clock), restored.exportBackup())), ['nas'], 'a backup has it, too');
      await assert.rejects(attic.relist(nas.gateway.key), { code: 'not-allowed' });
      await restored.relist(nas.gateway.key);
      await meet(restored, attic);
      for (const network of [restored, attic]) {
        assert.equal(verdict(network, nas.gateway), 'own');
        assert.deepEqual([unlisted(network), network.lists.overtaken], [[], []]);
      }
      await nas.lists.offerAll(elementsOf(attic));
      assert.ok(nas.isMember && nas.isHost);
      await assert.rejects(restored.relist(nas.gateway.key), { code: 'not-found' });
    });

    it('from a device that knows; its owner does not want it', async () => {
      const restored = await restoreOn(laptop, backup);
      await meet(restored, attic);
      await restored.removeDevice(nas.gateway.key);
      await meet(restored, attic);
      for (const network of [restored, attic]) {
        assert.equal(verdict(network, nas.gateway), 'removed-key');
        assert.deepEqual([unlisted(network), network.lists.overtaken], [[], []]);
      }
    });

    it('and lists it in its own account, under a JID that nobody has, without the role of the user key\'s holder', async () => {
      const restored = await restoreOn(laptop, backup);
      await meet(restored, attic);
      await restored.addDevice({ key: fakeKey('rival'), jid: nas.gateway.jid, roles: [] });
      await assert.rejects(restored.relist(nas.gateway.key), { code: 'conflict' });
      await restored.removeDevice(fakeKey('rival'));
      await restored.extend(parseJid('me@new.example'));
      await restored.relist(nas.gateway.key);
      const entry = devices(restored).devices.at(-1);
      assert.deepEqual([bareJid(entry?.jid ?? ACCOUNT), entry?.aliases, entry?.roles], ['me@new.example', [nas.gateway.jid], ['host']]);
      const odd = { ...devices(restored), seq: 5, devices: [{ key: fakeKey('odd'), jid: parseJid('me@new.example/odd'), roles: ['host', 'management'], aliases: [] }], removed: [] };
      await restored.lists.offer(issueList(odd, await testKey('restore-home-0'), options).element);
      await restored.relist(fakeKey('odd'));
      assert.deepEqual(devices(restored).devices.at(-1)?.roles, ['host']);
    });
  });

  describe('lists nothing again that was added and removed since', () => {
    let thief: Network;
    let shown: ReturnType<typeof elementsOf>;
    beforeEach(async () => {
      thief = await new Machine('restore-thief', clock).join(home, 'Thief');
      shown = elementsOf(thief);
      await home.removeDevice(thief.gateway.key);
      await meet(home, attic);
      await clock.advance(HOUR);
    });

    it('and tells of its removal, though it never knew it', async () => {
      const restored = await restoreOn(laptop, backup);
      await meet(restored, attic);
      assert.deepEqual(devices(restored).removed.map(({ key }) => key), [thief.gateway.key]);
      assert.deepEqual(attic.lists.overtaken, []);
      const late = await new Machine('restore-late2', clock).join(restored, 'Late');
      await late.lists.offerAll(shown);
      assert.deepEqual([verdict(late, thief.gateway), unlisted(late)], ['removed-key', []]);
    });

    it('whatever that device shows', async () => {
      const restored = await restoreOn(laptop, backup);
      await restored.lists.offerAll(shown);
      await restored.adopt();
      assert.equal(verdict(restored, thief.gateway), 'not-listed');
      assert.deepEqual(unlisted(restored), ['thief'], 'the owner is asked, and may know');
      await restored.relist(thief.gateway.key);
      await meet(restored, attic);
      for (const network of [restored, attic]) assert.equal(verdict(network, thief.gateway), 'removed-key', 'a mistake lasts until the first that knows');
      assert.deepEqual(unlisted(restored), []);
      await assert.rejects(restored.relist(thief.gateway.key), { code: 'not-found' });
    });
  });

  it('where the clock is wrong, finds itself left out by a newer list, and lists itself in the next', async () => {
    const nas = await new Machine('restore-nas2', clock).join(home, 'NAS');
    const slow = new Machine('restore-slow', new FakeClock(0));
    const restored = await restoreOn(slow, backup);
    assert.ok(devices(restored).seq <= devices(home).seq);
    await restored.lists.offerAll(elementsOf(nas));
    assert.equal(restored.isMember, false);
    await restored.adopt();
    assert.deepEqual(listed(restored), ['home', 'attic', 'nas', 'laptop']);
    assert.ok(restored.isMember && devices(restored).seq > devices(home).seq);
    await meet(restored, nas);
    for (const network of [restored, nas]) assert.deepEqual(network.lists.overtaken, []);
  });

  for (const newer of ['home', 'laptop'] as const) {
    it(`gets on with the machine that was not lost after all, while the ${newer} issued last`, async () => {
      const restored = await restoreOn(laptop, backup);
      const later = (who: typeof newer): Promise<void> => clock.advance(who === newer ? 1000 : 0);
      await later('laptop');
      const lamp = await restored.createDevice('Lamp');
      await later('home');
      const radio = await home.createDevice('Radio');
      await home.removeDevice(attic.gateway.key);
      if (newer === 'laptop') await clock.advance(1000).then(() => restored.createDevice('Clock'));
      assert.ok((devices(home).seq > devices(restored).seq) === (newer === 'home'));
      await meet(restored, home);
      for (const network of [home, restored]) {
        assert.equal(verdict(network, attic.gateway), 'removed-key');
        assert.ok(network.isMember && network.canSign);
        assert.deepEqual(network.unlisted, restored.unlisted);
      }
      for (const { key } of home.unlisted.devices) await home.relist(key);
      await meet(home, restored);
      assert.deepEqual(devices(home), devices(restored));
      for (const network of [home, restored]) {
        for (const device of [radio, lamp]) assert.equal(verdict(network, device), 'own');
        assert.deepEqual([network.lists.overtaken, await network.adopt(), await network.refresh()], [[], false, []], 'nothing goes to and fro');
      }
    });
  }

  it('learns of a friend that was added since, and of one that was removed', async () => {
    const [pal, foe] = [await somebody('acceptance-fu'), await somebody('acceptance-xu')];
    const user = await somebody('restore-home-0');
    const both = [{ who: pal, jid: 'pal@away.example' }, { who: foe, jid: 'foe@away.example' }];
    await home.lists.offer(list('friends', user, { seq: 1, friends: both.slice(1) }).element);
    backup = home.exportBackup();
    await attic.lists.offer(list('friends', user, { seq: 2, friends: both.slice(0, 1), removed: [foe] }).element);
    const restored = await restoreOn(laptop, backup);
    await clock.advance(8 * DAY);
    await restored.refresh();
    assert.deepEqual(friendsList(restored.lists.snapshot)?.friends.map(({ key }) => key), [foe.name], 'it has issued its own before it heard of the other');
    await meet(restored, attic);
    assert.deepEqual(friendsList(restored.lists.snapshot)?.friends, []);
    assert.deepEqual(restored.unlisted.friends.map(({ key }) => key), [pal.name]);
    await restored.relist(pal.name);
    await meet(restored, attic);
    for (const network of [restored, attic]) assert.deepEqual(friendsList(network.lists.snapshot)?.friends.map(({ key }) => key), [pal.name]);
  });

  it('loses no removal and no addition, whatever happened since, and whoever is met', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const step = fc.record({ name: fc.constantFrom(...names), add: fc.boolean(), tell: fc.boolean() });
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 4 }), fc.array(step, { maxLength: 5 }), fc.boolean(), async (before, since, isRestarted) => {
      const machines = { home: new Machine('restore-random-home', new FakeClock(NOW)), attic: new Machine('restore-random-attic', new FakeClock(NOW)) };
      const first = await machines.home.create();
      let witness = await machines.attic.join(first, 'Attic');
      /** What the witness has heard of. */
      const told = { added: new Set<KeyName>(), removed: new Set<KeyName>() };
      const run = async (steps: typeof before): Promise<void> => {
        for (const { name, add, tell } of steps) {
          const entry = { key: fakeKey(name), jid: parseJid(`${ACCOUNT}/${name}`), roles: [] };
          await (add ? first.addDevice(entry) : first.removeDevice(entry.key)).catch(() => undefined);
          if (!tell) continue;
          await meet(first, witness);
          for (const { key } of devices(first).devices) told.added.add(key);
          for (const { key } of devices(first).removed) told.removed.add(key);
        }
      };
      await run(before);
      const parts = first.exportBackup();
      // The backup knows of these, whether the witness does or not.
      for (const { key } of devices(first).removed) told.removed.add(key);
      await run(since);
      const target = new Machine('restore-random-laptop', new FakeClock(NOW + HOUR));
      const restored = await restoreOn(target, parts);
      if (isRestarted) {
        await witness.lists.offerAll(elementsOf(restored));
        witness = await machines.attic.load();
      }
      await meet(restored, witness);
      const keys = new Set(devices(restored).devices.map(({ key }) => key));
      for (const key of told.removed) {
        assert.equal(keys.has(key), false);
        assert.ok(devices(restored).removed.some((entry) => entry.key === key));
        await assert.rejects(restored.addDevice({ key, jid: parseJid(`${ACCOUNT}/x`), roles: [] }), { code: 'not-allowed' });
      }
      const wanted = [...told.added].filter((key) => !told.removed.has(key));
      for (const { key } of restored.unlisted.devices) await restored.relist(key);
      await meet(restored, witness);
      for (const network of [restored, witness]) {
        for (const key of wanted) assert.ok(devices(network).devices.some((entry) => entry.key === key));
        assert.deepEqual(network.lists.overtaken, []);
      }
    }), { numRuns: 12 });
  });
});
