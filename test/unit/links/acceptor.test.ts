import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { createAcceptor } from '../../../src/xpmn/links/acceptor.ts';
import type { Acceptor } from '../../../src/xpmn/links/acceptor.ts';
import type { ListedPeer } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import type { Opening } from '../../../src/xpmn/ports/security.ts';
import { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';
import { DAY, NOW, device, list, options, somebody } from '../trust/world.ts';
import type { Somebody } from '../trust/world.ts';

const never = new AbortController().signal;
const jid = 'romeo@home.test/nas';
const peer = parseJid(jid);
const interval = settings.gateway.lookUpInterval;
/** For bytes: nothing is shown there. */
const bytes: Opening = { stream: new PassThrough(), role: 'responder', local: peer, application: NS.outOfBand, introduce: false, isVouchedFor: true };

describe('accepting a peer', () => {
  let user: Somebody;
  let nas: Somebody;
  let stranger: Somebody;
  let clock: FakeClock;
  let lists: ListStore;
  let looked: Jid[];
  let lookUp: (account: Jid) => Promise<void>;
  let acceptor: Acceptor;

  before(async function () {
    this.timeout(60_000);
    [user, nas, stranger] = await Promise.all(['acceptor user', 'acceptor nas', 'acceptor stranger'].map(somebody)) as [Somebody, Somebody, Somebody];
  });
  beforeEach(async () => {
    clock = new FakeClock(NOW);
    lists = await ListStore.open({ storage: new MemoryStorage(), clock }, options, user.name);
    looked = [];
    lookUp = () => Promise.resolve();
    acceptor = make();
  });

  function make(lookUps = settings.gateway.lookUps): Acceptor {
    return createAcceptor({ lists, clock, log: silentLogger, lookUp: (account) => (looked.push(account), lookUp(account)) }, { ...settings.gateway, presented: settings.xml.presentedLists, lookUps });
  }
  const befriend = async (...accounts: readonly string[]): Promise<void> => {
    const friends = await Promise.all(accounts.map(async (account) => ({ who: await somebody(`acceptor ${account}`), jid: account })));
    await lists.offer(list('friends', user, { friends }).element);
  };
  const learn = (draft: Parameters<typeof list>[2]): Promise<unknown> => lists.offer(list('devices', user, draft).element);
  const accept = (who = nas, claimed = peer, signal = never): Promise<ListedPeer> => acceptor.accept(who.leaf, claimed, signal, bytes);
  const refused = (promise: Promise<unknown>, code: ErrorCode = 'not-trusted'): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));
  const caught = <T>(promise: Promise<T>): Promise<T> => (promise.catch(() => undefined), promise);

  it('rests on the lists that are known, without asking anybody', async () => {
    await learn({ devices: [device(nas, jid)] });
    const identity = await accept();
    assert.deepEqual([identity.verdict, identity.key, identity.jid, identity.network], ['own', nas.name, peer, user.name]);
    assert.deepEqual(looked, []);
  });

  it('looks a stranger up once, in its account, and judges again', async () => {
    lookUp = async () => void (await learn({ devices: [device(nas, jid)] }));
    assert.equal((await accept()).verdict, 'own');
    assert.deepEqual(looked, [parseJid('romeo@home.test')]);
  });

  it('refuses who stays a stranger, and does not look again within the interval', async () => {
    await befriend('juliet@else.test');
    await refused(accept(stranger));
    await refused(accept(stranger));
    await clock.advance(interval - 1);
    await refused(accept(stranger));
    assert.equal(looked.length, 1);
    await clock.advance(1);
    await refused(accept(stranger));
    assert.equal(looked.length, 2);
    await refused(accept(stranger, parseJid('juliet@else.test/x')));
    assert.equal(looked.length, 3, 'another account');
    await refused(accept(stranger, parseJid('romeo@home.test/other')));
    assert.equal(looked.length, 3, 'the same account');
  });

  it('asks no account but the own and friends\', whoever claims to be of it, or is called', async () => {
    await befriend('juliet@else.test');
    await learn({ devices: [device(nas, jid, { aliases: ['net-abcdefgh@xpmn.local/nas'] })] });
    for (const claimed of ['mallory@evil.test/x', 'romeo@evil.test/nas', 'home.test/nas', 'net-abcdefgh@xpmn.local/nas']) {
      await refused(accept(stranger, parseJid(claimed)));
      await refused(acceptor.accept(stranger.leaf, parseJid(claimed), never, { ...bytes, role: 'initiator' }));
    }
    assert.deepEqual(looked, []);
    await refused(accept(stranger, parseJid('juliet@else.test/x')));
    assert.deepEqual(looked, [parseJid('juliet@else.test')]);
  });

  it('waits for the look-up that another one began, and is not ended by that one', async () => {
    const found: Deferred<void> = deferred();
    lookUp = () => found.promise;
    const leave = new AbortController();
    const first = caught(accept(nas, peer, leave.signal));
    const second = accept();
    await settle();
    leave.abort(new XpmnError('aborted', 'Enough.'));
    await refused(first, 'aborted');
    await learn({ devices: [device(nas, jid)] });
    found.resolve();
    assert.equal((await second).verdict, 'own');
    assert.equal(looked.length, 1);
  });

  it('refuses when the look-up fails, and says nothing of that to the stranger', async () => {
    lookUp = () => Promise.reject(new XpmnError('unreachable', 'A detail.'));
    await assert.rejects(accept(stranger), (error) => error instanceof XpmnError && error.code === 'not-trusted' && !error.message.includes('detail'));
  });

  it('does not keep a stranger waiting for a server that says nothing', async () => {
    lookUp = () => new Promise(() => undefined);
    const waiting = caught(accept(stranger));
    await clock.advance(settings.gateway.lookUpTimeout - 1);
    assert.equal(clock.pending, 2);
    await clock.advance(1);
    await refused(waiting);
    assert.equal(clock.pending, 0);
  });

  it('remembers so many accounts, and no more', async () => {
    acceptor = make(2);
    await befriend('a@x.test', 'b@x.test', 'c@x.test');
    const accounts = ['a@x.test/r', 'b@x.test/r', 'c@x.test/r'].map(parseJid);
    for (const account of accounts) await refused(accept(stranger, account));
    assert.equal(looked.length, 3);
    await refused(accept(stranger, accounts[2]));
    assert.equal(looked.length, 3);
    await refused(accept(stranger, accounts[0]));
    assert.equal(looked.length, 4, 'the oldest was forgotten');
  });

  it('is for a key and a JID together', async () => {
    await learn({ devices: [device(nas, jid), device(stranger, 'romeo@home.test/tv')] });
    await refused(accept(stranger, peer));
    await refused(accept(nas, parseJid('romeo@home.test/tv')));
    assert.equal((await accept(stranger, parseJid('romeo@home.test/tv'))).verdict, 'own');
  });

  describe('holds', () => {
    it('until a list removes the device', async () => {
      await learn({ devices: [device(nas, jid)] });
      const identity = await accept();
      assert.ok(acceptor.stillHolds(identity));
      await learn({ devices: [device(nas, jid), device(stranger, 'romeo@home.test/tv')], issued: NOW + 1000 });
      assert.ok(acceptor.stillHolds(identity), 'a change that does not concern it');
      await learn({ removed: [nas], issued: NOW + 2000 });
      assert.ok(!acceptor.stillHolds(identity));
    });

    it('until the list forgets it, or gives it another JID', async () => {
      await learn({ devices: [device(nas, jid)] });
      const identity = await accept();
      await learn({ devices: [device(nas, 'romeo@home.test/new', { aliases: [jid] })], issued: NOW + 1000 });
      assert.ok(acceptor.stillHolds(identity), 'an alias is the same device');
      await learn({ devices: [device(nas, 'romeo@home.test/new')], issued: NOW + 2000 });
      assert.ok(!acceptor.stillHolds(identity));
    });

    it('until the device is of another kind', async () => {
      await learn({ devices: [device(stranger, 'romeo@home.test/host', { roles: 'host' })] });
      await lists.offer(list('hosted', user, { devices: [device(nas, jid)] }, stranger).element);
      const identity = await accept();
      assert.equal(identity.verdict, 'own-hosted');
      await learn({ devices: [device(stranger, 'romeo@home.test/host', { roles: 'host' }), device(nas, jid)], issued: NOW + 1000 });
      assert.ok(!acceptor.stillHolds(identity));
      assert.equal((await accept()).verdict, 'own');
    });

    it('for own devices beyond the end of the list', async () => {
      await learn({ devices: [device(nas, jid)] });
      const identity = await accept();
      await clock.advance(60 * DAY);
      assert.ok(acceptor.stillHolds(identity));
    });

    it('for nobody whom it did not accept itself', async () => {
      await learn({ devices: [device(nas, jid)] });
      const identity = await accept();
      assert.ok(!acceptor.stillHolds({ ...identity }));
      assert.ok(!make().stillHolds(identity));
      assert.ok(!acceptor.stillHolds({ verdict: 'pairing', jid: peer, key: nas.name }), 'being paired is no place in the lists');
    });

    it('for a friend in his own network only', async () => {
      const [friend, other] = [await somebody('acceptor friend'), await somebody('acceptor other friend')];
      const his = parseJid('juliet@else.test/tv');
      const befriend = (who: Somebody[], issued: number): Promise<unknown> =>
        lists.offer(list('friends', user, { friends: who.map((one) => ({ who: one, jid: 'juliet@else.test' })), issued }).element);
      await befriend([friend, other], NOW);
      await lists.offer(list('devices', friend, { devices: [device(nas, his)] }).element);
      const identity = await accept(nas, his);
      assert.deepEqual([identity.verdict, identity.network], ['friend', friend.name]);
      assert.ok(acceptor.stillHolds(identity));
      await lists.offer(list('devices', other, { devices: [device(nas, his)] }).element);
      await befriend([other], NOW + 1000);
      assert.ok(!acceptor.stillHolds(identity));
    });
  });
});
