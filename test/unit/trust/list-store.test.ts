import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyName, PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { headOf, headsElement, readHeads } from '../../../src/xpmn/trust/heads.ts';
import type { ListType } from '../../../src/xpmn/trust/list-document.ts';
import { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { DAY, device, list, NOW, options, somebody } from './world.ts';
import type { Draft, Somebody } from './world.ts';

const ME = 'me@home.example';
const PAL = 'pal@away.example';

describe('the store of lists', () => {
  let [u, g, p, h, fu, fg, xu]: Somebody[] = [];
  let disk: MemoryDisk;
  let store: ListStore;

  const open = (changes: Partial<typeof options> = {}): Promise<ListStore> =>
    ListStore.open({ storage: new MemoryStorage(disk), clock: new FakeClock(NOW) }, { ...options, ...changes }, (u as Somebody).name);
  const by = (who: Somebody | undefined) => who as Somebody;
  const mine = (draft: Draft = {}): VerifiedList => list('devices', by(u), { devices: [device(by(g), `${ME}/gateway`, { roles: 'host' }), device(by(p), `${ME}/phone`)], ...draft });
  const hosted = (draft: Draft = {}): VerifiedList => list('hosted', by(u), { devices: [device(by(h), `${ME}/nas`)], ...draft }, by(g));
  const friends = (draft: Draft = {}): VerifiedList => list('friends', by(u), { friends: [{ who: by(fu), jid: PAL }], ...draft });
  const pals = (draft: Draft = {}): VerifiedList => list('devices', by(fu), { devices: [device(by(fg), `${PAL}/gateway`, { roles: 'host' })], ...draft });
  const offer = async (one: VerifiedList, to = store): Promise<string> => {
    const outcome = await to.offer(one.element);
    return outcome.outcome === 'void' ? outcome.reason : outcome.outcome;
  };
  const isPhone = (of = store): string => {
    const judgement = of.judge(by(p).leaf, parseJid(`${ME}/phone`));
    return judgement.verdict === 'stranger' ? judgement.reason : judgement.verdict;
  };

  before(async () => {
    [u, g, p, h, fu, fg, xu] = await Promise.all(['u', 'g', 'p', 'h', 'fu', 'fg', 'xu'].map((name) => somebody(`acceptance-${name}`)));
  });
  beforeEach(async () => {
    disk = new MemoryDisk();
    store = await open();
  });

  it('keeps the highest and never goes back, also after a restart', async () => {
    const [first, second] = [mine({ seq: 1 }), mine({ seq: 2, devices: [] })];
    assert.equal(await offer(first), 'accepted');
    assert.equal(isPhone(), 'own');
    assert.equal(await offer(second), 'accepted');
    assert.equal(isPhone(), 'not-listed');
    assert.equal(await offer(first), 'older');
    assert.equal(await offer(second), 'older');
    store = await open();
    assert.equal(await offer(first), 'older');
    assert.deepEqual(store.snapshot.lists, [second]);
  });

  it('ends at the same state in whatever order lists come', async () => {
    const all = [1, 2, 2, 3].flatMap((seq, i) => [mine({ seq, issued: NOW + i * 1000, removed: i === 1 ? [by(h)] : [] }), friends({ seq })]);
    const highest = [all.filter(({ type }) => type === 'devices').at(-1), all.filter(({ type }) => type === 'friends').at(-1)];
    await fc.assert(fc.asyncProperty(fc.shuffledSubarray(all, { minLength: all.length }), async (order) => {
      disk = new MemoryDisk();
      store = await open();
      for (const one of order) await offer(one);
      assert.deepEqual(new Set(store.snapshot.lists.map(({ hash }) => hash)), new Set(highest.map((one) => one?.hash)));
      assert.ok(store.snapshot.removed.some(({ keys }) => keys.has(by(h).name)));
      assert.deepEqual(new Set((await open()).snapshot.lists), new Set(store.snapshot.lists));
    }), { numRuns: 15 });
  });

  it('remembers every removal: after a restart, from an older list, and when a newer list has the key again', async () => {
    await offer(mine({ seq: 5 }));
    assert.equal(await offer(mine({ seq: 4, devices: [], removed: [by(p)] })), 'older');
    assert.equal(isPhone(), 'removed-key');
    store = await open();
    await offer(mine({ seq: 6 }));
    assert.equal(isPhone(), 'removed-key');
  });

  describe('keeps the list that removed a device, for that device,', () => {
    const removal = (issued = NOW + 1000): VerifiedList => mine({ devices: [device(by(g), `${ME}/gateway`, { roles: 'host' })], removed: [by(p)], issued });
    const kept = (of: ListStore, who = p): string | undefined => of.farewellTo(by(who).name)?.hash;

    it('also when others follow, and after a restart', async () => {
      assert.equal(kept(store), undefined);
      for (const one of [mine(), removal(), mine({ devices: [device(by(h), `${ME}/new`)], removed: [by(p)], removedAt: NOW + 1000, issued: NOW + 9000 })]) await offer(one);
      assert.equal(kept(store), removal().hash);
      assert.equal(kept(await open()), removal().hash);
      assert.equal(kept(store, g), undefined);
    });

    it('and no list that only tells of it, is older than what is known, or is a friend\'s or a host\'s', async () => {
      await offer(mine({ devices: [], removed: [by(p)], removedAt: NOW - 1000 }));
      await offer(mine({ devices: [], removed: [by(p)], issued: NOW - 5000 }));
      assert.equal(kept(store), undefined);
      store = await open();
      await offer(mine({ seq: 9e12, issued: NOW + 1000 }));
      await offer(friends());
      await offer(pals({ devices: [], removed: [by(fg)] }));
      await offer(hosted({ devices: [], removed: [by(h)] }));
      assert.deepEqual([kept(store, fg), kept(store, h)], [undefined, undefined]);
    });

    it('the first of two that could have, where both are of one second', async () => {
      const rest = [device(by(g), `${ME}/gateway`)];
      const first = mine({ devices: rest, removed: [by(p)], issued: NOW + 1000, seq: 1 });
      await offer(first);
      await offer(mine({ devices: [...rest, device(by(h), `${ME}/new`)], removed: [by(p)], issued: NOW + 1000, seq: 2 }));
      assert.equal(kept(store), first.hash);
      assert.equal(kept(await open()), first.hash);
    });

    it('a bounded number of them: the newest', async () => {
      store = await open({ farewellLists: 2 });
      const others = [h, fu, fg];
      for (const [at, who] of others.entries()) await offer(mine({ devices: [], removed: [by(who)], issued: NOW + 1000 * (at + 1) }));
      assert.deepEqual(others.map((who) => kept(store, who) !== undefined), [false, true, true]);
      assert.equal([...disk.documents.keys()].filter((name) => name.startsWith('trust/farewells/')).length, 2);
    });
  });

  it('tells of changes, and of nothing else', async () => {
    const told: string[] = [];
    store.on('changed', ({ type, seq }) => told.push(`${type} ${seq}`));
    await offer(mine({ seq: 5 }));
    await offer(mine({ seq: 5 }));
    await offer(mine({ seq: 3 }));
    await offer(mine({ seq: 4, devices: [], removed: [by(p)] }));
    await offer(pals());
    assert.deepEqual(told, ['devices 5', 'devices 4']);
  });

  it('takes a hosted list only from a current host', async () => {
    assert.equal(await offer(hosted()), 'wrong-signer');
    await offer(mine({ seq: 1, devices: [device(by(g), `${ME}/gateway`)] }));
    assert.equal(await offer(hosted()), 'wrong-signer');
    await offer(mine({ seq: 2 }));
    assert.equal(await offer(hosted()), 'accepted');
    await offer(mine({ seq: 3, devices: [], removed: [by(g)] }));
    assert.equal(await offer(hosted({ seq: 2_000_000_000 })), 'wrong-signer');
  });

  it('takes lists of friends only, and of them neither their friends nor what is from the future', async () => {
    assert.equal(await offer(pals()), 'other-network');
    await offer(friends());
    assert.equal(await offer(pals({ issued: NOW + DAY + 1000 })), 'issued-ahead');
    assert.equal(await offer(pals({ issued: NOW + DAY })), 'accepted');
    assert.equal(await offer(list('friends', by(fu), {})), 'other-network');
    assert.equal(await offer(list('devices', by(xu), {})), 'other-network');
    assert.equal(await offer(mine({ issued: NOW + 500 * DAY })), 'accepted');
    await offer(friends({ friends: [], removed: [by(fu)], seq: 2_000_000_000 }));
    assert.equal(await offer(pals({ issued: NOW + DAY, seq: 2_000_000_000 })), 'other-network');
  });

  it('takes several in whatever order, each after what its signer\'s right rests on', async () => {
    const palHosted = list('hosted', by(fu), { devices: [] }, by(fg));
    const outcomes = await store.offerAll([palHosted, hosted(), pals(), friends(), mine(), { ...mine(), element: xml('signed', 'urn:x') }].map(({ element }) => element));
    assert.deepEqual(outcomes.map(({ outcome }) => outcome), ['void', 'accepted', 'accepted', 'accepted', 'accepted', 'accepted']);
    assert.equal(store.snapshot.lists.length, 5);
  });

  it('says why a list is void', async () => {
    const signed = mine().element;
    assert.deepEqual(await store.offer({ ...signed, children: signed.children.slice(1) }), { outcome: 'void', reason: 'malformed' });
    assert.deepEqual(await store.offer(xml('presence', 'jabber:client')), { outcome: 'void', reason: 'malformed' });
    assert.deepEqual(disk.documents.size, 0);
  });

  it('keeps a bounded number of hosted lists, forgetting those of removed hosts first', async () => {
    const hosts = [by(g), by(p), by(h)];
    const devices = hosts.map((who, i) => device(who, `${ME}/gateway${i}`, { roles: 'host' }));
    const of = (who: Somebody): VerifiedList => list('hosted', by(u), {}, who);
    store = await open({ hostedLists: 2 });
    await offer(mine({ seq: 1, devices }));
    for (const [who, outcome] of [[g, 'accepted'], [p, 'accepted'], [h, 'too-many-hosts'], [g, 'older']] as const) assert.equal(await offer(of(by(who))), outcome);
    await offer(mine({ seq: 2, devices: devices.slice(1), removed: [by(g)] }));
    assert.equal(await offer(of(by(h))), 'accepted');
    const signers = (from: ListStore): Set<KeyName> => new Set(from.snapshot.lists.filter(({ type }) => type === 'hosted').map(({ signer }) => signer));
    assert.deepEqual(signers(store), new Set([by(p).name, by(h).name]));
    assert.deepEqual(signers(await open()), signers(store));
  });

  it('remembers a bounded number of removals, and takes no list beyond it', async () => {
    store = await open({ removedKeys: 2 });
    assert.equal(await offer(mine({ seq: 1, devices: [], removed: [by(p), by(h)] })), 'accepted');
    assert.equal(await offer(mine({ seq: 2, devices: [], removed: [by(p), by(h), by(xu)] })), 'too-many-removed');
    assert.equal(await offer(mine({ seq: 2, devices: [], removed: [by(h), by(p)] })), 'accepted');
  });

  it('counts what it learnt even if it can\'t be stored, and stores it with the next offer', async () => {
    await offer(mine({ seq: 1 }));
    disk.isFull = true;
    let told = 0;
    store.on('changed', () => (told += 1));
    const removal = mine({ seq: 2, devices: [device(by(g), `${ME}/gateway`, { roles: 'host' })], removed: [by(p)] });
    await assert.rejects(store.offer(removal.element), { code: 'storage-failed' });
    assert.equal(isPhone(), 'removed-key');
    assert.equal(told, 1);
    disk.isFull = false;
    assert.equal(await offer(removal), 'older');
    assert.equal(isPhone(await open()), 'removed-key');
  });

  it('counts all that it learnt at once even if the first of it can\'t be stored', async () => {
    await offer(mine({ seq: 1 }));
    disk.isFull = true;
    const removal = friends({ seq: 9, friends: [], removed: [by(xu)] });
    await assert.rejects(store.offerAll([mine({ seq: 2 }).element, removal.element]), { code: 'storage-failed' });
    assert.ok(store.removedBy(removal).has(by(xu).name));
  });

  it('does not start on a damaged document', async () => {
    await offer(mine({ removed: [by(xu)] }));
    for (const name of disk.documents.keys()) {
      const right = disk.documents.get(name) as Buffer;
      for (const wrong of ['', '{}', 'x', '{"version":2,"keys":[]}', '{"version":1,"keys":["a"]}', friends().element.name]) {
        disk.documents.set(name, Buffer.from(wrong));
        await assert.rejects(open(), { code: 'storage-failed' });
      }
      disk.documents.set(name, right);
    }
    await open();
  });

  describe('heads', () => {
    const peer = (verdict: PeerIdentity['verdict'], network: Somebody | undefined): PeerIdentity =>
      ({ verdict, key: by(p).name, jid: parseJid('a@b/c'), network: by(network).name, roles: [] });
    const kinds = (lists: readonly { type: ListType; network: KeyName }[]): string[] =>
      lists.map(({ type, network }) => `${network === by(u).name ? 'my' : network === by(fu).name ? 'pal' : 'other'} ${type}`).sort();

    beforeEach(async () => {
      const both = friends({ friends: [{ who: by(fu), jid: PAL }, { who: by(xu), jid: 'x@y' }] });
      await store.offerAll([mine(), both, hosted(), pals(), list('devices', by(xu), {})].map(({ element }) => element));
    });

    it('tell own devices everything, friends what concerns them', () => {
      const all = ['my devices', 'my friends', 'my hosted', 'other devices', 'pal devices'];
      for (const verdict of ['own', 'own-hosted'] as const) {
        assert.deepEqual(kinds(store.heads(peer(verdict, u))), all);
        assert.deepEqual(kinds(store.lacking([], peer(verdict, u))), all);
      }
      assert.deepEqual(kinds(store.heads(peer('friend', fu))), ['my devices', 'my hosted', 'pal devices']);
      assert.deepEqual(kinds(store.lacking([], peer('friend', fu))), ['my devices', 'my hosted', 'pal devices']);
      assert.deepEqual(kinds(store.snapshot.lists.filter((one) => store.mayRead(one, peer('friend', xu)))), ['my devices', 'my hosted', 'other devices']);
    });

    it('tell a device that is being paired nothing', () => {
      assert.deepEqual(store.heads(peer('pairing', xu)), []);
      assert.deepEqual(store.lacking([], peer('pairing', xu)), []);
    });

    it('bring what is lacking or older, and nothing else', () => {
      const heads = store.heads(peer('own', u));
      assert.deepEqual(store.lacking(heads, peer('own', u)), []);
      const older = heads.map((head) => (head.type === 'hosted' ? { ...head, seq: head.seq - 1 } : head));
      assert.deepEqual(kinds(store.lacking(older, peer('own', u))), ['my hosted']);
      const twin = heads.map((head) => (head.type === 'friends' ? { ...head, hash: '0'.repeat(64) } : head));
      assert.deepEqual(kinds(store.lacking(twin, peer('own', u))), ['my friends']);
      assert.deepEqual(store.lacking(heads.map((head) => ({ ...head, seq: head.seq + 1 })), peer('own', u)), []);
    });

    it('bring a bounded number and a bounded size, the most needed first', async () => {
      const few = await open({ listsPerAnswer: 2 });
      assert.deepEqual(kinds(few.lacking([], peer('own', u))), ['my devices', 'my friends']);
      const small = await open({ answerBytes: 2000 });
      assert.deepEqual(kinds(small.lacking([], peer('own', u))), ['my devices']);
    });

    it('travel as XML; what makes no sense is left out, too many are refused', () => {
      const heads = store.snapshot.lists.map(headOf);
      assert.deepEqual(readHeads(headsElement(heads), options), heads);
      const [first] = heads;
      assert.ok(first);
      const element = headsElement([first, { ...first, seq: -1 }, { ...first, hash: 'x' }, { ...first, type: 'odd' as ListType }, { ...first, signer: 'X' as KeyName }]);
      assert.deepEqual(readHeads(element, options), [first]);
      assert.throws(() => readHeads(element, { heads: 4 }), { code: 'too-large' });
      assert.throws(() => readHeads(xml('heads', 'urn:x'), options), { code: 'malformed' });
    });
  });
});
