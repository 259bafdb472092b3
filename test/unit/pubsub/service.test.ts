import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { Verdict } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { MemoryItems } from '../../../src/xpmn/pubsub/item-source.ts';
import type { ItemSource } from '../../../src/xpmn/pubsub/item-source.ts';
import { PubsubService } from '../../../src/xpmn/pubsub/service.ts';
import type { Notification, PubsubAction, PubsubLimits, PubsubNode, Rights, Visitor } from '../../../src/xpmn/pubsub/service.ts';

const ACTIONS: readonly PubsubAction[] = ['list', 'read', 'publish', 'retract', 'subscribe'];
const VERDICTS: readonly Verdict[] = ['own', 'own-hosted', 'friend', 'pairing'];
const NODE = 'urn:test:node';
const nobody: Rights = { list: [], read: [], publish: [], retract: [], subscribe: [] };
const everybody: Rights = { list: VERDICTS, read: VERDICTS, publish: VERDICTS, retract: VERDICTS, subscribe: VERDICTS };
const limits: PubsubLimits = { nodes: 3, nodesForOne: 2, subscribers: 2, itemBytes: 10, answerBytes: 25 };

const visitor = (verdict: Verdict, resource: string = verdict): Visitor => ({ jid: parseJid(`me@home.test/${resource}`), verdict });
const own = visitor('own');
const here = (...present: readonly Visitor[]) => () => present;
const told = (notification: Notification<string> | undefined): unknown =>
  notification && [notification.to, notification.published.map(({ id, payload }) => `${id}=${payload}`).join(), notification.retracted.join(), notification.isDeleted];
const jids = (...visitors: readonly Visitor[]): Jid[] => visitors.map(({ jid }) => jid);
const isCode = (code: string, condition?: string) => (error: unknown): boolean =>
  error instanceof XpmnError && error.code === code && (condition === undefined || error.details['condition'] === condition);

describe('the pubsub service', () => {
  let service: PubsubService<string>;
  let items: MemoryItems<string>;

  function node(changes: Partial<PubsubNode<string>> = {}): PubsubNode<string> {
    let next = 0;
    items = new MemoryItems({ newId: () => `id${(next += 1)}` }, { limit: 3 });
    return { name: NODE, rights: everybody, automatic: [], items, ...changes };
  }
  async function has(...texts: readonly string[]): Promise<void> {
    for (const text of texts) await items.put({ id: text, payload: text });
  }
  beforeEach(() => (service = new PubsubService({ sizeOf: (text) => text.length }, limits)));

  /** One of each, as the visitor would do it. */
  async function act(action: PubsubAction, who: Visitor | undefined): Promise<unknown> {
    switch (action) {
      case 'list': return service.items(NODE, who);
      case 'read': return service.items(NODE, who, { ids: ['a'] });
      case 'publish': return service.publish(NODE, who, { id: 'a', payload: 'new' }, here());
      case 'retract': return service.retract(NODE, who, 'a', here());
      case 'subscribe': return service.subscribe(NODE, who);
    }
  }

  describe('rights: every role, every action', () => {
    for (const action of ACTIONS) {
      for (const allowed of VERDICTS) {
        for (const verdict of VERDICTS) {
          it(`${action} where ${allowed} may: ${verdict} ${verdict === allowed ? 'may' : 'may not'}`, async () => {
            service.addNode(node({ rights: { ...nobody, [action]: [allowed] } }));
            await has('a');
            if (verdict === allowed) await act(action, visitor(verdict));
            else await assert.rejects(act(action, visitor(verdict)), isCode('not-allowed'));
            for (const other of ACTIONS.filter((one) => one !== action)) await assert.rejects(act(other, visitor(verdict)), isCode('not-allowed'), `and not ${other}`);
          });
        }
      }
      it(`${action}: nobody who has proven nothing, whatever the table says`, async () => {
        service.addNode(node());
        await has('a');
        await assert.rejects(act(action, undefined), isCode('security-required'));
        assert.deepEqual(items.all(), [{ id: 'a', payload: 'a' }]);
      });
      it(`${action}: not on a node that is not there`, () => assert.rejects(act(action, own), isCode('not-found')));
    }

    it('unsubscribing needs the right to subscribe', () => {
      service.addNode(node({ rights: { ...everybody, subscribe: ['own'] } }));
      assert.throws(() => service.unsubscribe(NODE, visitor('friend')), isCode('not-allowed'));
      assert.throws(() => service.unsubscribe(NODE, undefined), isCode('security-required'));
    });
  });

  describe('items', () => {
    beforeEach(() => service.addNode(node()));
    const ids = (options?: Parameters<typeof service.items>[2]): string => service.items(NODE, own, options).map(({ id }) => id).join();

    it('are read all, by id, and the newest', async () => {
      await has('a', 'b', 'c');
      assert.equal(ids(), 'a,b,c');
      assert.equal(ids({ ids: ['c', 'x', 'a'] }), 'a,c');
      assert.equal(ids({ newest: 2 }), 'b,c');
      assert.equal(ids({ newest: 9 }), 'a,b,c');
    });

    it('replace those of the same id, and are the newest then', async () => {
      await has('a', 'b');
      const { id } = await service.publish(NODE, own, { id: 'a', payload: 'again' }, here());
      assert.equal(id, 'a');
      assert.deepEqual(service.items(NODE, own), [{ id: 'b', payload: 'b' }, { id: 'a', payload: 'again' }]);
    });

    it('get an id if they have none', async () => {
      assert.equal((await service.publish(NODE, own, { payload: 'x' }, here())).id, 'id1');
      assert.equal(ids(), 'id1');
    });

    it('are no larger, and no more, than may be: the oldest goes', async () => {
      await assert.rejects(service.publish(NODE, own, { id: 'a', payload: 'x'.repeat(11) }, here()), isCode('too-large', 'payload-too-big'));
      await has('a', 'b', 'c');
      const { notification } = await service.publish(NODE, own, { id: 'd', payload: 'd' }, here());
      assert.equal(notification, undefined, 'nobody is there');
      assert.equal(ids(), 'b,c,d');
    });

    it('fill one answer, and no more', async () => {
      for (const id of ['a', 'b', 'c']) await items.put({ id, payload: id.repeat(10) });
      assert.equal(ids(), 'a,b');
      assert.equal(ids({ ids: ['c'] }), 'c');
    });

    it('that are not there are not retracted', () => assert.rejects(service.retract(NODE, own, 'a', here()), isCode('not-found')));
  });

  it('keeps no more nodes than it may, none twice, and does nothing that a node can\'t', async () => {
    const view: ItemSource<string> = { all: () => [{ id: 'a', payload: 'a' }] };
    service.addNode(node({ items: view }));
    assert.throws(() => service.addNode(node()), isCode('conflict'));
    for (const name of ['2', '3']) service.addNode(node({ name }));
    assert.throws(() => service.addNode(node({ name: '4' })), isCode('resource-limit'));
    await assert.rejects(service.publish(NODE, own, { payload: 'x' }, here()), isCode('not-supported', 'unsupported'));
    await assert.rejects(service.retract(NODE, own, 'a', here()), isCode('not-supported', 'unsupported'));
    service.deleteNode('2', []);
    service.addNode(node({ name: '4' }));
  });

  describe('subscribers', () => {
    const friend = visitor('friend');

    it('who have asked, and those who are told without asking, hear of changes while they are there', async () => {
      service.addNode(node({ automatic: ['own'] }));
      service.subscribe(NODE, friend);
      const present = here(own, friend, own, visitor('own-hosted'));
      const { notification } = await service.publish(NODE, own, { id: 'a', payload: 'x' }, present);
      assert.deepEqual(told(notification), [jids(own, friend), 'a=x', '', false]);
      assert.deepEqual(told(await service.retract(NODE, own, 'a', present)), [jids(own, friend), '', 'a', false]);
      assert.equal(service.notification(NODE, { published: [], retracted: ['a'] }, []), undefined);
      assert.deepEqual(told(service.notification(NODE, { published: [], retracted: ['a'] }, [friend])), [jids(friend), '', 'a', false]);
    });

    it('are told first how things are', async () => {
      service.addNode(node());
      assert.equal(service.subscribe(NODE, friend), undefined, 'there is nothing');
      await has('a', 'b');
      assert.deepEqual(told(service.subscribe(NODE, friend)), [jids(friend), 'a=a,b=b', '', false]);
    });

    it('whose verdict gives them the right no more hear nothing', () => {
      service.addNode(node({ rights: { ...everybody, subscribe: ['own', 'friend'] }, automatic: ['own', 'own-hosted'] }));
      service.subscribe(NODE, friend);
      const change = { published: [{ id: 'a', payload: 'a' }], retracted: [] };
      assert.equal(service.notification(NODE, change, [{ ...friend, verdict: 'pairing' }, visitor('own-hosted')]), undefined);
    });

    it('may go, once; and are forgotten when they have left', () => {
      service.addNode(node());
      service.subscribe(NODE, friend);
      service.unsubscribe(NODE, friend);
      assert.throws(() => service.unsubscribe(NODE, friend), isCode('unexpected-request', 'not-subscribed'));
      service.subscribe(NODE, friend);
      service.left(friend.jid);
      assert.equal(service.notification(NODE, { published: [], retracted: ['a'] }, [friend]), undefined);
    });

    it('are so many and no more; the same one twice is one', () => {
      service.addNode(node());
      const [one, two, three] = ['1', '2', '3'].map((name) => visitor('friend', name)) as [Visitor, Visitor, Visitor];
      for (const who of [one, two, two, one]) service.subscribe(NODE, who);
      assert.throws(() => service.subscribe(NODE, three), isCode('resource-limit', 'too-many-subscriptions'));
      service.left(one.jid);
      service.subscribe(NODE, three);
    });

    it('who come are greeted with what they are told without asking', async () => {
      service.addNode(node({ name: 'empty', automatic: ['own'] }));
      service.addNode(node({ name: 'explicit' }));
      await has('x');
      service.addNode(node({ automatic: ['own'], digest: ({ payload }) => `<${payload}>` }));
      await has('a', 'b');
      assert.deepEqual(service.greeting(own).map(told), [[jids(own), 'a=<a>,b=<b>', '', false]]);
      assert.deepEqual(service.greeting(friend), []);
    });

    it('hear what a node tells of its items, not more', async () => {
      service.addNode(node({ automatic: ['own'], digest: ({ id }) => `see ${id}` }));
      const { notification } = await service.publish(NODE, own, { id: 'a', payload: 'x' }, here(own));
      assert.deepEqual(told(notification), [jids(own), 'a=see a', '', false]);
      assert.deepEqual(service.items(NODE, own), [{ id: 'a', payload: 'x' }]);
    });

    it('hear that a node is no more', () => {
      service.addNode(node());
      service.subscribe(NODE, friend);
      assert.deepEqual(told(service.deleteNode(NODE, [friend, own])), [jids(friend), '', '', true]);
      assert.equal(service.deleteNode(NODE, [friend]), undefined);
      service.addNode(node());
      assert.equal(service.notification(NODE, { published: [], retracted: ['a'] }, [friend]), undefined, 'another node of that name has no subscribers');
    });
  });

  describe('nodes that were made for one visitor', () => {
    const [one, two] = [visitor('own', 'one'), visitor('own', 'two')];
    const change = { published: [{ id: 'a', payload: 'a' }], retracted: [] };
    let gone: string[];
    const make = (name: string, who: Visitor): void => service.addNode(node({ name, only: who.jid, automatic: ['own'], onGone: () => gone.push(name) }));
    beforeEach(() => (gone = []));

    it('tell him, and are there for nobody else', async () => {
      make('query', one);
      assert.deepEqual(told(service.notification('query', change, [one, two])), [jids(one), 'a=a', '', false]);
      for (const attempt of [() => service.items('query', two), () => service.subscribe('query', two), () => service.unsubscribe('query', two)]) assert.throws(attempt, isCode('not-found'));
      await assert.rejects(service.publish('query', two, { id: 'a', payload: 'x' }, here()), isCode('not-found'));
      assert.deepEqual(service.greeting(two), []);
      assert.deepEqual(gone, []);
    });

    it('go when he unsubscribes, and when he leaves', () => {
      make('query', one);
      make('another', one);
      service.unsubscribe('query', one);
      assert.deepEqual(gone, ['query']);
      assert.throws(() => service.items('query', one), isCode('not-found'));
      service.left(two.jid);
      assert.deepEqual(gone, ['query']);
      service.left(one.jid);
      assert.deepEqual(gone, ['query', 'another']);
      assert.equal(service.notification('another', change, [one]), undefined);
    });

    it('are so many for each, and no more', () => {
      make('1', one);
      make('2', one);
      assert.throws(() => make('3', one), isCode('resource-limit'));
      make('3', two);
      service.unsubscribe('1', one);
      make('1', one);
    });

    it('tell him that they go when the provider takes them away', () => {
      make('query', one);
      assert.deepEqual(told(service.deleteNode('query', [one, two])), [jids(one), '', '', true]);
      service.left(one.jid);
      assert.deepEqual(gone, []);
    });
  });

  it('tells without being asked only those who want to be told, as long as they do', () => {
    const wanting = new Set(['me@home.test/own']);
    service.addNode(node({ automatic: ['own', 'friend'], wanted: ({ jid }) => wanting.has(jid), items: { all: () => [{ id: 'a', payload: 'a' }] } }));
    const change = { published: [{ id: 'a', payload: 'a' }], retracted: [] };
    const present = [own, visitor('own', 'other'), visitor('friend')];
    assert.deepEqual(told(service.notification(NODE, change, present)), [jids(own), 'a=a', '', false]);
    assert.equal(service.greeting(own).length, 1);
    assert.deepEqual(service.greeting(visitor('own', 'other')), []);
    wanting.clear();
    assert.equal(service.notification(NODE, change, present), undefined);
    service.subscribe(NODE, own);
    assert.deepEqual(told(service.notification(NODE, change, present)), [jids(own), 'a=a', '', false], 'who has asked is told');
  });

  it('says how items are now to one who has missed something, if he is still to be told', async () => {
    service.addNode(node({ digest: ({ payload }) => `<${payload}>` }));
    await has('a', 'b');
    assert.equal(service.current(NODE, new Set(['a']), own), undefined, 'he has not subscribed');
    service.subscribe(NODE, own);
    assert.deepEqual(told(service.current(NODE, new Set(['a', 'x']), own)), [jids(own), 'a=<a>', 'x', false]);
    assert.equal(service.current('elsewhere', new Set(['a']), own), undefined);
  });

  it('whatever is published and retracted: those who listen know what the node has', () => fc.assert(fc.asyncProperty(
    fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e'), payload: fc.option(fc.string({ maxLength: 10 }), { nil: undefined }) })), async (steps) => {
      service = new PubsubService({ sizeOf: (text) => text.length }, { ...limits, answerBytes: 100 });
      service.addNode(node({ automatic: ['own'] }));
      const known = new Map<string, string>();
      for (const { id, payload } of steps) {
        const notification = payload === undefined
          ? await service.retract(NODE, own, id, here(own)).catch(() => undefined)
          : (await service.publish(NODE, own, { id, payload }, here(own))).notification;
        for (const gone of notification?.retracted ?? []) known.delete(gone);
        for (const item of notification?.published ?? []) known.set(item.id, item.payload);
      }
      assert.deepEqual(known, new Map(service.items(NODE, own).map((item) => [item.id, item.payload])));
    })));
});
