import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import { HeadsExchange } from '../../../src/xpmn/links/heads-exchange.ts';
import type { PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { elements, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import { listsElement } from '../../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { channelPair } from '../../support/channel-pair.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { identity } from '../../support/secured-pair.ts';
import { NOW, device, list, options, somebody } from '../trust/world.ts';
import type { Somebody } from '../trust/world.ts';

const never = new AbortController().signal;

describe('exchange of lists', () => {
  let user: Somebody;
  let friend: Somebody;
  let nas: Somebody;
  let clock: FakeClock;
  let stores: { a: ListStore; b: ListStore };
  let channels: ChannelPair;
  let exchanges: { a: HeadsExchange; b: HeadsExchange };
  let tasks: TaskGroup;
  let failures: unknown[];

  before(async function () {
    this.timeout(60_000);
    [user, friend, nas] = await Promise.all(['heads user', 'heads friend', 'heads nas'].map(somebody)) as [Somebody, Somebody, Somebody];
  });
  afterEach(async () => {
    channels.close();
    await tasks.close();
    assert.deepEqual(failures, []);
  });

  /** Two devices; what each thinks of the other; `server`: nobody is proven. */
  async function connect({ a = 'own', b = 'own', server = false }: { a?: PeerIdentity['verdict']; b?: PeerIdentity['verdict']; server?: boolean } = {}): Promise<void> {
    clock = new FakeClock(NOW);
    failures = [];
    tasks = new TaskGroup((error) => failures.push(error));
    const identities = { a: { ...identity('a@home.test/x', 'a', a), network: user.name }, b: { ...identity('b@home.test/x', 'b', b), network: b === 'friend' ? friend.name : user.name } };
    channels = channelPair({
      clock, random: new FakeRandom(4), a: identities.a.jid, b: identities.b.jid,
      ...(server ? {} : { peers: { a: identities.b, b: identities.a } }),
    });
    const open = (network: Somebody): Promise<ListStore> => ListStore.open({ storage: new MemoryStorage(), clock }, options, network.name);
    stores = { a: await open(user), b: await open(b === 'friend' ? friend : user) };
    const make = (end: 'a' | 'b'): HeadsExchange => new HeadsExchange({
      lists: stores[end], registry: channels[end].router, tasks, log: silentLogger,
      // A peer may be reached by several channels at a time.
      channels: () => [channels[end].channel, channels[end].channel],
    }, options);
    exchanges = { a: make('a'), b: make('b') };
    for (const end of ['a', 'b'] as const) stores[end].on('changed', (changed) => exchanges[end].passOn(changed));
  }

  const known = (end: 'a' | 'b'): string[] => stores[end].snapshot.lists.map(({ type, seq }) => `${type} ${seq - Math.floor(NOW / 1000)}`).sort();
  const devices = (draft: Parameters<typeof list>[2] = {}, network = user): VerifiedList => list('devices', network, { devices: [device(nas, 'romeo@home.test/nas', { roles: 'host' })], ...draft });
  /** Puts lists into a store as if they had always been there. */
  async function has(end: 'a' | 'b', ...lists: VerifiedList[]): Promise<void> {
    stores[end].removeAllListeners('changed');
    for (const one of lists) assert.equal((await stores[end].offer(one.element)).outcome, 'accepted');
    stores[end].on('changed', (changed) => exchanges[end].passOn(changed));
  }
  const requests = (name: string, from?: 'a' | 'b'): number =>
    channels.sent.filter((one) => (!from || one.from === from) && ['get', 'set'].includes(one.stanza.attrs['type'] ?? '') && elements(one.stanza)[0]?.name === name).length;

  it('gives who asks what it lacks, and what it has older', async () => {
    await connect();
    await has('a', devices(), list('friends', user, {}));
    await has('b', devices({ issued: NOW + 5000 }));
    exchanges.a.begin(channels.a.channel);
    exchanges.b.begin(channels.b.channel);
    await settle(20);
    assert.deepEqual(known('a'), ['devices 5', 'friends 0']);
    assert.deepEqual(known('b'), ['devices 5', 'friends 0']);
  });

  it('asks first of all, and waits for nobody', async () => {
    await connect();
    exchanges.a.begin(channels.a.channel);
    await settle(1);
    assert.equal(elements(channels.sent[0]?.stanza as XmlElement)[0]?.name, 'heads');
  });

  it('passes news on once to each peer, and not further when they are none', async () => {
    await connect();
    await has('a', devices());
    await has('b', devices());
    await stores.a.offer(devices({ issued: NOW + 9000 }).element);
    await settle(20);
    assert.deepEqual(known('b'), ['devices 9']);
    assert.deepEqual([requests('lists', 'a'), requests('lists', 'b')], [1, 1], 'b tells it on, a knows it');
    await settle(20);
    assert.equal(requests('lists'), 2);
  });

  it('gives a friend no list of friends, neither asked nor as news', async () => {
    await connect({ b: 'friend' });
    await has('a', devices());
    await has('b', list('friends', friend, { friends: [{ who: user, jid: 'a@home.test' }] }));
    await has('a', list('friends', user, { friends: [{ who: friend, jid: 'b@home.test' }] }));
    exchanges.b.begin(channels.b.channel);
    await settle(20);
    assert.deepEqual(known('b'), ['devices 0', 'friends 0']);
    await stores.a.offer(list('friends', user, { friends: [], issued: NOW + 1000 }).element);
    await settle(20);
    assert.equal(requests('lists', 'a'), 0);
    await stores.a.offer(devices({ issued: NOW + 1000 }).element);
    await settle(20);
    assert.equal(requests('lists', 'a'), 1);
    assert.ok(stores.b.snapshot.lists.every(({ type, network }) => type !== 'friends' || network === friend.name));
  });

  it('gives nothing to the stream to the server, takes nothing there, and asks nothing', async () => {
    await connect({ server: true });
    await has('a', devices());
    exchanges.b.begin(channels.b.channel);
    exchanges.a.passOn(devices());
    await settle();
    assert.equal(channels.sent.length, 0);
    for (const [type, payload] of [['get', xml('heads', NS.trust)], ['set', listsElement([devices({ issued: NOW + 1000 })])]] as const) {
      await assert.rejects(channels.b.channel.request({ type, to: channels.a.channel.local, payload }, { signal: never }), { code: 'security-required' });
    }
    assert.deepEqual(known('a'), ['devices 0']);
  });

  it('believes a list, not who brings it', async () => {
    await connect({ b: 'friend' });
    await has('a', devices());
    const forged = devices({ issued: NOW + 1000, devices: [] }, friend);
    await channels.b.channel.request({ type: 'set', payload: listsElement([forged]) }, { signal: never });
    assert.deepEqual(known('a'), ['devices 0']);
    const real = devices({ issued: NOW + 2000 });
    await channels.b.channel.request({ type: 'set', payload: listsElement([real]) }, { signal: never });
    assert.deepEqual(known('a'), ['devices 2']);
  });

  it('bears nonsense, and bounds what it reads', async () => {
    await connect();
    await has('a', devices());
    const send = (type: 'get' | 'set', payload: XmlElement): Promise<XmlElement> => channels.b.channel.request({ type, payload }, { signal: never });
    const many = xml('heads', NS.trust, {}, Array.from({ length: options.heads + 1 }, () => xml('head', NS.trust)));
    await assert.rejects(send('get', many), { code: 'too-large' });
    await send('set', xml('lists', NS.trust, {}, xml('signed', NS.trust), xml('other', 'urn:x')));
    const answer = await send('get', xml('heads', NS.trust, {}, xml('head', NS.trust, { signer: 'x', seq: '-1' })));
    assert.equal(elements(elements(answer)[0] as XmlElement).length, 1);
    assert.deepEqual(known('a'), ['devices 0']);
  });

  it('is not disturbed by a peer that answers nothing, refuses, or goes', async () => {
    await connect();
    channels.tap = (from, stanza) => (from === 'b' ? { ...stanza, children: [] } : stanza);
    exchanges.a.begin(channels.a.channel);
    await settle();
    channels.tap = () => undefined;
    exchanges.a.begin(channels.a.channel);
    exchanges.a.passOn(devices());
    await settle();
    channels.close();
    await settle();
  });
});
