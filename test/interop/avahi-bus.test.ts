import assert from 'node:assert/strict';
import { isAvahiThere } from '../../src/dbus/avahi-discovery.ts';
import { createMessageBus } from '../../src/dbus/message-bus.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { FoundService } from '../../src/xpmn/ports/service-discovery.ts';
import { startAvahi } from '../peers/avahi.ts';
import type { Avahi, Resolved } from '../peers/avahi.ts';
import { createLan } from '../peers/lan.ts';
import type { Host, Lan } from '../peers/lan.ts';
import { startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { waitUntil } from '../peers/wait.ts';
import { settings } from '../support/settings.ts';
import { startAgent as startOne } from './discovery-agents.ts';
import type { Agent } from './discovery-agents.ts';

const NAME = 'living-room.tv 2.1@verona äöü';
const TXT = { txtvers: '1', jid: 'romeo@montague.lit/tv', status: 'avail' };

/** Says when somebody probes for a name with `hasty` in it. */
const LISTENER = `
  const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('message', (packet) => packet.readUInt16BE(8) > 0 && packet.includes('hasty') && console.log('probe'));
  socket.bind(5353, '224.0.0.251', () => console.log('ready', socket.addMembership('224.0.0.251')));
`;

describe('avahi over the message bus', function () {
  this.timeout(120_000);
  let lan: Lan;
  let [here, there] = [] as unknown as [Host, Host];
  let [ours, theirs] = [] as unknown as [Avahi, Avahi];
  const agents: ManagedProcess[] = [];

  before(async () => {
    lan = await createLan({ hosts: 2 });
    [here, there] = lan.hosts as [Host, Host];
    [ours, theirs] = await Promise.all([startAvahi({ netns: here.ns, host: 'verona' }), startAvahi({ netns: there.ns, host: 'mantua' })]);
  });

  afterEach(async () => {
    while (agents.length > 0) await agents.pop()?.stop();
  });

  after(async () => {
    await ours?.stop();
    await theirs?.stop();
    await lan?.close();
  });

  const startAgent = async (host: Host, avahi?: Avahi): Promise<Agent> => {
    const agent = await startOne(host, avahi);
    agents.push(agent.process);
    return agent;
  };
  const seen = async (from: Avahi, instance: string): Promise<Resolved[]> => (await from.browse()).filter((one) => one.instance === instance);
  const browsed = (from: Avahi, instance: string): Promise<Resolved[]> =>
    waitUntil(`avahi sees ${instance}`, async () => {
      const all = await seen(from, instance);
      return all.length > 0 ? all : undefined;
    });

  it('announces: name, port and text, other text, goodbye', async () => {
    const agent = await startAgent(here, ours);
    agent.tell({ announce: { instance: NAME, port: 5298, txt: TXT } });
    const [one] = await browsed(theirs, NAME);
    assert.deepEqual([one?.port, [...(one?.txt ?? [])].reverse(), one?.host], [5298, Object.entries(TXT).map(([key, value]) => `${key}=${value}`), 'verona.local']);
    agent.tell({ update: { instance: NAME, txt: { ...TXT, status: 'dnd' } } });
    await waitUntil('avahi reads the new text', async () => (await seen(theirs, NAME)).some(({ txt }) => txt.includes('status=dnd')));
    agent.tell({ withdraw: NAME });
    await waitUntil('it is forgotten', async () => (await seen(theirs, NAME)).length === 0);
    await waitUntil('by both', async () => (await seen(ours, NAME)).length === 0);
    assert.equal(agent.lines.filter(({ found }) => found).length, 0);
  });

  it('keeps its names when it says something else while avahi still probes for them', async () => {
    const agent = await startAgent(here, ours);
    const listener = await startProcess('listener', [process.execPath, '-e', LISTENER], { netns: there.ns });
    agents.push(listener);
    await listener.said(/ready/);
    const names = Array.from({ length: 10 }, (_, index) => `hasty ${index}`);
    for (const instance of names) agent.tell({ announce: { instance, port: 5298, txt: TXT } });
    // of two probes for a name, avahi lets that with the longer text win: an earlier one of its own, too
    let status = '9'.repeat(100);
    listener.child.stdout?.on('data', () => {
      status = status.slice(1) || '9';
      for (const instance of names) agent.tell({ update: { instance, txt: { ...TXT, status } } });
    });
    const known = await waitUntil('all are there', async () => {
      const all = (await theirs.browse()).map(({ instance }) => instance).filter((instance) => instance.startsWith('hasty'));
      return new Set(all).size >= names.length ? new Set(all) : undefined;
    });
    assert.deepEqual(known, new Set(names));
    await waitUntil('and say the last of it', async () =>
      (await theirs.browse()).every(({ instance, txt }) => !instance.startsWith('hasty') || txt.includes(`status=${status}`)));
  });

  it('says goodbye when it stops', async () => {
    const agent = await startAgent(here, ours);
    agent.tell({ announce: { instance: 'one more', port: 5298, txt: TXT } });
    await browsed(theirs, 'one more');
    agent.process.child.stdin?.end();
    await agent.process.exited;
    await waitUntil('it is forgotten', async () => (await seen(theirs, 'one more')).length === 0);
  });

  it('finds who speaks multicast DNS of our own, and is found by it', async () => {
    const [agent, far] = [await startAgent(here, ours), await startAgent(there)];
    agent.tell({ announce: { instance: 'ours@verona', port: 1, txt: TXT } });
    far.tell({ announce: { instance: NAME, port: 5298, txt: TXT } });
    const found = await waitUntil('found', () => agent.knows(NAME));
    assert.deepEqual([found.port, found.txt, Object.keys(found.txt)], [5298, TXT, Object.keys(TXT)]);
    await waitUntil('with addresses of both families', () => {
      const { addresses } = agent.knows(NAME) as FoundService;
      return addresses[0] === there.address && addresses.some((address) => address === there.address6) && addresses.some((address) => /^fe80.*%eth0$/.test(address));
    });
    assert.equal((await waitUntil('found', () => far.knows('ours@verona'))).port, 1);
    far.tell({ update: { instance: NAME, txt: { status: 'away' } } });
    await waitUntil('the new text', () => agent.knows(NAME)?.txt['status'] === 'away');
    far.tell({ withdraw: NAME });
    await waitUntil('lost', () => agent.knows(NAME) === undefined);
    assert.ok(agent.lines.every(({ found: one }) => one === undefined || one.instance === NAME));
  });

  it('gives way to a name that another program of this machine has, and comes to terms with other machines', async () => {
    const agent = await startAgent(here, ours);
    const local = await ours.publish('friar@verona', 1, ['who=local']);
    const remote = await theirs.publish('nurse@verona', 2, ['who=remote']);
    agent.tell({ announce: { instance: 'friar@verona', port: 3, txt: TXT } });
    agent.tell({ announce: { instance: 'nurse@verona', port: 4, txt: TXT } });
    assert.equal((await browsed(theirs, 'friar@verona-2'))[0]?.port, 3);
    assert.equal((await waitUntil('found', () => agent.knows('friar@verona'))).port, 1);
    // which of two avahis gives way to the other one is theirs to settle
    const nurse = async (port: number) => (await theirs.browse()).find((one) => one.port === port && one.interface === 'eth0')?.instance;
    const names = await waitUntil('both are there, under two names', async () => {
      const [there2, here2] = [await nurse(2), await nurse(4)];
      return there2 !== undefined && here2 !== undefined && there2 !== here2 ? ([there2, here2] as const) : undefined;
    });
    await waitUntil('found', () => agent.knows(names[0])?.port === 2);
    assert.ok(agent.lines.every(({ found }) => found === undefined || found.port <= 2));
    await Promise.all([local.stop(), remote.stop()]);
  });

  it('comes back with avahi, and with the bus', async () => {
    const agent = await startAgent(here, ours);
    agent.tell({ announce: { instance: 'ours@verona', port: 1, txt: TXT } });
    const publisher = await theirs.publish('nurse@verona', 2, ['who=remote']);
    await waitUntil('found', () => agent.knows('nurse@verona'));
    await browsed(theirs, 'ours@verona');
    await ours.end({ crash: true });
    await waitUntil('lost', () => agent.knows('nurse@verona') === undefined);
    await ours.launch();
    await waitUntil('found again', () => agent.knows('nurse@verona'));
    await browsed(theirs, 'ours@verona');
    await ours.end();
    await ours.bus.end();
    await waitUntil('lost again', () => agent.knows('nurse@verona') === undefined);
    await ours.bus.begin();
    await ours.launch();
    await waitUntil('found again', () => agent.knows('nurse@verona'));
    await waitUntil('it is announced again', async () => (await seen(theirs, 'ours@verona')).length > 0);
    await publisher.stop();
  });

  it('is there, or it is not', async () => {
    const bus = createMessageBus({ clock: systemClock, random: systemRandom, log: silentLogger }, { ...settings.dbus, address: ours.bus.address });
    const { signal } = new AbortController();
    assert.equal(await isAvahiThere(bus, { signal }), false);
    await bus.start({ signal });
    try {
      assert.equal(await isAvahiThere(bus, { signal }), true);
      await ours.end();
      await waitUntil('the bus knows that it is gone', async () => !(await isAvahiThere(bus, { signal })));
      await assert.rejects(isAvahiThere(bus, { signal: AbortSignal.abort(new XpmnError('aborted', 'no')) }), { code: 'aborted' });
    } finally {
      await bus.stop();
      await ours.launch();
    }
  });

  it('starts without an avahi, and uses one that comes', async () => {
    await ours.end();
    const agent = await startAgent(here, ours);
    agent.tell({ announce: { instance: 'ours@verona', port: 1, txt: TXT } });
    await ours.launch();
    await browsed(theirs, 'ours@verona');
  });
});
