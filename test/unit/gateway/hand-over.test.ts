import assert from 'node:assert/strict';
import { handOver } from '../../../src/xpmn/gateway/hand-over.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import { HeadsExchange } from '../../../src/xpmn/links/heads-exchange.ts';
import type { PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { elements, serialise } from '../../../src/xpmn/model/xml.ts';
import type { PeerLinks } from '../../../src/xpmn/ports/peer-link.ts';
import { serveHandOver } from '../../../src/xpmn/profiles/hand-over.ts';
import { privateKeyDer } from '../../../src/xpmn/trust/keys.ts';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { channelPair } from '../../support/channel-pair.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { devices, Machine, meet, options } from '../trust/machine.ts';

const never = new AbortController().signal;
const SIDES = ['desk', 'nas'] as const;

describe('handing over the management', function () {
  this.timeout(60_000);
  let machines: Record<(typeof SIDES)[number], Machine>;
  let former: Network;
  let next: Network;
  let pair: ChannelPair;
  let published: number;
  let tasks: TaskGroup;

  beforeEach(async () => {
    machines = { desk: new Machine('over-desk'), nas: new Machine('over-nas') };
    former = await machines.desk.create();
    next = await machines.nas.join(former, 'Nas');
    tasks = new TaskGroup(() => undefined);
    published = 0;
    connect();
  });
  afterEach(async () => {
    pair.close();
    await tasks.close();
  });

  /** Opens a stream between the two, each as the lists of the other have it. */
  function connect(): void {
    const identity = (viewer: Network, { gateway }: Network): PeerIdentity => {
      const judgement = viewer.lists.judge(gateway.certificate.der, gateway.jid);
      assert.equal(judgement.verdict, 'own');
      return (judgement as { identity: PeerIdentity }).identity;
    };
    pair = channelPair({ clock: machines.desk.clock, random: new FakeRandom(), a: former.gateway.jid, b: next.gateway.jid, peers: { a: identity(former, next), b: identity(next, former) } });
    for (const [end, network] of [[pair.a, former], [pair.b, next]] as const) {
      new HeadsExchange({ lists: network.lists, registry: end.router, tasks, log: silentLogger, channels: () => [end.channel] }, options);
      serveHandOver({ registry: end.router, taker: network.transfer });
    }
  }
  const hand = (device = next.gateway.jid): Promise<void> => {
    const links = { to: () => ({ channel: () => Promise.resolve(pair.a.channel) }) } as unknown as PeerLinks;
    return handOver({ network: former, links, publish: () => Promise.resolve(void (published += 1)) }, device, { signal: never, listsPerAnswer: options.listsPerAnswer });
  };
  const managers = (network: Network): string[] => devices(network).devices.filter(({ roles }) => roles.includes('management')).map(({ jid }) => jid);
  /** Both machines start again, and meet. */
  async function restart(): Promise<void> {
    pair.close();
    for (const side of SIDES) machines[side].disk = machines[side].disk.restarted();
    [former, next] = [await machines.desk.load(), await machines.nas.load()];
    connect();
  }
  function assertDone(): void {
    assert.deepEqual([former.isManagement, next.canSign], [false, true]);
    for (const network of [former, next]) assert.deepEqual(managers(network), [next.gateway.jid]);
    assert.equal(devices(former).hash, devices(next).hash);
    assert.deepEqual(machines.desk.keys, ['device']);
    assert.deepEqual(machines.nas.keys, ['device', 'user']);
  }

  it('moves the key and the role, and publishes the list', async () => {
    await hand();
    assertDone();
    assert.equal(published, 1);
    assert.deepEqual(pair.sent.filter(({ from }) => from === 'a').flatMap(({ stanza }) => elements(stanza).map(({ name }) => name)), ['hand-over', 'lists', 'heads']);
    await restart();
    assertDone();
  });

  it('sends the key to the very device that is meant, or not at all', async () => {
    const tablet = await former.createDevice('Tablet');
    const bridged = await next.hostDevice('uuid:1', 'Bridged');
    await former.lists.offerAll(next.lists.snapshot.lists.map(({ element }) => element));
    await assert.rejects(hand(tablet.jid), { code: 'not-allowed' });
    await assert.rejects(hand(bridged.jid), { code: 'not-found' });
    await assert.rejects(hand(former.gateway.jid), { code: 'not-allowed' });
    await assert.rejects(hand(parseJid('me@home.example/nobody')), { code: 'not-found' });
    const other = await new Machine('over-other').join(former, 'Other');
    await assert.rejects(hand(other.gateway.jid), { code: 'not-trusted' }, 'the stream leads to another device than its name says');
    assert.deepEqual([pair.sent, former.canSign], [[], true]);
  });

  it('is not begun while the key is locked, or where it is not', async () => {
    await former.keyPassword.lock('milk');
    await assert.rejects(hand(), { code: 'not-authorized' });
    await former.keyPassword.unlock('milk');
    await hand();
    assertDone();
    await assert.rejects(hand(), { code: 'not-allowed' });
  });

  it('is left to the device that manages, where the key is on two', async () => {
    await next.transfer.take(former.transfer.parts());
    await former.transfer.moveRole(next.gateway.key);
    const third = await new Machine('over-third').join(former, 'Third');
    await assert.rejects(hand(third.gateway.jid), { code: 'not-allowed', message: /^nas-.{4} manages the media network: it is handed over from there\.$/ });
    await hand();
    assertDone();
  });

  it('keeps the key while the other does not go by the list', async () => {
    pair.tap = (from, stanza) => (from === 'b' && elements(stanza)[0]?.name === 'lists' ? { ...stanza, children: [{ ...(elements(stanza)[0] as (typeof stanza)), children: [] }] } : stanza);
    await assert.rejects(hand(), { code: 'conflict', message: /The key is still here/ });
    assert.ok(former.canSign);
    pair.tap = (_from, stanza) => stanza;
    await hand();
    assertDone();
  });

  it('moves the role anew where another list comes in between', async () => {
    let isFirst = true;
    pair.tap = (from, stanza) => {
      if (from === 'a' && isFirst && elements(stanza)[0]?.name === 'lists') {
        isFirst = false;
        // The other one signs, too, and has not heard of the new role.
        void next.createDevice('Tablet').then(() => next.createDevice('Radio')).then(() => pair.inject('b', { ...stanza, attrs: { ...stanza.attrs, from: former.gateway.jid, to: next.gateway.jid } }));
        return undefined;
      }
      return stanza;
    };
    await hand();
    assert.deepEqual([former.isManagement, next.canSign, managers(former), managers(next)], [false, true, [next.gateway.jid], [next.gateway.jid]]);
  });

  it('shows the key in nothing but that one stanza, and in no error', async () => {
    const secret = privateKeyDer(await testKey('over-desk-0')).toString('base64').slice(100, 200);
    machines.nas.disk.isFull = true;
    await assert.rejects(hand(), (error) => error instanceof XpmnError && !`${error.message}${String(error.stack)}${JSON.stringify(error)}`.includes(secret));
    machines.nas.disk.isFull = false;
    await hand();
    const carrying = pair.sent.filter(({ stanza }) => serialise(stanza).includes(secret));
    assert.deepEqual(carrying.map(({ from, stanza }) => [from, elements(stanza)[0]?.name]), [['a', 'hand-over'], ['a', 'hand-over']]);
  });

  for (const side of SIDES) {
    it(`survives a crash of the ${side} at each of its writes: somebody has the key, and done again, it ends well`, async () => {
      for (let writes = 0; ; writes += 1) {
        machines = { desk: new Machine('over-desk'), nas: new Machine('over-nas') };
        former = await machines.desk.create();
        next = await machines.nas.join(former, 'Nas');
        connect();
        const crashed = machines[side].disk.failAfter(writes, 'isDead').then(() => 'crashed' as const);
        const outcome = await Promise.race([crashed, hand().then(() => 'done' as const)]);
        await restart();
        assert.ok(former.isManagement || next.isManagement, `after ${writes} writes`);
        if (outcome === 'done') {
          assert.ok(writes >= 1);
          return;
        }
        if (former.isManagement) await hand();
        else await meet(former, next);
        assertDone();
      }
    });
  }

  it('survives the loss of the stream at each stanza', async () => {
    for (let stanzas = 0; ; stanzas += 1) {
      machines = { desk: new Machine('over-desk'), nas: new Machine('over-nas') };
      former = await machines.desk.create();
      next = await machines.nas.join(former, 'Nas');
      connect();
      pair.tap = (_from, stanza) => {
        if (pair.sent.length <= stanzas) return stanza;
        queueMicrotask(() => pair.close());
        return undefined;
      };
      const outcome = await hand().then(() => 'done', (error: unknown) => error);
      assert.ok(former.isManagement || next.isManagement);
      if (outcome === 'done') {
        assert.equal(stanzas, 6);
        return;
      }
      assert.match((outcome as XpmnError).message, /The key is still here/);
      assert.ok(former.canSign);
      await restart();
      await hand();
      assertDone();
    }
  });
});
