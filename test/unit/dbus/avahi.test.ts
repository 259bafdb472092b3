import assert from 'node:assert/strict';
import type { MethodCall } from '../../../src/dbus/bus.ts';
import { AvahiAnnouncer } from '../../../src/dbus/avahi-announcer.ts';
import { AvahiHosts } from '../../../src/dbus/avahi-hosts.ts';
import { AvahiObjects } from '../../../src/dbus/avahi-objects.ts';
import { SerialQueue } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { StubAvahi } from '../../support/stub-avahi.ts';

const [REGISTERING, ESTABLISHED] = [1, 2];
const ON_ALL = { interfaces: [], interfaceInterval: 5_000 };
const queue = async (job: () => Promise<void>): Promise<void> => job();

describe('avahi\'s part', () => {
  let clock: FakeClock;
  let jobs: SerialQueue;

  beforeEach(() => ([clock, jobs] = [new FakeClock(), new SerialQueue()]));

  it('knows its own labels until they are forgotten', async () => {
    const stub = new StubAvahi();
    const objects = new AvahiObjects(stub.bus, () => undefined);
    const announcer = new AvahiAnnouncer({ objects, clock, queue, onNews: () => undefined }, '_presence._tcp', ON_ALL);
    announcer.setRunning(true);
    const entry = announcer.add('TV', 1, []);
    const others = (...labels: string[]): string[] => announcer.others(labels.map((instance) => ({ instance }))).map(({ instance }) => instance);
    assert.deepEqual(others('tv', 'phone'), ['phone']);
    await announcer.withdraw(entry);
    assert.deepEqual(others('tv', 'phone'), ['phone'], 'it may be there for a while');
    assert.deepEqual(others('phone'), ['phone']);
    assert.deepEqual(others('tv', 'phone'), ['tv', 'phone'], 'now it is another one\'s');
  });

  it('announces only while the host has a name, and again after that', async () => {
    const stub = new StubAvahi();
    const announcer = new AvahiAnnouncer({ objects: new AvahiObjects(stub.bus, () => undefined), clock, queue, onNews: () => undefined }, '_presence._tcp', ON_ALL);
    announcer.add('tv', 1, []);
    await settle();
    assert.deepEqual(stub.calls, []);
    for (const isRunning of [true, false, true]) {
      announcer.setRunning(isRunning);
      await settle();
    }
    assert.deepEqual(stub.calls.map(({ member }) => member), ['EntryGroupNew', 'AddService', 'Commit', 'Reset', 'AddService', 'Commit']);
  });

  it('gives avahi other strings only once it has the label, and then the newest', async () => {
    const stub = new StubAvahi();
    const announcer = new AvahiAnnouncer({ objects: new AvahiObjects(stub.bus, () => undefined), clock, queue: (job) => jobs.run(job), onNews: () => undefined }, '_presence._tcp', ON_ALL);
    const updates = async (): Promise<unknown[]> => {
      await settle();
      return stub.calls.splice(0).filter(({ member }) => member === 'UpdateServiceTxt').map(({ body }) => String(body?.at(-1)));
    };
    announcer.setRunning(true);
    const entry = announcer.add('tv', 1, [Buffer.from('a=1')]);
    const say = (text: string): void => {
      entry.strings = [Buffer.from(text)];
      announcer.update(entry);
    };
    await settle();
    say('a=2');
    say('a=3');
    stub.say(stub.last, 'StateChanged', [REGISTERING, '']);
    assert.deepEqual(await updates(), []);
    stub.say(stub.last, 'StateChanged', [ESTABLISHED, '']);
    assert.deepEqual(await updates(), ['a=3']);
    say('a=4');
    assert.deepEqual(await updates(), ['a=4']);
    announcer.setRunning(false);
    announcer.setRunning(true);
    say('a=5');
    assert.deepEqual(await updates(), [], 'it is probed for again');
    stub.say(stub.last, 'StateChanged', [ESTABLISHED, '']);
    assert.deepEqual(await updates(), [], 'it was announced with these');
    say('a=6');
    assert.deepEqual(await updates(), ['a=6']);
  });

  it('announces on the interfaces that are chosen', async () => {
    const stub = new StubAvahi();
    const { bus } = stub;
    const numbers: Record<string, number> = { eth0: 2, wlan0: 3 };
    const call = bus.call.bind(bus);
    Object.assign(bus, { call: async (one: MethodCall) => (one.member === 'GetNetworkInterfaceIndexByName' ? [numbers[String(one.body?.[0])]] : call(one, {})) });
    const announcer = new AvahiAnnouncer({ objects: new AvahiObjects(bus, () => undefined), clock, queue, onNews: () => undefined }, '_presence._tcp', { ...ON_ALL, interfaces: ['eth0', 'nowhere', 'wlan0'] });
    announcer.setRunning(true);
    announcer.add('tv', 1, []);
    await settle();
    assert.deepEqual(stub.calls.filter(({ member }) => member === 'AddService').map(({ body }) => body?.[0]), [2, 3]);
  });

  it('keeps so many addresses of a host, and those that are any', async () => {
    const stub = new StubAvahi();
    let news = 0;
    const hosts = new AvahiHosts({ objects: new AvahiObjects(stub.bus, () => undefined), clock, queue, onNews: () => (news += 1) }, 2);
    hosts.use(2, 'Host.local');
    await settle();
    for (let last = 0; last < 100; last += 1) stub.say('/object1', 'ItemNew', [2, 0, 'host.local', 1, 1, Buffer.from([192, 0, 2, last]), 0]);
    for (const none of [Buffer.alloc(3), 'text', undefined]) stub.say('/object1', 'ItemNew', [2, 0, 'host.local', 1, 1, none, 0]);
    assert.deepEqual([hosts.addressesOf(2, 'host.local').length, news], [8, 100]);
    stub.say('/object1', 'ItemNew', [2, 1, 'host.local', 1, 1, Buffer.from([192, 0, 2, 0]), 0]);
    stub.say('/object1', 'ItemRemove', [2, 0, 'host.local', 1, 1, Buffer.from([192, 0, 2, 0]), 0]);
    assert.ok(hosts.addressesOf(2, 'host.local').includes('192.0.2.0'), 'the other protocol still has it');
    stub.say('/object1', 'ItemRemove', [2, 1, 'host.local', 1, 1, Buffer.from([192, 0, 2, 0]), 0]);
    assert.equal(hosts.addressesOf(2, 'host.local').length, 7);
    hosts.use(2, 'host.local');
    hosts.leave(2, 'host.local');
    assert.equal(hosts.addressesOf(2, 'host.local').length, 7);
    hosts.leave(2, 'host.local');
    await settle();
    assert.deepEqual(stub.calls.map(({ member, path }) => `${path} ${member}`), ['/ RecordBrowserNew', '/ RecordBrowserNew', '/object1 Free', '/object2 Free']);
  });
});
