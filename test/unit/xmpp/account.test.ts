import assert from 'node:assert/strict';
import { once } from 'node:events';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid, withResource } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { XmppConnection } from '../../../src/xpmn/ports/xmpp-connection.ts';
import { serverGate } from '../../../src/xpmn/xmpp/allow-list.ts';
import { computeVer } from '../../../src/xpmn/xmpp/caps.ts';
import { DiscoRegistry, queryInfo, queryItems } from '../../../src/xpmn/xmpp/disco.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { fetchItems, parseEvent, publishList, retractItem } from '../../../src/xpmn/xmpp/pep.ts';
import type { PepEvent, PepPublication } from '../../../src/xpmn/xmpp/pep.ts';
import { answerPings, ping } from '../../../src/xpmn/xmpp/ping.ts';
import { PresenceTracker, availablePresence, subscriptionPresence, unavailablePresence } from '../../../src/xpmn/xmpp/presence.ts';
import type { Presence } from '../../../src/xpmn/xmpp/presence.ts';
import { Roster } from '../../../src/xpmn/xmpp/roster.ts';
import type { Contact } from '../../../src/xpmn/xmpp/roster.ts';
import { FakeXmppServer, homeJid } from '../../fakes/fake-xmpp-server.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const ROMEO = homeJid('romeo');
const JULIET = homeJid('juliet');
const NODE = 'urn:xmpp:xpmn:trust:0';
const signal = new AbortController().signal;
const next = async <T>(emitter: unknown, event: string): Promise<T> => (await once(emitter as never, event))[0] as T;
const item = (id: string): PepPublication => ({ id, payload: xml('signed', NODE, {}, id) });

interface Device {
  readonly jid: Jid;
  readonly connection: XmppConnection;
  readonly router: IqRouter;
  readonly tracker: PresenceTracker;
  readonly roster: Roster;
  readonly presence: () => XmlElement;
  readonly events: PepEvent[];
}

describe('the account\'s business, on a server in memory', () => {
  let server: FakeXmppServer;
  let seed: number;
  const devices: Device[] = [];

  beforeEach(() => {
    seed = 1;
    server = new FakeXmppServer();
    for (const account of [ROMEO, JULIET]) server.addAccount(account, 'secret');
  });
  afterEach(async () => {
    for (const { connection } of devices.splice(0)) await connection.stop();
  });

  async function device(account: Jid, name: string): Promise<Device> {
    const jid = withResource(account, name);
    const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
    const tracker = new PresenceTracker(jid, settings.xmpp.presence);
    const disco = new DiscoRegistry();
    disco.addIdentity({ category: 'automation', type: 'xpmn', name });
    disco.addFeatures(NODE, `${NODE}+notify`);
    const ver = computeVer(disco.info());
    disco.serve(router, (node) => node === `urn:test#${ver}`);
    answerPings(router);
    const roster = new Roster(router, settings.xmpp.roster);
    const connection = server.connection(jid, 'secret', { clock: new FakeClock(), random: new FakeRandom((seed += 1)), router });
    const events: PepEvent[] = [];
    connection.on('stanza', (stanza) => {
      tracker.received(stanza);
      const event = stanza.name === 'message' && parseEvent(stanza);
      if (event) events.push(event);
    });
    const made = { jid, connection, router, tracker, roster, events, presence: () => availablePresence({ node: 'urn:test', ver, hash: 'sha-1' }) };
    devices.push(made);
    await connection.start({ signal });
    return made;
  }

  async function available(account: Jid, name: string): Promise<Device> {
    const made = await device(account, name);
    await made.connection.channel.send(made.presence());
    await settle();
    return made;
  }

  it('shows the resources of one account to one another, as they come and go', async () => {
    const one = await available(ROMEO, 'one');
    const came = next<Presence>(one.tracker, 'available');
    const two = await available(ROMEO, 'two');
    assert.deepEqual([(await came).jid, (await came).priority, (await came).caps?.node], [two.jid, -1, 'urn:test']);
    assert.deepEqual(two.tracker.of(ROMEO).map(({ jid }) => jid), [one.jid], 'not itself');
    const went = next<Jid>(one.tracker, 'unavailable');
    await two.connection.channel.send(unavailablePresence());
    assert.equal(await went, two.jid);
    await two.connection.channel.send(two.presence());
    await settle();
    const lost = next<Jid>(one.tracker, 'unavailable');
    server.drop(two.jid);
    assert.equal(await lost, two.jid);
    two.tracker.clear();
    assert.deepEqual(two.tracker.of(ROMEO), []);
  });

  it('shows nothing to strangers, and everything to contacts', async () => {
    const romeo = await available(ROMEO, 'tv');
    const stranger = await available(JULIET, 'nas');
    assert.deepEqual(stranger.tracker.of(ROMEO), []);
    const asked = once(romeo.tracker as never, 'subscription') as Promise<[string, Jid]>;
    await stranger.connection.channel.send(subscriptionPresence('subscribe', ROMEO));
    const [type, from] = await asked;
    assert.deepEqual([type, from], ['subscribe', JULIET]);
    const came = next<Presence>(stranger.tracker, 'available');
    await romeo.connection.channel.send(subscriptionPresence('subscribed', JULIET));
    assert.equal((await came).jid, romeo.jid);
    assert.equal(stranger.roster.get(romeo.jid)?.subscription, 'to');
    assert.equal(romeo.roster.get(JULIET)?.subscription, 'from');
  });

  it('bounds what it knows, and overlooks presence of nobody', () => {
    const tracker = new PresenceTracker(withResource(ROMEO, 'me'), { resources: 2 });
    const say = (from: string, type?: string): void => tracker.received(xml('presence', 'jabber:client', { from, type }));
    for (const from of ['a@b/1', 'a@b/2', 'a@b/3', 'a@b', '@@', `${ROMEO}/me`]) say(from);
    assert.deepEqual(tracker.of(parseJid('a@b')).map(({ jid }) => jid), ['a@b/1', 'a@b/2']);
    say('a@b', 'error');
    assert.deepEqual(tracker.of(parseJid('a@b')), []);
  });

  it('fetches the roster, follows its changes, and forgets what went while away', async () => {
    server.befriend(ROMEO, JULIET);
    const one = await device(ROMEO, 'one');
    await one.roster.fetch(one.connection.channel, { signal });
    assert.deepEqual(one.roster.contacts(), [{ jid: JULIET, name: undefined, subscription: 'both', asked: false, groups: [] }]);
    const changed = next<Contact>(one.roster, 'contactChanged');
    await one.roster.set(one.connection.channel, { jid: JULIET, name: 'Juliet' }, { signal });
    assert.equal((await changed).name, 'Juliet');
    const removed = next<Jid>(one.roster, 'contactRemoved');
    await one.roster.delete(one.connection.channel, JULIET, { signal });
    assert.equal(await removed, JULIET);
    server.befriend(ROMEO, JULIET);
    await one.roster.fetch(one.connection.channel, { signal });
    server.account(ROMEO).roster.clear();
    await one.roster.fetch(one.connection.channel, { signal });
    assert.deepEqual(one.roster.contacts(), []);
  });

  it('takes no roster from anybody else', async () => {
    const one = await device(ROMEO, 'one');
    const push = (from: string): XmlElement => xml('iq', 'jabber:client', { type: 'set', id: 'r', from },
      xml('query', 'jabber:iq:roster', {}, xml('item', 'jabber:iq:roster', { jid: 'mallory@evil.test', subscription: 'both' })));
    for (const from of ['mallory@evil.test/x', 'home.test', `${ROMEO}/other`]) server.push(one.jid, push(from));
    await settle();
    assert.deepEqual(one.roster.contacts(), []);
    server.push(one.jid, push(ROMEO));
    await settle();
    assert.equal(one.roster.contacts().length, 1);
  });

  it('finds out what others are', async () => {
    const one = await available(ROMEO, 'one');
    const two = await available(ROMEO, 'two');
    const { channel } = one.connection;
    const info = await queryInfo(channel, two.jid, { signal });
    assert.deepEqual(info.identities, [{ category: 'automation', type: 'xpmn', name: 'two', lang: undefined }]);
    assert.deepEqual(await queryItems(channel, two.jid, { signal }), []);
    await assert.rejects(queryInfo(channel, two.jid, { signal, node: 'urn:other' }), (error: XpmnError) => error.code === 'not-found');
    await ping(channel, two.jid, { signal });
    await assert.rejects(ping(channel, withResource(ROMEO, 'nobody'), { signal }), (error: XpmnError) => error.code === 'peer-unavailable');
  });

  for (const knowsPublishOptions of [true, false]) {
    it(`publishes a list of items and reads it back, ${knowsPublishOptions ? 'with' : 'without'} publish-options`, async () => {
      server = new FakeXmppServer({ knowsPublishOptions });
      for (const account of [ROMEO, JULIET]) server.addAccount(account, 'secret');
      server.befriend(ROMEO, JULIET);
      const one = await available(ROMEO, 'one');
      const two = await available(ROMEO, 'two');
      const friend = await available(JULIET, 'nas');
      const { channel } = one.connection;
      await publishList(channel, { node: NODE, access: 'presence', maxItems: 10 }, [item('a'), item('b'), item('c')], { signal });
      assert.deepEqual((await fetchItems(friend.connection.channel, ROMEO, NODE, { signal })).map(({ id }) => id), ['a', 'b', 'c']);
      assert.deepEqual((await fetchItems(channel, undefined, NODE, { signal, ids: ['b'] })), [{ id: 'b', payload: item('b').payload }]);
      await settle();
      for (const reader of [two, friend]) assert.deepEqual(reader.events.map(({ from, node, published }) => [from, node, published[0]?.id]), ['a', 'b', 'c'].map((id) => [ROMEO, NODE, id]));
      await retractItem(channel, NODE, 'b', { signal });
      await retractItem(channel, NODE, 'b', { signal });
      await settle();
      assert.deepEqual(friend.events.at(-1)?.retracted, ['b']);
      assert.deepEqual(server.account(ROMEO).pep.itemsOf(NODE), ['a', 'c']);
    });
  }

  it('reconfigures a node that has another configuration', async () => {
    const { connection: { channel } } = await available(ROMEO, 'one');
    await publishList(channel, { node: NODE, access: 'presence', maxItems: 1 }, [item('a')], { signal });
    await publishList(channel, { node: NODE, access: 'whitelist', maxItems: 5 }, [item('b'), item('c')], { signal });
    assert.deepEqual(server.account(ROMEO).pep.itemsOf(NODE), ['a', 'b', 'c']);
    const stranger = await available(JULIET, 'x');
    await assert.rejects(fetchItems(stranger.connection.channel, ROMEO, NODE, { signal }), (error: XpmnError) => error.code === 'not-allowed');
  });

  it('notices a server that keeps only one', async () => {
    server = new FakeXmppServer({ keeps: 1 });
    server.addAccount(ROMEO, 'secret');
    const { connection: { channel } } = await available(ROMEO, 'one');
    const published = publishList(channel, { node: NODE, access: 'presence', maxItems: 10 }, [item('a'), item('b')], { signal });
    await assert.rejects(published, (error: XpmnError) => error.code === 'not-supported' && error.details['kept'] === 1);
  });

  it('finds nothing where there is no node', async () => {
    const { connection: { channel } } = await available(ROMEO, 'one');
    assert.deepEqual(await fetchItems(channel, JULIET, NODE, { signal }), []);
  });

  it('reads events of accounts only', () => {
    const event = xml('event', 'http://jabber.org/protocol/pubsub#event', {}, xml('purge', 'http://jabber.org/protocol/pubsub#event', { node: NODE }));
    const from = (jid: string): XmlElement => xml('message', 'jabber:client', { from: jid }, event);
    assert.equal(parseEvent(from('romeo@home.test'))?.cleared, 'purge');
    assert.equal(parseEvent(from('romeo@home.test/x')), undefined);
    assert.equal(parseEvent(xml('message', 'jabber:client', {}, event)), undefined);
  });

  it('lets a second login under one name end the first', async () => {
    const first = await device(ROMEO, 'one');
    const stopped = once(first.connection as never, 'stateChanged');
    await device(ROMEO, 'one');
    const [state, reason] = (await stopped) as [string, XpmnError];
    assert.deepEqual([state, reason.code], ['stopped', 'conflict']);
  });
});
