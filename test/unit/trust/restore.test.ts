import assert from 'node:assert/strict';
import { bareJid, parseJid } from '../../../src/xpmn/model/jid.ts';
import { readCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import type { BackupParts } from '../../../src/xpmn/trust/restore.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { ACCOUNT, devices, elementsOf, fakeKey, listed, lostHome, Machine, meet, options, restoreOn, verdict } from './machine.ts';

describe('a restored backup', function () {
  this.timeout(60_000);
  let clock: FakeClock;
  let home: Network;
  let attic: Network;
  let backup: BackupParts;
  let laptop: Machine;

  beforeEach(async () => {
    ({ clock, home, attic, backup, laptop } = await lostHome());
  });

  describe('makes a machine the management device:', () => {
    it('a new device, listed first, with the user key', async () => {
      const restored = await restoreOn(laptop, backup);
      for (const network of [restored, await laptop.load()]) {
        assert.equal(network.id, home.id);
        assert.notEqual(network.gateway.key, home.gateway.key);
        assert.match(network.gateway.jid, /^me@home\.example\/laptop-[a-z2-7]{4}$/);
        assert.deepEqual(readCertificate(network.gateway.certificate.der).xmppAddrs, [network.gateway.jid]);
        assert.equal(network.name, 'Laptop');
        assert.ok(network.canSign && network.isMember && network.isHost);
        assert.deepEqual(devices(network).devices[0], { key: network.gateway.key, jid: network.gateway.jid, roles: ['host', 'management'], aliases: [] });
        assert.deepEqual(listed(network), ['laptop', 'home', 'attic']);
        assert.deepEqual(network.userCertificate, home.userCertificate);
      }
    });

    it('in a list that goes on beyond what was issued since, whoever asks for a signature asks there', async () => {
      await home.createDevice('TV');
      await clock.advance(1000);
      const restored = await restoreOn(laptop, backup);
      assert.ok(devices(restored).seq > devices(home).seq);
      assert.deepEqual(devices(restored).devices.map(({ roles }) => roles.join(' ')), ['host management', 'host', 'host']);
      await meet(restored, attic);
      assert.equal(verdict(attic, restored.gateway), 'own');
      assert.equal(devices(attic).devices.find(({ roles }) => roles.includes('management'))?.key, restored.gateway.key);
    });

    it('the lost one stays listed until it is removed', async () => {
      const nas = await home.hostDevice('uuid:1', 'NAS');
      const restored = await restoreOn(laptop, backup, { lists: elementsOf(home) });
      assert.equal(verdict(restored, home.gateway), 'own');
      assert.equal(verdict(restored, nas), 'own-hosted');
      await restored.removeDevice(home.gateway.key);
      await meet(restored, attic);
      for (const network of [restored, attic]) assert.deepEqual([verdict(network, home.gateway), verdict(network, nas)], ['removed-key', 'not-listed']);
      await home.lists.offerAll(elementsOf(restored));
      await home.adopt();
      assert.equal(home.isMember, false);
      assert.equal(home.lists.snapshot.lists.find(({ type }) => type === 'devices')?.seq, devices(restored).seq, 'it has the key, and still does not list itself again');
    });

    it('of a local-only network, too', async () => {
      const local = await Network.create(new Machine('restore-local', clock).deps, options, { name: 'Home' });
      const restored = await restoreOn(laptop, local.exportBackup());
      assert.ok(restored.isLocalOnly);
      assert.equal(restored.id, local.id);
    });

    it('where other devices are in another account by now, and moves them when it is told to', async () => {
      const account = parseJid('me@new.example');
      await home.extend(account);
      const restored = await restoreOn(laptop, backup, { lists: elementsOf(home) });
      assert.deepEqual(devices(restored).devices.map(({ jid }) => bareJid(jid)), [ACCOUNT, account, account]);
      await restored.extend(account);
      assert.equal(restored.bare, account);
      assert.ok(devices(restored).devices.every(({ jid }) => bareJid(jid) === account));
    });

    it('of which a backup can be made', async () => {
      const restored = await restoreOn(laptop, backup);
      const again = await restoreOn(new Machine('restore-again', clock), restored.exportBackup(), { name: 'Third' });
      assert.deepEqual(listed(again), ['third', 'laptop', 'home', 'attic']);
      assert.throws(() => attic.exportBackup(), { code: 'not-allowed' });
    });
  });

  describe('that can\'t be restored', () => {
    it('where there is a network already, is refused', async () => {
      await assert.rejects(Network.restore(new Machine('restore-x', clock).deps, options, { ...backup, userKey: await testKey('restore-attic-0') }), { code: 'malformed' });
      await restoreOn(laptop, backup);
      const before = new Map(laptop.disk.documents);
      await assert.rejects(restoreOn(laptop, backup), { code: 'already-initialised' });
      assert.deepEqual(laptop.disk.documents, before);
    });

    it('without a list of the devices, or in a full JID, is refused', async () => {
      await assert.rejects(restoreOn(laptop, backup, { lists: [] }), { code: 'malformed' });
      await assert.rejects(restoreOn(laptop, backup, { account: parseJid(`${ACCOUNT}/x`) }), { code: 'malformed' });
      assert.equal(await Network.load(laptop.deps, options), undefined);
    });

    it('with more removed keys than are remembered, is refused', async () => {
      const removed = [{ network: home.id, type: 'devices' as const, signer: home.id, keys: new Set(['a', 'b'].map(fakeKey)) }];
      await assert.rejects(Network.restore(laptop.deps, { ...options, removedKeys: 1 }, { ...backup, removed }), { code: 'too-large' });
    });

    it('as the disk fails in the middle, leaves nothing that counts, and can be restored again', async () => {
      for (const how of ['isFull', 'isDead'] as const) {
        let isDone = false;
        for (let writes = 0; !isDone; writes += 1) {
          assert.ok(writes < 20);
          const machine = new Machine(`restore-broken`, clock);
          const failure = machine.disk.failAfter(writes, how);
          const outcome = restoreOn(machine, backup).then(() => 'done', ({ code }: { code: string }) => code);
          const first = await (how === 'isFull' ? outcome : Promise.race([outcome, failure]));
          isDone = first === 'done';
          assert.ok(isDone || first === (how === 'isFull' ? 'storage-failed' : undefined), String(first));
          machine.disk = machine.disk.restarted();
          if (!isDone) {
            assert.equal(await Network.load(machine.deps, options), undefined);
            await restoreOn(machine, backup);
          }
          assert.deepEqual(listed(await machine.load()), ['laptop', 'home', 'attic'], 'the device that never came to be is in no list');
          assert.deepEqual(machine.keys, ['device', 'user']);
        }
      }
    });
  });
});
