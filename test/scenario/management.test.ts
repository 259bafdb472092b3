import assert from 'node:assert/strict';
import type { KeyName } from '../../src/xpmn/model/identity.ts';
import { NS } from '../../src/xpmn/model/namespaces.ts';
import { elements, serialise, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { headOf, headsElement } from '../../src/xpmn/trust/heads.ts';
import { keyInfoId } from '../../src/xpmn/trust/keyinfo.ts';
import type { VerifiedList } from '../../src/xpmn/trust/signed-list.ts';
import { fetchItems, publishItem } from '../../src/xpmn/xmpp/pep.ts';
import { settle } from '../support/fake-clock.ts';
import { ManagementWorld } from '../support/management-world.ts';
import type { Actor, ActorSpec } from '../support/management-world.ts';
import { settings } from '../support/settings.ts';
import { NOW, device, list, somebody } from '../unit/trust/world.ts';
import type { Draft, Somebody } from '../unit/trust/world.ts';

const signal = new AbortController().signal;
const { patience, fetchInterval, hintInterval } = settings.management;
const [deskJid, nasJid, phoneJid, friendJid] = ['romeo@home.test/desk', 'romeo@home.test/nas', 'romeo@home.test/phone', 'juliet@else.test/desk'] as const;

/** The desk has the user key; the NAS and the phone are own devices; Juliet's desk is a friend's. Nobody exchanges heads unless it is said. */
describe('the management device', () => {
  const people: Record<'user' | 'desk' | 'nas' | 'phone' | 'juliet' | 'friend', Somebody> = {} as never;
  let world: ManagementWorld;
  let desk: Actor;
  let nas: Actor;

  before(async function () {
    this.timeout(60_000);
    for (const name of ['user', 'desk', 'nas', 'phone', 'juliet', 'friend'] as const) people[name] = await somebody(`management ${name}`);
  });
  beforeEach(async () => {
    world = new ManagementWorld();
    desk = await actor('desk', { jid: deskJid, notify: 'both' });
    nas = await actor('nas', { jid: nasJid });
  });
  afterEach(async () => {
    await world.end();
    assert.deepEqual(world.failures, []);
  });

  function actor(who: keyof typeof people, spec: Omit<ActorSpec, 'who' | 'network'>, network = people.user): Promise<Actor> {
    return world.actor({ who: people[who], network, knows: [devices(), friends()], ...spec });
  }
  function devices(draft: Draft = {}): VerifiedList {
    const { desk: one, nas: two, phone } = people;
    return list('devices', people.user, { devices: [device(one, deskJid, { roles: 'host management' }), device(two, nasJid, { roles: 'host' }), device(phone, phoneJid)], ...draft });
  }
  const friends = (draft: Draft = {}): VerifiedList => list('friends', people.user, { friends: [{ who: people.juliet, jid: 'juliet@else.test' }], ...draft });
  const later = (seconds: number, draft: Draft = {}): VerifiedList => devices({ issued: NOW + seconds * 1000, ...draft });
  const hint = (from: string, to: Actor, node: string = NS.trust, heads?: XmlElement): XmlElement =>
    xml('message', 'jabber:client', { from, to: to.jid, type: 'headline' }, xml('changed', NS.management, { node }, heads));
  async function juliet(): Promise<Actor> {
    const theirs = list('devices', people.juliet, { devices: [device(people.friend, friendJid, { roles: 'management' })] });
    const knows = [theirs, list('friends', people.juliet, { friends: [{ who: people.user, jid: 'romeo@home.test' }] }), devices()];
    const made = await actor('friend', { jid: friendJid, knows }, people.juliet);
    for (const one of [desk, nas]) await one.has(theirs);
    return made;
  }

  describe('over a stream', () => {
    it('tells an own device of a new list, which reads it there', async () => {
      world.connect(nas, desk);
      await world.clock.advance(patience);
      await desk.has(later(5));
      await world.clock.advance(patience);
      assert.equal(nas.known, 'devices 5,friends 0');
      assert.deepEqual(world.fetches(nas), [`${NS.trust} devices`], 'that item, once');
      assert.deepEqual(world.carried, [], 'and the server hears nothing');
    });

    it('makes good at the next connection what was withheld', async () => {
      const first = world.connect(nas, desk);
      await world.clock.advance(patience);
      first.tap = (_from, stanza) => (stanza.name === 'message' ? undefined : stanza);
      await desk.has(later(5));
      await world.clock.advance(60_000);
      assert.equal(nas.known, 'devices 0,friends 0');
      first.close();
      world.connect(desk, nas);
      await world.clock.advance(patience);
      assert.equal(nas.known, 'devices 5,friends 0');
    });

    it('asks for everything if the management device tells nothing by itself', async () => {
      desk = await actor('desk', { jid: deskJid, notify: 'hints', knows: [later(5), friends({ issued: NOW + 6000 })] });
      world.connect(nas, desk);
      await world.clock.advance(patience);
      assert.equal(nas.known, 'devices 5,friends 6');
      assert.deepEqual(world.fetches(nas), [NS.trust, NS.trustFriends]);
    });

    it('tells nobody whom the list cuts off', async () => {
      const pair = world.connect(nas, desk);
      await world.clock.advance(patience);
      desk.lists.on('changed', () => pair.close());
      const said = pair.sent.length;
      world.withholds = true;
      await desk.has(later(5, { devices: [device(people.desk, deskJid, { roles: 'host management' })], removed: [people.nas] }));
      await settle();
      assert.equal(pair.sent.length, said);
      assert.deepEqual(world.carried, [], 'nor over the server');
    });

    it('calls nobody back who has gone', async () => {
      desk = await actor('desk', { jid: deskJid, notify: 'hints' });
      world.connect(nas, desk);
      world.disconnect();
      await world.clock.advance(60_000);
      assert.equal(nas.dialed, 0);
    });

    it('asks for nothing that comes by the exchange of heads', async () => {
      world = new ManagementWorld();
      [desk, nas] = [await actor('desk', { jid: deskJid, notify: 'both', gossips: true, knows: [later(1), friends()] }), await actor('nas', { jid: nasJid, gossips: true })];
      world.connect(nas, desk);
      await world.clock.advance(patience);
      assert.equal(nas.known, 'devices 1,friends 0');
      await desk.has(later(5));
      await world.clock.advance(60_000);
      assert.equal(nas.known, 'devices 5,friends 0');
      assert.deepEqual(world.fetches(nas), []);
    });

    it('takes a list that an own device publishes, and tells the others', async () => {
      const phone = await actor('phone', { jid: phoneJid });
      const { a: { channel } } = world.connect(nas, desk);
      world.connect(phone, desk);
      await world.clock.advance(patience);
      const hosted = list('hosted', people.user, { issued: NOW + 3000 }, people.nas);
      await publishItem(channel, NS.trust, { id: 'devices', payload: hosted.element }, { signal });
      await world.clock.advance(patience);
      assert.equal(desk.known, 'devices 0,friends 0,hosted 3');
      assert.equal(phone.known, 'devices 0,friends 0,hosted 3');
      await assert.rejects(publishItem(channel, NS.trust, { id: 'devices', payload: list('hosted', people.user, { issued: NOW + 1000 }, people.nas).element }, { signal }), { code: 'conflict' });
    });

    it('has the certificates that own devices bring; a friend finds one by its fingerprint', async () => {
      const theirs = await juliet();
      world.connect(nas, desk);
      await world.clock.advance(patience);
      const id = keyInfoId({ certificate: nas.certificate });
      assert.deepEqual(desk.shelf?.all().filter((item) => item.id === id).length, 1);
      const { a: { channel } } = world.connect(theirs, desk);
      assert.deepEqual((await fetchItems(channel, undefined, NS.pubkey, { signal, ids: [id] })).map((item) => item.id), [id]);
      await assert.rejects(fetchItems(channel, undefined, NS.pubkey, { signal }), { code: 'not-allowed' });
    });

    it('shows a friend what it may read, and not who the other friends are', async () => {
      const { a: { channel } } = world.connect(await juliet(), desk);
      assert.deepEqual((await fetchItems(channel, undefined, NS.trust, { signal })).map(({ payload }) => payload), [devices().element]);
      await assert.rejects(fetchItems(channel, undefined, NS.trustFriends, { signal }), { code: 'not-allowed' });
      await assert.rejects(fetchItems(channel, undefined, NS.trustFriends, { signal, ids: ['friends'] }), { code: 'not-allowed' });
      await assert.rejects(publishItem(channel, NS.trust, { id: 'devices', payload: later(5).element }, { signal }), { code: 'not-allowed' });
    });
  });

  describe('by hints over the server', () => {
    it('tells a device without a stream, which comes and reads', async () => {
      await desk.has(later(5));
      await settle();
      assert.deepEqual(world.carried.map((stanza) => stanza.attrs['to']), [nasJid], 'the phone is not there');
      assert.ok(!world.carried.some((stanza) => serialise(stanza).includes('signed')));
      await world.clock.advance(patience);
      assert.equal(nas.known, 'devices 5,friends 0');
      assert.equal(nas.dialed, 1);
    });

    it('costs no stream if the list has come otherwise', async () => {
      await desk.has(later(5));
      await settle();
      await nas.has(later(5));
      await world.clock.advance(60_000);
      assert.equal(nas.dialed, 0);
    });

    it('tells a friend\'s devices, of what a friend may read', async () => {
      const theirs = await juliet();
      await desk.has(friends({ issued: NOW + 5000, friends: [{ who: people.juliet, jid: 'juliet@else.test' }] }));
      await world.clock.advance(hintInterval);
      assert.deepEqual(world.carried.map((stanza) => stanza.attrs['to']), [nasJid]);
      await desk.has(later(6));
      await world.clock.advance(patience);
      assert.deepEqual(world.carried.map((stanza) => stanza.attrs['to']), [nasJid, nasJid, friendJid]);
      const known = theirs.lists.snapshot.lists.filter(({ network }) => network === people.user.name);
      assert.deepEqual(known.map(({ type, seq }) => `${type} ${seq - NOW / 1000}`), ['devices 6']);
    });

    it('says in one hint what changes within an interval', async () => {
      for (let seconds = 1; seconds <= 20; seconds += 1) await desk.has(later(seconds));
      await world.clock.advance(hintInterval + patience + fetchInterval);
      assert.equal(world.carried.length, 2);
      assert.equal(nas.known, 'devices 20,friends 0');
      const hosted = list('hosted', people.user, { issued: NOW + 3000 }, people.nas);
      world.disconnect();
      await desk.has(hosted);
      await settle();
      const [changed] = elements(world.carried.at(-1) as XmlElement);
      assert.deepEqual(elements(changed as XmlElement), [headsElement([headOf(hosted)])], 'what has changed since, and not what was said before');
    });

    it('tells nobody if the owner wants only streams, and everybody if only hints', async () => {
      for (const [notify, hints, events] of [['streams', 0, 1], ['hints', 2, 0], ['both', 1, 1]] as const) {
        world = new ManagementWorld();
        [desk, nas] = [await actor('desk', { jid: deskJid, notify }), await actor('nas', { jid: nasJid })];
        await actor('phone', { jid: phoneJid });
        const { sent } = world.connect(nas, desk);
        await world.clock.advance(60_000);
        const before = sent.length;
        await desk.has(later(5));
        await settle();
        assert.equal(world.carried.length, hints, notify);
        assert.equal(sent.slice(before).filter(({ stanza }) => stanza.name === 'message').length, events, notify);
        await world.clock.advance(60_000);
        assert.equal(nas.known, 'devices 5,friends 0', notify);
        await world.end();
      }
    });
  });

  describe('and a hostile server', () => {
    it('gets one look for a hint that it made up, and changes nothing by it', async () => {
      world.deliver(hint(deskJid, nas));
      await world.clock.advance(60_000);
      assert.deepEqual(world.fetches(nas), [NS.trust]);
      assert.equal(nas.known, 'devices 0,friends 0');
      world.deliver(hint(deskJid, nas, NS.trust, headsElement([{ ...headOf(devices()), seq: 9_999_999_999, hash: 'f'.repeat(64) }])));
      await world.clock.advance(60_000);
      assert.deepEqual(world.fetches(nas), [NS.trust, `${NS.trust} devices`]);
      const nobody = { ...headOf(list('hosted', people.user, {}, people.nas)), signer: 'f'.repeat(64) as KeyName };
      world.deliver(hint(deskJid, nas, NS.trust, headsElement([nobody])));
      await world.clock.advance(60_000);
      assert.deepEqual(world.fetches(nas).slice(2), [NS.trust], 'who hosts is told by the list of devices');
      assert.equal(nas.known, 'devices 0,friends 0');
    });

    it('gets one look in each interval, however many hints it makes up', async () => {
      const hosted = headOf(list('hosted', people.user, { issued: NOW + 1000 }, people.nas));
      const unknown = (i: number): XmlElement => headsElement([{ ...hosted, signer: String(i).padStart(64, '0') as KeyName, seq: 9_999_999_999 }]);
      for (let second = 0; second < 60; second += 1) {
        for (let i = 0; i < 50; i += 1) world.deliver(hint(deskJid, nas, i % 2 === 0 ? NS.trust : NS.trustFriends, i % 3 === 0 ? unknown(i) : undefined));
        await world.clock.advance(1000);
      }
      assert.equal(nas.dialed, 1);
      assert.ok(world.fetches(nas).length <= 2 * (60_000 / fetchInterval + 1), 'each of both nodes');
    });

    it('sends nobody anywhere but to the management device', async () => {
      await juliet();
      for (const [from, node] of [
        [nasJid, NS.trust], [phoneJid, NS.trust], ['romeo@home.test/other', NS.trust], ['romeo@home.test', NS.trust], ['mallory@evil.test/x', NS.trust], ['@', NS.trust],
        [friendJid, NS.trustFriends], [friendJid, NS.pubkey], [deskJid, NS.pubkey], [deskJid, 'urn:x'],
      ] as const) world.deliver(hint(from, nas, node));
      world.deliver(hint(deskJid, desk));
      await world.clock.advance(60_000);
      assert.deepEqual([world.fetches(nas), nas.dialed, desk.dialed], [[], 0, 0]);
      world.deliver(hint(friendJid, nas));
      await world.clock.advance(60_000);
      assert.equal(nas.dialed, 1, 'a friend\'s is one, too');
    });

    it('keeps a hint back for as long as the device meets nobody', async () => {
      world.withholds = true;
      await desk.has(later(5));
      await world.clock.advance(60_000);
      assert.equal(nas.known, 'devices 0,friends 0');
      world.connect(nas, desk);
      await world.clock.advance(patience);
      assert.equal(nas.known, 'devices 5,friends 0');
    });

    it('can\'t bring an older list back', async () => {
      await desk.has(later(5));
      await world.clock.advance(60_000);
      const replayed = await actor('desk', { jid: deskJid, notify: 'both' });
      assert.equal(replayed.known, 'devices 0,friends 0', 'it lives in the past');
      world.disconnect();
      world.connect(nas, replayed);
      world.deliver(hint(deskJid, nas));
      await world.clock.advance(60_000);
      assert.ok(world.fetches(nas).length > 1, 'it has been read');
      assert.equal(nas.known, 'devices 5,friends 0');
    });

    it('gets no hint answered by a crash', async () => {
      const head = headOf(devices());
      const many = headsElement(Array.from({ length: settings.trust.heads + 1 }, () => head));
      for (const heads of [many, xml('heads', NS.trust, {}, xml('head', NS.trust)), xml('heads', NS.trust, {}, 'text')]) world.deliver(hint(deskJid, nas, NS.trust, heads));
      await world.clock.advance(60_000);
      assert.deepEqual(world.fetches(nas), []);
    });
  });

  describe('of a foreign kind', () => {
    /** What the management device says, in another way than ours. */
    async function says(payload: XmlElement | undefined, id = 'devices', from = desk): Promise<void> {
      const { b: { channel } } = world.connect(nas, from);
      await world.clock.advance(patience);
      const event = xml('event', 'http://jabber.org/protocol/pubsub#event', {}, xml('items', 'http://jabber.org/protocol/pubsub#event', { node: NS.trust }, xml('item', 'http://jabber.org/protocol/pubsub#event', { id }, payload)));
      await channel.send(xml('message', 'jabber:client', {}, event));
      await world.clock.advance(60_000);
    }

    it('may send the whole list', async () => {
      await says(later(5).element);
      assert.equal(nas.known, 'devices 5,friends 0');
    });

    it('may send but the id', async () => {
      await says(undefined);
      assert.deepEqual(world.fetches(nas), [`${NS.trust} devices`]);
    });

    it('speaks of its own network', async () => {
      await juliet();
      const theirs = headOf(list('devices', people.juliet, { issued: NOW + 9000 }));
      await says(headsElement([theirs, { ...theirs, type: 'friends' }, { ...headOf(friends()), seq: 9_999_999_999 }]));
      assert.deepEqual(world.fetches(nas), []);
    });

    it('is not listened to if it is no management device', async () => {
      await says(undefined, 'devices', await actor('phone', { jid: phoneJid }));
      await says(later(5).element, 'devices', await juliet());
      assert.deepEqual([world.fetches(nas), nas.known], [[], 'devices 0,friends 0']);
    });
  });

  it('is who has proven it, whoever is reached in its place', async () => {
    await desk.has(later(5));
    world.detours.set(desk.jid, await actor('phone', { jid: phoneJid, notify: 'both', knows: [later(9)] }));
    await world.clock.advance(60_000);
    assert.deepEqual([nas.dialed, world.fetches(nas), nas.known], [1, [], 'devices 0,friends 0']);
  });
});
