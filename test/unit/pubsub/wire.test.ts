import assert from 'node:assert/strict';
import type { ErrorCode, XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import type { Verdict } from '../../../src/xpmn/model/identity.ts';
import { elements, serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import { MemoryItems } from '../../../src/xpmn/pubsub/item-source.ts';
import { PubsubService } from '../../../src/xpmn/pubsub/service.ts';
import { PubsubWire, elementBytes } from '../../../src/xpmn/pubsub/wire.ts';
import { answerPings } from '../../../src/xpmn/xmpp/ping.ts';
import { NS_PUBSUB, formatRequest, parseEvent } from '../../../src/xpmn/xmpp/pubsub-codec.ts';
import type { PubsubRequest } from '../../../src/xpmn/xmpp/pubsub-codec.ts';
import { channelPair } from '../../support/channel-pair.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { identity } from '../../support/secured-pair.ts';
import { settings } from '../../support/settings.ts';

const NODE = 'urn:test:node';
const EVERYBODY: readonly Verdict[] = ['own', 'own-hosted', 'friend', 'pairing'];
const payload = (text: string): XmlElement => xml('value', 'urn:test', {}, text);
const provider = identity('me@home.test/provider', 'b');

/** Whatever is said of it. */
const refusal = (code: ErrorCode, condition: string, more: Readonly<Record<string, string>> = {}) => (error: XpmnError): boolean => {
  const { said: _said, ...details } = error.details;
  assert.deepEqual([error.code, details], [code, { condition, ...more }]);
  return true;
};

/** A controller (`a`) asks a provider (`b`), over an end-to-end stream. */
describe('publish-subscribe on a stream', () => {
  let tasks: TaskGroup;
  let failures: unknown[];
  let service: PubsubService<XmlElement>;
  let wire: PubsubWire;
  let open: StanzaChannel[];
  const pairs: ChannelPair[] = [];
  let heard: string[];
  let clock: FakeClock;

  beforeEach(() => {
    clock = new FakeClock();
    failures = [];
    heard = [];
    open = [];
    tasks = new TaskGroup((error) => failures.push(error));
    service = new PubsubService({ sizeOf: elementBytes }, settings.pubsub);
  });
  afterEach(async () => {
    for (const pair of pairs.splice(0)) pair.close();
    await tasks.close();
    assert.deepEqual(failures, []);
  });

  function connect({ verdict = 'own', server = false, resource = 'controller' }: { verdict?: Verdict; server?: boolean; resource?: string } = {}): ChannelPair {
    const controller = identity(`me@home.test/${resource}`, 'a', verdict);
    const pair = channelPair({
      clock, random: new FakeRandom(pairs.length + 1), a: controller.jid, b: provider.jid,
      ...(server ? {} : { peers: { a: provider, b: controller } }),
    });
    pair.a.onStanza = (stanza) => {
      const event = parseEvent(stanza);
      heard.push(event ? `${resource}: ${event.cleared ?? ''}${event.published.map(({ id, payload: one }) => `${id}=${one ? serialise(one, 'urn:test') : ''}`).join()}${event.retracted.map((id) => `-${id}`).join()}` : serialise(stanza));
    };
    if (pairs.length === 0) wire = new PubsubWire({ service, registry: pair.b.router, tasks, log: silentLogger, channels: () => open }, settings.pubsub);
    else pair.b.router.handle({ ns: NS_PUBSUB }, () => undefined);
    pairs.push(pair);
    open.push(pair.b.channel);
    return pair;
  }

  function addNode(automatic: readonly Verdict[] = []): void {
    const rights = { list: EVERYBODY, read: EVERYBODY, publish: EVERYBODY, retract: EVERYBODY, subscribe: EVERYBODY };
    service.addNode({ name: NODE, rights, automatic, items: new MemoryItems({ newId: () => 'made' }, { limit: 10 }) });
  }

  async function ask({ a }: ChannelPair, request: PubsubRequest, type: 'get' | 'set' = request.action === 'items' ? 'get' : 'set'): Promise<string | undefined> {
    const to = a.channel.peer ? undefined : provider.jid;
    const [answer] = elements(await a.channel.request({ type, to, payload: formatRequest(request) }, { signal: new AbortController().signal }));
    return answer && serialise(elements(answer)[0] as XmlElement, NS_PUBSUB);
  }
  const publish = (pair: ChannelPair, id: string | undefined, text: string): Promise<string | undefined> => ask(pair, { action: 'publish', node: NODE, ...(id !== undefined && { id }), payload: payload(text) });
  const subscribe = (pair: ChannelPair): Promise<string | undefined> => ask(pair, { action: 'subscribe', node: NODE, jid: pair.a.channel.local });

  it('publishes, reads and retracts', async () => {
    const pair = connect();
    addNode();
    assert.equal(await publish(pair, 'a', 'one'), `<publish node='${NODE}'><item id='a'/></publish>`);
    assert.equal(await publish(pair, undefined, 'two'), `<publish node='${NODE}'><item id='made'/></publish>`);
    const items = (inner: string): string => `<items node='${NODE}'>${inner}</items>`;
    const [one, two] = ["<item id='a'><value xmlns='urn:test'>one</value></item>", "<item id='made'><value xmlns='urn:test'>two</value></item>"] as const;
    assert.equal(await ask(pair, { action: 'items', node: NODE, ids: [] }), items(one + two));
    assert.equal(await ask(pair, { action: 'items', node: NODE, ids: ['a', 'x'] }), items(one));
    assert.equal(await ask(pair, { action: 'items', node: NODE, ids: [], newest: 1 }), items(two));
    assert.equal(await ask(pair, { action: 'retract', node: NODE, id: 'a' }), undefined);
    assert.equal(await ask(pair, { action: 'items', node: NODE, ids: [] }), items(two));
  });

  it('tells subscribers what is, then what changes, and nothing after they have gone', async () => {
    const pair = connect();
    addNode();
    await publish(pair, 'a', 'one');
    assert.equal(await subscribe(pair), `<subscription node='${NODE}' jid='me@home.test/controller' subscription='subscribed'/>`);
    assert.ok(pair.sent.every(({ stanza }) => stanza.name === 'iq'), 'the answer comes first');
    await settle();
    await publish(pair, 'a', 'two');
    await ask(pair, { action: 'retract', node: NODE, id: 'a' });
    await settle();
    await ask(pair, { action: 'unsubscribe', node: NODE, jid: 'me@home.test/controller' });
    await publish(pair, 'a', 'three');
    await settle();
    assert.deepEqual(heard, ['controller: a=<value>one</value>', 'controller: a=<value>two</value>', 'controller: -a']);
    const events = pair.sent.filter(({ stanza }) => stanza.name === 'message');
    assert.ok(events.every(({ stanza }) => stanza.attrs['type'] === 'headline'));
    await assert.rejects(ask(pair, { action: 'unsubscribe', node: NODE, jid: 'me@home.test/controller' }), refusal('unexpected-request', 'not-subscribed'));
  });

  it('tells a peer once, on its best channel, whatever it has open', async () => {
    const pair = connect();
    addNode(['own']);
    open.push(pair.b.channel);
    connect({ resource: 'other' });
    await publish(pair, 'a', 'one');
    await settle();
    assert.deepEqual(heard.sort(), ['controller: a=<value>one</value>', 'other: a=<value>one</value>']);
  });

  it('greets who comes with what it is told without asking', async () => {
    const pair = connect();
    addNode(['own']);
    await publish(pair, 'a', 'one');
    await settle();
    heard = [];
    wire.opened(pair.b.channel);
    await settle();
    assert.deepEqual(heard, ['controller: a=<value>one</value>']);
  });

  describe('to one that has another stream now', () => {
    let slow: ChannelPair;
    let value: string;

    beforeEach(async () => {
      slow = connect();
      service.addNode({ name: NODE, rights: { list: EVERYBODY, read: EVERYBODY, publish: [], retract: [], subscribe: EVERYBODY }, automatic: ['own'], items: { all: () => [{ id: 'a', payload: payload(value) }, { id: 'b', payload: payload('b') }] } });
      slow.hold('b');
      tell('one');
      await settle();
    });

    function tell(said: string): void {
      value = said;
      wire.notify(service.notification(NODE, { published: [{ id: 'a', payload: payload(value) }], retracted: [] }, wire.present()));
    }
    /** The best of all, from now on. */
    function overtake(): ChannelPair {
      const quick = connect();
      open.unshift(...open.splice(open.indexOf(quick.b.channel), 1));
      wire.opened(quick.b.channel);
      return quick;
    }

    it('tells how things are when what it was told on the other has come: that may have been overtaken', async () => {
      answerPings(slow.a.router);
      overtake();
      tell('two');
      await settle();
      assert.deepEqual(heard, ['controller: a=<value>two</value>']);
      slow.release('b');
      await settle();
      assert.deepEqual(heard, ['two', 'one', 'two'].map((said) => `controller: a=<value>${said}</value>`));
    });

    it('does so, too, if it does not say in time that it has come: it may still', async () => {
      overtake();
      await clock.advance(settings.pubsub.pingTimeout);
      assert.deepEqual(heard, ['controller: a=<value>one</value>']);
    });

    it('leaves it to the peer where the other stream has ended', async () => {
      overtake();
      slow.close();
      await settle();
      assert.deepEqual(heard, []);
    });
  });

  it('forgets who has subscribed when the last of its streams has ended', async () => {
    const [first, second] = [connect(), connect()];
    addNode();
    for (let i = 0; i < 3; i += 1) await subscribe(first);
    const present = wire.present();
    const isSubscribed = (): boolean => service.notification(NODE, { published: [], retracted: ['a'] }, present) !== undefined;
    for (const [pair, stays] of [[first, true], [second, false]] as const) {
      open = open.filter((channel) => channel !== pair.b.channel);
      pair.close();
      assert.equal(isSubscribed(), stays);
    }
  });

  it('lets nobody subscribe anybody else', async () => {
    const pair = connect();
    addNode();
    for (const jid of ['me@home.test/other', 'me@home.test', '@@']) {
      for (const action of ['subscribe', 'unsubscribe'] as const) {
        await assert.rejects(ask(pair, { action, node: NODE, jid }), refusal('bad-request', 'invalid-jid'));
      }
    }
    assert.deepEqual(service.notification(NODE, { published: [], retracted: ['a'] }, wire.present()), undefined);
  });

  it('refuses as XEP-0060 says', async () => {
    const pair = connect();
    addNode();
    const big = 'x'.repeat(settings.pubsub.itemBytes);
    await assert.rejects(ask(pair, { action: 'items', node: 'other', ids: [] }), { code: 'not-found' });
    await assert.rejects(ask(pair, { action: 'retract', node: NODE, id: 'a' }), { code: 'not-found' });
    await assert.rejects(publish(pair, 'a', big), refusal('too-large', 'payload-too-big'));
    await assert.rejects(ask(pair, { action: 'items', node: '', ids: [] }), refusal('bad-request', 'nodeid-required'));
    await assert.rejects(ask(pair, { action: 'items', node: NODE, ids: [] }, 'set'), { code: 'bad-request' });
    await assert.rejects(pair.a.channel.request({ type: 'set', payload: xml('pubsub', NS_PUBSUB, {}, xml('create', NS_PUBSUB, { node: 'n' })) }, { signal: new AbortController().signal }),
      refusal('not-supported', 'unsupported', { feature: 'create-nodes' }));
    service.addNode({ name: 'closed', rights: { list: [], read: [], publish: [], retract: [], subscribe: [] }, automatic: [], items: { all: () => [] } });
    await assert.rejects(ask(pair, { action: 'items', node: 'closed', ids: [] }), { code: 'not-allowed' });
  });

  it('gives nothing on the stream to the server, and takes nothing', async () => {
    const pair = connect({ server: true });
    addNode(['own']);
    const requests: readonly PubsubRequest[] = [
      { action: 'items', node: NODE, ids: [] }, { action: 'publish', node: NODE, id: 'a', payload: payload('x') }, { action: 'retract', node: NODE, id: 'a' },
      { action: 'subscribe', node: NODE, jid: pair.a.channel.local }, { action: 'unsubscribe', node: NODE, jid: pair.a.channel.local },
    ];
    for (const request of requests) await assert.rejects(ask(pair, request), { code: 'security-required' });
    wire.opened(pair.b.channel);
    wire.notify(service.notification(NODE, { published: [], retracted: ['a'] }, [identity('me@home.test/controller', 'a')]));
    await settle();
    assert.deepEqual(heard, []);
  });

  it('loses an event that can\'t be sent, and nothing else', async () => {
    const pair = connect();
    addNode(['own']);
    pair.close();
    wire.notify(service.notification(NODE, { published: [], retracted: ['a'] }, wire.present()));
    await settle();
  });

  describe('to one who is slow', () => {
    let taken: (() => void)[];
    const change = (...published: readonly string[]) => ({ published: published.map((id) => ({ id, payload: payload('said') })), retracted: [] });

    /** A channel that takes an event when it is told to, and whoever else is there. */
    function slowly(): ChannelPair {
      const pair = connect();
      taken = [];
      const { send } = pair.b.channel;
      Object.assign(pair.b.channel, { send: async (stanza: XmlElement): Promise<void> => {
        if (stanza.name === 'message') await new Promise<void>((resolve) => taken.push(resolve));
        await send(stanza);
      } });
      return pair;
    }
    async function take(): Promise<void> {
      taken.shift()?.();
      await settle();
    }

    it('tells how it is then, not all that was; and the others at once', async () => {
      slowly();
      connect({ resource: 'quick' });
      let value = 'one';
      service.addNode({ name: NODE, rights: { list: EVERYBODY, read: EVERYBODY, publish: [], retract: [], subscribe: EVERYBODY }, automatic: ['own'], items: { all: () => [{ id: 'a', payload: payload(value) }] } });
      for (value of ['one', 'two', 'three']) {
        wire.notify(service.notification(NODE, { published: [{ id: 'a', payload: payload(value) }], retracted: [] }, wire.present()));
        await settle();
      }
      assert.equal(taken.length, 1, 'nothing queues');
      value = 'four';
      for (let i = 0; i < 3; i += 1) await take();
      assert.deepEqual(heard, [...['one', 'two', 'three'].map((said) => `quick: a=<value>${said}</value>`), ...['one', 'four'].map((said) => `controller: a=<value>${said}</value>`)]);
    });

    it('tells of items that are gone, of a node that is, and of one that has come back', async () => {
      slowly();
      addNode(['own']);
      const tell = (notification: ReturnType<typeof service.notification>): void => wire.notify(notification);
      tell(service.notification(NODE, change('a'), wire.present()));
      await settle();
      tell(service.notification(NODE, { published: [], retracted: ['b'] }, wire.present()));
      await take();
      tell(service.deleteNode(NODE, wire.present()));
      await take();
      addNode(['own']);
      tell(service.notification(NODE, { published: [], retracted: ['c'] }, wire.present()));
      for (let i = 0; i < 3; i += 1) await take();
      assert.deepEqual(heard, ['controller: a=<value>said</value>', 'controller: -b', 'controller: delete', 'controller: -c']);
    });

    it('tells over another stream what waits, as soon as there is one', async () => {
      slowly();
      addNode(['own']);
      for (const id of ['a', 'b']) wire.notify(service.notification(NODE, change(id), wire.present()));
      await settle();
      for (const id of ['a', 'c']) wire.notify(service.notification(NODE, change(id), wire.present()));
      await settle();
      const quick = connect();
      open.unshift(...open.splice(open.indexOf(quick.b.channel), 1));
      wire.opened(quick.b.channel);
      await settle();
      assert.deepEqual(heard, ['controller: -b,-a,-c'], 'as things are: nothing of it is there');
      await take();
      assert.equal(taken.length, 0, 'nothing more goes over the slow one');
    });

    it('remembers so many items, and no more', async () => {
      slowly();
      addNode(['own']);
      wire.notify(service.notification(NODE, change('a'), wire.present()));
      await settle();
      for (let i = 0; i <= settings.pubsub.waitingItems; i += 1) wire.notify(service.notification(NODE, { published: [], retracted: [`${i}`] }, wire.present()));
      await settle();
      await take();
      await take();
      assert.equal(heard[1]?.split('-').length, settings.pubsub.waitingItems + 1);
      assert.ok(!heard[1]?.includes('-0-'), 'the oldest is forgotten');
    });

    it('goes on with other nodes, and ends with its channel', async () => {
      const pair = slowly();
      addNode(['own']);
      service.addNode({ name: 'other', rights: { list: [], read: [], publish: [], retract: [], subscribe: EVERYBODY }, automatic: ['own'], items: { all: () => [] } });
      for (const node of [NODE, NODE, 'other', 'other']) wire.notify(service.notification(node, change('a'), wire.present()));
      await settle();
      assert.equal(taken.length, 2);
      pair.close();
      for (let i = 0; i < 4; i += 1) await take();
      assert.deepEqual(heard, []);
    });
  });

  it('tells a subscriber how things are when it is told, not how they were when it asked', async () => {
    const pair = connect();
    let value = 'old';
    service.addNode({ name: NODE, rights: { list: EVERYBODY, read: EVERYBODY, publish: [], retract: [], subscribe: EVERYBODY }, automatic: [], items: { all: () => [{ id: 'a', payload: payload(value) }] } });
    pair.tap = (from, stanza) => {
      // The answer goes out; the news come before what it is told first.
      if (from === 'b' && stanza.name === 'iq') {
        value = 'new';
        wire.notify(service.notification(NODE, { published: [{ id: 'a', payload: payload(value) }], retracted: [] }, wire.present()));
      }
      return stanza;
    };
    await subscribe(pair);
    await settle();
    assert.deepEqual(heard, ['controller: a=<value>new</value>', 'controller: a=<value>new</value>']);
  });

  it('tells together what is said of a node in one turn, but for what comes after the same item, for others, or of another node', async () => {
    connect();
    addNode(['own']);
    service.addNode({ name: 'other', rights: { list: [], read: [], publish: [], retract: [], subscribe: EVERYBODY }, automatic: ['own'], items: { all: () => [] } });
    const said = (node: string, published: readonly string[], retracted: readonly string[] = []): void =>
      wire.notify(service.notification(node, { published: published.map((id) => ({ id, payload: payload(id) })), retracted }, wire.present()));
    said(NODE, ['a']);
    said(NODE, ['b'], ['c']);
    said('other', ['a']);
    await settle();
    assert.deepEqual(heard, ['controller: a=<value>a</value>,b=<value>b</value>-c', 'controller: a=<value>a</value>']);
  });

  it('builds an event once, for all whom it tells', async () => {
    for (const resource of ['one', 'two', 'three']) connect({ resource });
    addNode(['own']);
    wire.notify(service.notification(NODE, { published: [{ id: 'a', payload: payload('x') }], retracted: [] }, wire.present()));
    await settle();
    const events = pairs.flatMap(({ sent }) => sent.map(({ stanza }) => stanza));
    assert.equal(events.length, 3);
    assert.equal(new Set(events).size, 1);
  });

  it('subscribes whom the device says to, as long as it is there', async () => {
    const pair = connect();
    addNode();
    await publish(pair, 'a', 'one');
    wire.subscribe([NODE, 'elsewhere'], pair.b.channel);
    await settle();
    await publish(pair, 'a', 'two');
    await settle();
    assert.deepEqual(heard, ['controller: a=<value>one</value>', 'controller: a=<value>two</value>']);
    const present = wire.present();
    open = [];
    pair.close();
    wire.subscribe([NODE], pair.b.channel);
    assert.equal(service.notification(NODE, { published: [], retracted: ['a'] }, present), undefined, 'one that has left is not kept');
  });
});
