import assert from 'node:assert/strict';
import type { KeyName, PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import { followsFrom, unlistedEntries } from '../../../src/xpmn/trust/overtaken.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { device, list, NOW, options, somebody } from './world.ts';
import type { Draft, Somebody } from './world.ts';

const ME = 'me@home.example';

describe('overtaken lists', () => {
  let [u, g, p, h, fu]: Somebody[] = [];
  let disk: MemoryDisk;
  let store: ListStore;
  const by = (who: Somebody | undefined) => who as Somebody;
  const open = (changes: Partial<typeof options> = {}): Promise<ListStore> =>
    ListStore.open({ storage: new MemoryStorage(disk), clock: new FakeClock(NOW) }, { ...options, ...changes }, by(u).name);
  const devices = (seq: number, who: (Somebody | undefined)[], removed: (Somebody | undefined)[] = [], draft: Draft = {}): VerifiedList =>
    list('devices', by(u), { seq, devices: who.map((one, at) => device(by(one), `${ME}/device${at}`)), removed: removed.map(by), ...draft });
  const friends = (seq: number, draft: Draft = {}): VerifiedList => list('friends', by(u), { seq, ...draft });
  const none: ReadonlySet<KeyName> = new Set();

  before(async () => {
    [u, g, p, h, fu] = await Promise.all(['u', 'g', 'p', 'h', 'fu'].map((name) => somebody(`acceptance-${name}`)));
  });
  beforeEach(async () => {
    disk = new MemoryDisk();
    store = await open();
  });

  describe('are those from which the newest does not follow:', () => {
    const follows = (newest: VerifiedList, other: VerifiedList, removedEver = none, changes: Partial<typeof options> = {}): boolean =>
      followsFrom(newest, other, removedEver, { ...options, ...changes });

    it('an entry that is neither in it nor removed', () => {
      assert.equal(follows(devices(2, [g]), devices(1, [g, p])), false);
      assert.equal(follows(devices(2, [g, p]), devices(1, [g])), true);
      assert.equal(follows(devices(2, [g], [p]), devices(1, [g, p]), new Set([by(p).name])), true);
      assert.equal(follows(devices(2, [g]), devices(1, [g, p]), new Set([by(p).name])), true, 'removed at some time, by whatever list');
      assert.equal(follows(friends(2), friends(1, { friends: [{ who: by(fu), jid: 'a@b' }] })), false);
    });

    it('a removal that it does not tell', () => {
      const removedEver = new Set([by(p).name]);
      assert.equal(follows(devices(2, [g]), devices(1, [g], [p]), removedEver), false);
      assert.equal(follows(devices(2, [g], [p, h]), devices(1, [g], [p]), removedEver), true);
    });

    it('but for a removal that has no room', () => {
      const removedEver = new Set([by(p).name]);
      assert.equal(follows(devices(2, [g], [h]), devices(1, [g], [p]), removedEver, { listEntries: 2 }), true);
      assert.equal(follows(devices(2, [g], [h]), devices(1, [g], [p]), removedEver, { listEntries: 3 }), false);
      assert.equal(follows(devices(2, [g, p]), devices(1, [g], [p]), removedEver, { listEntries: 2 }), false, 'a key that is listed can\'t be excused so');
    });

    it('never one that has other names and roles for the same keys', () => {
      assert.equal(follows(devices(2, [], [], { devices: [device(by(g), 'other@home.example/x', { roles: 'host' })] }), devices(1, [g])), true);
    });
  });

  it('are kept, whichever came first, until a list follows from them', async () => {
    const [before, after] = [devices(5, [g, p]), devices(6, [g, h])];
    for (const order of [[before, after], [after, before]]) {
      disk = new MemoryDisk();
      store = await open();
      for (const one of order) await store.offer(one.element);
      assert.deepEqual(store.snapshot.lists.map(({ seq }) => seq), [6]);
      for (const reader of [store, await open()]) assert.deepEqual(reader.overtaken.map(({ seq }) => seq), [5]);
      await store.offer(devices(7, [g, h], [p]).element);
      for (const reader of [store, await open()]) assert.deepEqual(reader.overtaken, []);
      assert.deepEqual([...disk.documents.keys()].filter((name) => name.includes('overtaken')), []);
    }
  });

  it('are none in an ordinary life', async () => {
    for (const one of [devices(1, [g]), devices(2, [g, p]), devices(3, [g], [p]), devices(4, [g, h], [p]), friends(1), friends(2)]) await store.offer(one.element);
    for (const one of [devices(1, [g]), devices(2, [g, p])]) assert.equal((await store.offer(one.element)).outcome, 'older');
    assert.deepEqual(store.overtaken, []);
  });

  it('are news, once', async () => {
    const told: number[] = [];
    store.on('changed', ({ seq }) => told.push(seq));
    await store.offer(devices(5, [g, p]).element);
    await store.offer(devices(6, [g]).element);
    assert.deepEqual(told, [5, 6, 5], 'who hears of the new one only hears of the other at once');
    await store.offer(devices(5, [g, p]).element);
    await store.offer(devices(4, [g, h]).element);
    await store.offer(devices(4, [g, h]).element);
    assert.deepEqual(told, [5, 6, 5, 4]);
  });

  it('are bounded in number: the newest stay, also after a restart', async () => {
    store = await open({ overtakenLists: 2 });
    await store.offer(devices(9, [g]).element);
    for (const seq of [3, 5, 4, 6, 2]) await store.offer(devices(seq, [g, p]).element);
    assert.deepEqual(store.overtaken.map(({ seq }) => seq), [6, 5]);
    await store.offer(friends(9).element);
    await store.offer(friends(1, { friends: [{ who: by(fu), jid: 'a@b' }] }).element);
    assert.deepEqual(store.overtaken.map(({ type, seq }) => `${type} ${seq}`), ['devices 6', 'devices 5', 'friends 1'], 'those of one type push out none of another');
    assert.equal((await open()).overtaken.length, 3);
  });

  it('are given to own devices, with what they lack, and to nobody else', async () => {
    const peer = (verdict: PeerIdentity['verdict'], network: Somebody | undefined): PeerIdentity => ({ verdict, key: by(p).name, jid: parseJid('a@b/c'), network: by(network).name, roles: [] });
    await store.offer(devices(5, [g, p]).element);
    await store.offer(devices(6, [g]).element);
    const [held] = store.overtaken;
    const heads = store.heads(peer('own', u));
    assert.deepEqual(heads.map(({ seq }) => seq), [6], 'they are no heads');
    for (const verdict of ['own', 'own-hosted'] as const) assert.deepEqual(store.lacking(heads, peer(verdict, u)).map(({ seq }) => seq), [5]);
    assert.deepEqual(store.lacking(heads, peer('friend', fu)), []);
    assert.deepEqual(store.lacking(heads, peer('pairing', fu)), []);
    assert.deepEqual(store.lacking([{ ...heads[0], ...held } as typeof heads[0] & object], peer('own', u)).map(({ seq }) => seq), [6], 'who has it as its newest needs the newer one only');
    const small = await open({ listsPerAnswer: 1 });
    assert.deepEqual(small.lacking([], peer('own', u)).map(({ seq }) => seq), [6]);
  });

  it('of hosts and of friends\' networks are not kept', async () => {
    await store.offer(devices(1, [], [], { devices: [device(by(g), `${ME}/gateway`, { roles: 'host' })] }).element);
    await store.offer(friends(1, { friends: [{ who: by(fu), jid: 'a@b' }] }).element);
    for (const [seq, who] of [[1, [p]], [2, []]] as const) {
      await store.offer(list('hosted', by(u), { seq, devices: who.map((one) => device(by(one), `${ME}/x`)) }, by(g)).element);
      await store.offer(list('devices', by(fu), { seq, devices: who.map((one) => device(by(one), 'a@b/x')) }).element);
    }
    assert.deepEqual(store.overtaken, []);
  });

  it('are stored before what overtook them: no crash forgets them', async () => {
    await store.offer(devices(5, [g, p]).element);
    const before = disk;
    for (const writes of [0, 1, 2]) {
      disk = before.restarted();
      const death = disk.failAfter(writes, 'isDead');
      await Promise.race([(await open()).offer(devices(6, [g]).element), death]);
      disk = disk.restarted();
      store = await open();
      assert.ok([...store.snapshot.lists, ...store.overtaken].some(({ seq }) => seq === 5), `after ${writes} writes`);
      assert.equal(store.snapshot.lists[0]?.seq, writes < 2 ? 5 : 6);
      await store.offer(devices(6, [g]).element);
      assert.deepEqual(store.overtaken.map(({ seq }) => seq), [5]);
    }
  });

  it('that are damaged keep the store from opening', async () => {
    await store.offer(devices(5, [g, p]).element);
    await store.offer(devices(6, [g]).element);
    const name = [...disk.documents.keys()].find((one) => one.includes('overtaken')) as string;
    disk.documents.set(name, disk.documents.get([...disk.documents.keys()].find((one) => one.startsWith('trust/lists/')) as string) as Buffer);
    await assert.rejects(open(), { code: 'storage-failed' });
  });

  it('show which entries went missing: neither listed nor removed, as the newest of them says', () => {
    const key = (who: Somebody | undefined): KeyName => by(who).name;
    const overtaken = [devices(5, [p]), devices(4, [g, p, h, fu])].flatMap((one) => one.devices);
    const missing = unlistedEntries(devices(6, [g]).devices, overtaken, new Set([key(fu)]));
    assert.deepEqual(missing.map((entry) => [entry.key, entry.jid]), [[key(p), `${ME}/device0`], [key(h), `${ME}/device2`]]);
  });
});
