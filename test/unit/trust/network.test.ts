import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { bareJid, parseJid } from '../../../src/xpmn/model/jid.ts';
import { readCertificate } from '../../../src/xpmn/trust/certificate.ts';
import type { DeviceCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import { keyNameOf } from '../../../src/xpmn/trust/keys.ts';
import { localBareJid, sourceName } from '../../../src/xpmn/trust/names.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import { needsReissue, nextSeq } from '../../../src/xpmn/trust/reissue.ts';
import { issueList } from '../../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { devicesList, hostedList } from '../../../src/xpmn/trust/snapshot.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey, testKeyMaker } from '../../support/keys.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { DAY, list, NOW, options, somebody } from './world.ts';

const ACCOUNT = parseJid('me@home.example');

class Machine {
  readonly disk = new MemoryDisk();
  readonly clock = new FakeClock(NOW);
  private readonly generateKey: () => Promise<KeyObject>;
  constructor(keys: string) {
    this.generateKey = testKeyMaker(keys);
  }
  get deps() {
    return { storage: new MemoryStorage(this.disk), clock: this.clock, random: new FakeRandom(), generateKey: this.generateKey };
  }
  create = (account?: typeof ACCOUNT): Promise<Network> => Network.create(this.deps, options, { name: 'Gateway of München', account });
  load = async (changes: Partial<typeof options> = {}): Promise<Network> => {
    const network = await Network.load(this.deps, { ...options, ...changes });
    assert.ok(network);
    return network;
  };
}

const devices = (network: Network): VerifiedList => devicesList(network.lists.snapshot, network.id) as VerifiedList;
const hosted = (network: Network): VerifiedList | undefined => hostedList(network.lists.snapshot, network.id, network.gateway.key);
const verdict = (network: Network, { certificate, jid }: Pick<DeviceCredentials, 'certificate' | 'jid'>): string => {
  const judgement = network.lists.judge(certificate.der, jid);
  return judgement.verdict === 'stranger' ? judgement.reason : judgement.verdict;
};
const give = (from: Network, to: Network) => to.lists.offerAll(from.lists.snapshot.lists.map(({ element }) => element));

describe('a media network', () => {
  let machine: Machine;
  let home: Network;

  beforeEach(async function () {
    this.timeout(30_000);
    machine = new Machine('network-home');
    home = await machine.create(ACCOUNT);
  });

  it('begins with a user key and one device, host and management', async () => {
    assert.equal(home.id, keyNameOf(await testKey('network-home-0')));
    assert.match(home.gateway.jid, /^me@home\.example\/gateway-of-munchen-[a-z2-7]{4}$/);
    assert.deepEqual(devices(home).devices, [{ key: home.gateway.key, jid: home.gateway.jid, roles: ['host', 'management'], aliases: [] }]);
    assert.equal(verdict(home, home.gateway), 'own');
    assert.ok(home.isManagement && home.isMember && !home.isLocalOnly);
    assert.deepEqual(readCertificate(home.gateway.certificate.der).xmppAddrs, [home.gateway.jid]);
    assert.equal(readCertificate(home.userCertificate.der).key, home.id);
    assert.ok(new X509Certificate(home.gateway.certificate.der).checkPrivateKey(await testKey('network-home-1')));
  });

  it('without an account is local-only, under a name of its own', async () => {
    const local = await new Machine('network-local').create();
    assert.equal(local.bare, localBareJid(local.id));
    assert.match(local.bare, /^net-[a-z2-7]{8}@xpmn\.local$/);
    assert.ok(local.isLocalOnly);
  });

  it('is the same after a restart, and is not made twice', async () => {
    const again = await machine.load();
    assert.equal(again.id, home.id);
    assert.deepEqual(again.gateway, home.gateway);
    assert.equal(again.name, home.name);
    assert.ok(again.isManagement);
    await assert.rejects(machine.create(), { code: 'already-initialised' });
    assert.equal(await Network.load(new Machine('network-none').deps, options), undefined);
  });

  it('that was never completed is none, and can be begun again', async () => {
    machine.disk.documents.delete('trust/network');
    assert.equal(await Network.load(machine.deps, options), undefined);
    assert.notEqual((await machine.create(ACCOUNT)).id, home.id);
    assert.ok((await machine.load()).isManagement);
  });

  it('keeps keys as PKCS#8 PEM documents', () => {
    const names = [...machine.disk.documents.keys()].filter((name) => name.startsWith('trust/keys/')).sort();
    assert.deepEqual(names, ['trust/keys/device', 'trust/keys/user']);
    for (const name of names) assert.match(String(machine.disk.documents.get(name)), /^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('does not start on damaged state', async () => {
    for (const name of ['trust/network', 'trust/keys/device', 'trust/keys/user']) {
      const right = machine.disk.documents.get(name) as Buffer;
      for (const wrong of ['', '{"version":1}', '{"version":9}', 'null']) {
        machine.disk.documents.set(name, Buffer.from(wrong));
        await assert.rejects(machine.load(), { code: 'storage-failed' });
      }
      machine.disk.documents.set(name, right);
    }
    machine.disk.documents.set('trust/keys/user', machine.disk.documents.get('trust/keys/device') as Buffer);
    await assert.rejects(machine.load(), { code: 'storage-failed' });
  });

  describe('devices', () => {
    it('are added, once however often, and found after a restart', async () => {
      const phone = await somebody('network-phone');
      const entry = { key: phone.name, jid: parseJid(`${ACCOUNT}/phone`), roles: ['host'] };
      const added = await home.addDevice(entry);
      assert.equal(await home.addDevice(entry), added);
      assert.equal(added.devices.length, 2);
      for (const network of [home, await machine.load()]) assert.equal(network.lists.judge(phone.leaf, entry.jid).verdict, 'own');
    });

    it('are refused under a taken key or JID, another account, or a user key', async () => {
      const phone = await somebody('network-phone');
      const jid = parseJid(`${ACCOUNT}/phone`);
      await home.addDevice({ key: phone.name, jid, roles: [] });
      await assert.rejects(home.addDevice({ key: phone.name, jid: parseJid(`${ACCOUNT}/other`), roles: [] }), { code: 'conflict' });
      await assert.rejects(home.addDevice({ key: 'a'.repeat(64) as KeyName, jid, roles: [] }), { code: 'conflict' });
      await assert.rejects(home.addDevice({ key: 'a'.repeat(64) as KeyName, jid: parseJid('x@y/z'), roles: [] }), { code: 'conflict' });
      await assert.rejects(home.addDevice({ key: 'a'.repeat(64) as KeyName, jid: ACCOUNT, roles: [] }), { code: 'conflict' });
      await assert.rejects(home.addDevice({ key: home.id, jid: parseJid(`${ACCOUNT}/u`), roles: [] }), { code: 'not-allowed' });
    });

    it('that are removed never come back', async () => {
      const phone = await somebody('network-phone');
      const entry = { key: phone.name, jid: parseJid(`${ACCOUNT}/phone`), roles: [] };
      await home.addDevice(entry);
      const after = await home.removeDevice(phone.name);
      assert.deepEqual(after.removed.map(({ key }) => key), [phone.name]);
      for (const network of [home, await machine.load()]) {
        assert.equal(network.lists.judge(phone.leaf, entry.jid).verdict, 'stranger');
        await assert.rejects(network.addDevice(entry), { code: 'not-allowed' });
      }
      await assert.rejects(home.removeDevice(phone.name), { code: 'not-found' });
      await assert.rejects(home.removeDevice(home.gateway.key), { code: 'not-allowed' });
      const later = await home.createDevice('TV');
      assert.equal(verdict(home, later), 'own');
      assert.deepEqual(devices(home).removed.map(({ key }) => key), [phone.name], 'new readers learn of it, too');
    });

    it('are taken out of the next list when another holder of the user key removed them', async () => {
      const tv = await home.createDevice('TV');
      const key = await testKey('network-home-0');
      await home.lists.offer(issueList({ ...devices(home), seq: 1, devices: [], removed: [{ key: tv.key, at: NOW }] }, key, options).element);
      assert.equal(verdict(home, tv), 'removed-key');
      await home.createDevice('Radio');
      assert.equal(devices(home).devices.some((device) => device.key === tv.key), false);
      assert.equal(devices(home).removed[0]?.key, tv.key);
    });

    it('are listed in lists whose order survives clocks and backups', async () => {
      assert.equal(devices(home).seq, NOW / 1000);
      await home.createDevice('TV');
      assert.equal(devices(home).seq, NOW / 1000 + 1);
      assert.equal(nextSeq(undefined, NOW), NOW / 1000);
      assert.equal(nextSeq(5, NOW), NOW / 1000);
      assert.equal(nextSeq(2 * NOW, NOW), 2 * NOW + 1);
    });
  });

  describe('a second machine', () => {
    let away: Network;
    let other: Machine;

    beforeEach(async () => {
      other = new Machine('network-away');
      const device = await home.createDevice('Attic', ['host']);
      away = await Network.join(other.deps, options, { name: 'Attic', device, userCertificate: home.userCertificate, lists: home.lists.snapshot.lists.map(({ element }) => element) });
    });

    it('knows the others and is known, without the user key', async () => {
      for (const network of [away, await other.load()]) {
        assert.equal(network.id, home.id);
        assert.equal(network.isManagement, false);
        assert.equal(verdict(network, home.gateway), 'own');
        assert.equal(verdict(home, network.gateway), 'own');
        for (const act of [() => network.createDevice('x'), () => network.removeDevice(home.gateway.key), () => network.extend(ACCOUNT)]) await assert.rejects(act, { code: 'not-allowed' });
      }
      assert.deepEqual([...other.disk.documents.keys()].filter((name) => name.startsWith('trust/keys/')), ['trust/keys/device']);
    });

    it('signs for what it hosts', async () => {
      const nas = await away.hostDevice('uuid:1', 'NAS');
      assert.equal(verdict(home, nas), 'not-listed');
      await give(away, home);
      assert.equal(verdict(home, nas), 'own-hosted');
    });

    it('does not host any more once it lost the role, or was removed; nor is what it hosted trusted', async () => {
      const nas = await away.hostDevice('uuid:1', 'NAS');
      await give(away, home);
      await home.removeDevice(away.gateway.key);
      assert.equal(verdict(home, nas), 'not-listed');
      await give(home, away);
      assert.equal(away.isMember, false);
      await assert.rejects(away.hostDevice('uuid:2', 'TV'), { code: 'not-allowed' });
      assert.equal(await away.adopt(), false);
      assert.equal((await other.load()).isMember, false);
    });

    it('follows into an account, with what it hosts; the old JIDs stay valid among own devices', async () => {
      const nas = await away.hostDevice('uuid:1', 'NAS');
      const before = away.gateway;
      const account = parseJid('me@new.example');
      await home.extend(account);
      await give(home, away);
      assert.equal(await away.adopt(), true);
      assert.equal(await away.adopt(), false);
      await give(away, home);
      const moved = away.hostedDevices.get('uuid:1') as DeviceCredentials;
      assert.equal(bareJid(moved.jid), account);
      assert.equal(moved.key, nas.key);
      for (const network of [home, away, await other.load(), await machine.load()]) {
        assert.equal(network.bare, account);
        for (const own of [before, away.gateway, home.gateway]) assert.equal(verdict(network, own), 'own');
        for (const own of [nas, moved]) assert.equal(verdict(network, own), 'own-hosted');
      }
      assert.deepEqual(readCertificate(moved.certificate.der).xmppAddrs, [moved.jid]);
      assert.deepEqual(readCertificate(away.gateway.certificate.der).xmppAddrs, [away.gateway.jid]);
    });

    it('does not join by lists that don\'t have it, or when it is in a network already', async () => {
      const lists = home.lists.snapshot.lists.map(({ element }) => element);
      const stranger = { ...away.gateway, jid: parseJid(`${ACCOUNT}/other`) };
      const fresh = new Machine('network-fresh');
      await assert.rejects(Network.join(fresh.deps, options, { name: 'x', device: stranger, userCertificate: home.userCertificate, lists }), { code: 'not-trusted' });
      await assert.rejects(Network.join(fresh.deps, options, { name: 'x', device: away.gateway, userCertificate: home.userCertificate, lists: [] }), { code: 'not-trusted' });
      assert.equal(fresh.disk.documents.size, 0);
      await assert.rejects(Network.join(other.deps, options, { name: 'x', device: away.gateway, userCertificate: home.userCertificate, lists }), { code: 'already-initialised' });
    });
  });

  describe('hosted devices', () => {
    it('are the same for ever, by the id of the adapter', async () => {
      const nas = await home.hostDevice('uuid:1', 'My NAS: minidlna');
      assert.match(nas.jid, /^me@home\.example\/my-nas-minidlna-[a-z2-7]{4}$/);
      assert.equal(verdict(home, nas), 'own-hosted');
      assert.deepEqual(await home.hostDevice('uuid:1', 'renamed'), nas);
      assert.deepEqual(await (await machine.load()).hostDevice('uuid:1', 'again'), nas);
      assert.notEqual((await home.hostDevice('uuid:2', 'My NAS: minidlna')).jid, nas.jid);
    });

    it('are listed anew only when something changed', async () => {
      await home.hostDevice('uuid:1', 'NAS');
      const first = hosted(home);
      await home.hostDevice('uuid:1', 'NAS');
      assert.equal(hosted(home), first);
      const again = await machine.load();
      await again.hostDevice('uuid:1', 'NAS');
      assert.equal(hosted(again)?.hash, first?.hash);
    });

    it('are listed with what they stand for, also when an earlier list did not say so', async () => {
      await home.hostDevice('uuid:1', 'NAS');
      const named = hosted(home)?.devices;
      assert.deepEqual(named?.map(({ source }) => source), [sourceName(home.id, 'uuid:1')]);
      const bare = named?.map(({ source: _source, ...device }) => device) ?? [];
      await home.lists.offer(issueList({ type: 'hosted', network: home.id, seq: 9e9, issued: NOW, expires: NOW + DAY, devices: bare, friends: [], removed: [] }, createPrivateKey(home.gateway.privateKey), options).element);
      assert.equal(hosted(home)?.devices[0]?.source, undefined);
      await home.hostDevice('uuid:1', 'NAS');
      assert.deepEqual(hosted(home)?.devices, named);
    });

    it('made at the same time are all listed', async () => {
      const made = await Promise.all(['1', '2', '3', '1'].map((id) => home.hostDevice(id, `Device ${id}`)));
      assert.equal(made[0], made[3]);
      assert.equal(hosted(home)?.devices.length, 3);
      assert.deepEqual([...home.hostedDevices.keys()].sort(), ['1', '2', '3']);
    });

    it('that died on the way to the list are listed after a restart', async () => {
      await home.hostDevice('uuid:1', 'NAS');
      for (const name of machine.disk.documents.keys()) if (name.includes('/hosted-') && name.startsWith('trust/lists/')) machine.disk.documents.delete(name);
      const again = await machine.load();
      assert.equal(hosted(again)?.devices.length, 1);
    });

    it('that are removed come back as others', async () => {
      const nas = await home.hostDevice('uuid:1', 'NAS');
      await home.unhostDevice('uuid:1');
      assert.equal(verdict(home, nas), 'removed-key');
      await assert.rejects(home.unhostDevice('uuid:1'), { code: 'not-found' });
      const back = await home.hostDevice('uuid:1', 'NAS');
      assert.notEqual(back.key, nas.key);
      assert.equal(verdict(home, back), 'own-hosted');
      assert.deepEqual(hosted(home)?.removed.map(({ key }) => key), [nas.key]);
    });

    it('stay when the removal can\'t be stored, and are gone for all that', async () => {
      const nas = await home.hostDevice('uuid:1', 'NAS');
      machine.disk.isFull = true;
      await assert.rejects(home.unhostDevice('uuid:1'), { code: 'storage-failed' });
      assert.equal(verdict(home, nas), 'removed-key');
      assert.equal(home.hostedDevices.size, 0);
      machine.disk.isFull = false;
      assert.notEqual((await home.hostDevice('uuid:1', 'NAS')).key, nas.key);
    });
  });

  describe('lists', () => {
    it('are due weekly, when they expired, and when their clock was ahead', () => {
      const key = { name: devices(home) };
      const at = (days: number): boolean => needsReissue(key.name, NOW + days * DAY, options);
      assert.deepEqual([0, 6.9, 7, 31, -0.9, -1.1].map(at), [false, false, true, true, false, true]);
    });

    it('are issued again when due, each by who can sign it', async () => {
      await home.hostDevice('uuid:1', 'NAS');
      assert.deepEqual(await home.refresh(), []);
      await machine.clock.advance(7 * DAY);
      const issued = await home.refresh();
      assert.deepEqual(issued.map(({ type }) => type), ['devices', 'hosted']);
      assert.deepEqual(issued.map(({ issued: at }) => at), [NOW + 7 * DAY, NOW + 7 * DAY]);
      assert.deepEqual(await home.refresh(), []);
    });

    it('carry as many removals as fit, the newest first', async () => {
      const small = await machine.load({ listEntries: 4 });
      for (const name of ['A', 'B', 'C', 'D', 'E']) {
        const made = await small.createDevice(name);
        await machine.clock.advance(1000);
        await small.removeDevice(made.key);
      }
      assert.equal(devices(small).removed.length, 3);
      assert.deepEqual(devices(small).removed.map(({ at }) => at).sort().reverse(), devices(small).removed.map(({ at }) => at));
      assert.equal(small.lists.snapshot.removed[0]?.keys.size, 5, 'readers remember all');
      for (const name of ['F', 'G', 'H']) await small.createDevice(name);
      await assert.rejects(small.createDevice('I'), { code: 'too-large' });
      assert.equal(devices(small).devices.length, 4);
    });

    it('tell of a removal also where there is room for one only, and clocks went back', async () => {
      const small = await machine.load({ listEntries: 2 });
      for (const time of [2, 1, 1, 0]) {
        const made = await small.createDevice('TV');
        await machine.clock.advance(time * 1000 - (machine.clock.now() - NOW));
        const list = await small.removeDevice(made.key);
        assert.deepEqual(list.removed.map(({ key }) => key), [made.key]);
        assert.equal(verdict(small, made), 'removed-key');
      }
    });

    it('of a foreign network change nothing', async () => {
      const foreign = await somebody('network-phone');
      assert.deepEqual(await home.lists.offer(list('devices', foreign, {}).element), { outcome: 'void', reason: 'other-network' });
    });
  });
});
