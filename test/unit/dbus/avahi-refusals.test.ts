import assert from 'node:assert/strict';
import { AvahiAnnouncer } from '../../../src/dbus/avahi-announcer.ts';
import { AvahiBrowser } from '../../../src/dbus/avahi-browser.ts';
import { createAvahiDiscovery } from '../../../src/dbus/avahi-discovery.ts';
import { AvahiObjects } from '../../../src/dbus/avahi-objects.ts';
import type { MethodCall } from '../../../src/dbus/bus.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { SerialQueue } from '../../../src/xpmn/kernel/tasks.ts';
import type { Link } from '../../../src/xpmn/model/link-addresses.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';
import { StubAvahi, refuse } from '../../support/stub-avahi.ts';

const TYPE = '_presence._tcp';
const [ESTABLISHED, FAILURE] = [2, 4];
const STEPS = ['EntryGroupNew', 'AddService', 'Commit'];

describe('what avahi refuses', () => {
  let clock: FakeClock;
  let avahi: StubAvahi;
  let jobs: SerialQueue;

  beforeEach(() => ([clock, avahi, jobs] = [new FakeClock(), new StubAvahi(), new SerialQueue()]));

  const queue = (job: () => Promise<void>): Promise<void> => jobs.run(job).catch(() => undefined);
  const deps = () => ({ objects: new AvahiObjects(avahi.bus, () => undefined), clock, queue, onNews: () => undefined });
  const refusing = (...members: readonly string[]) => (call: MethodCall): undefined => (members.includes(call.member) ? refuse() : undefined);

  describe('to announce', () => {
    let interfaces: readonly string[];

    function announcer(): AvahiAnnouncer {
      const one = new AvahiAnnouncer(deps(), TYPE, { interfaces, interfaceInterval: 5000 });
      one.setRunning(true);
      return one;
    }
    beforeEach(() => (interfaces = []));

    for (const [index, member] of STEPS.entries()) {
      it(`is tried again, less and less often, with nothing left behind: ${member}`, async () => {
        avahi.answer = refusing(member);
        const one = announcer();
        one.add('tv', 1, []);
        await settle();
        const each = [...STEPS.slice(0, index + 1), ...(index > 0 ? ['Free'] : [])];
        assert.deepEqual(avahi.taken(), each);
        await clock.advance(4_999);
        assert.deepEqual(avahi.taken(), []);
        await clock.advance(1);
        assert.deepEqual(avahi.taken(), each);
        await clock.advance(9_999);
        assert.deepEqual(avahi.taken(), []);
        avahi.answer = () => undefined;
        await clock.advance(1);
        assert.deepEqual(avahi.taken(), STEPS);
        assert.equal(clock.pending, 0);
      });
    }

    it('keeps no other waiting, and is forgotten when it is withdrawn, or avahi goes', async () => {
      avahi.answer = ({ member, body }) => (member === 'AddService' && body?.[3] === 'tv' ? refuse() : undefined);
      const one = announcer();
      const tv = one.add('tv', 1, []);
      one.add('nas', 1, []);
      await settle();
      assert.equal(avahi.taken().filter((member) => member === 'Commit').length, 1);
      await one.withdraw(tv);
      await clock.advance(60_000);
      assert.deepEqual(avahi.taken(), []);
      one.add('tv', 1, []);
      await settle();
      one.forget();
      assert.equal(clock.pending, 0);
    });

    it('is tried again after a pause when avahi says so later', async () => {
      announcer().add('tv', 1, []);
      await settle();
      avahi.taken();
      avahi.say(avahi.last, 'StateChanged', [FAILURE, '']);
      await settle();
      assert.deepEqual(avahi.taken(), ['Free']);
      await clock.advance(5_000);
      assert.deepEqual(avahi.taken(), STEPS);
    });

    it('is announced anew if it is news', async () => {
      const one = announcer();
      const entry = one.add('tv', 1, [Buffer.from('a=1')]);
      await settle();
      avahi.say(avahi.last, 'StateChanged', [ESTABLISHED, '']);
      avahi.answer = refusing('UpdateServiceTxt');
      entry.strings = [Buffer.from('a=2')];
      one.update(entry);
      await settle();
      avahi.calls.splice(0);
      await clock.advance(5_000);
      assert.deepEqual(avahi.calls.find(({ member }) => member === 'AddService')?.body?.at(-1), [Buffer.from('a=2')]);
    });

    it('waits for the interfaces that are chosen, and follows them to another number', async () => {
      interfaces = ['eth0', 'usb0'];
      const numbers = new Map<unknown, number>();
      let isDeaf = false;
      avahi.answer = ({ member, body }) => {
        if (member !== 'GetNetworkInterfaceIndexByName') return undefined;
        if (isDeaf) return refuse('org.freedesktop.DBus.Error.NoReply');
        return [numbers.get(body?.[0]) ?? refuse('org.freedesktop.Avahi.OSError')];
      };
      const announced = async (): Promise<unknown[]> => {
        avahi.calls.splice(0);
        await clock.advance(5_000);
        return avahi.calls.filter(({ member }) => ['Reset', 'AddService', 'Commit', 'Free'].includes(member)).map(({ member, body }) => (member === 'AddService' ? body?.[0] : member));
      };
      const one = announcer();
      one.add('tv', 1, []);
      assert.deepEqual(await announced(), [], 'nothing to be committed');
      numbers.set('usb0', 7);
      assert.deepEqual(await announced(), [7, 'Commit']);
      numbers.set('usb0', 9).set('eth0', 2);
      assert.deepEqual(await announced(), ['Reset', 2, 9, 'Commit']);
      isDeaf = true;
      assert.deepEqual(await announced(), [], 'it could not be asked');
      isDeaf = false;
      assert.deepEqual(await announced(), []);
      numbers.clear();
      assert.deepEqual(await announced(), ['Reset']);
      await one.withdrawAll();
      assert.equal(clock.pending, 0);
    });
  });

  describe('to browse', () => {
    const link: Link = { name: 'eth0', loopback: false, addresses: [{ address: '192.0.2.50', prefix: 24 }] };
    let browser: AvahiBrowser;

    beforeEach(() => {
      avahi.answer = ({ member }) => (member === 'GetNetworkInterfaceNameByIndex' ? ['eth0'] : undefined);
      browser = new AvahiBrowser(deps(), TYPE, { ...settings.mdns, instances: 4 });
    });
    const item = (path: string, member: string, label: string, index = 2): void => avahi.say(path, member, [index, 0, label, TYPE, 'local', 0]);
    /** Answers the resolver that was made last, and its host. */
    async function resolve(label: string): Promise<void> {
      avahi.say(avahi.last, 'Found', [2, 0, label, TYPE, 'local', 'host.local', 0, '', 5, [], 0]);
      await settle();
    }
    const resolved = (): unknown[] => avahi.calls.splice(0).filter(({ member }) => member === 'ServiceResolverNew').map(({ body }) => body?.[2]);

    it('is tried again: a resolver', async () => {
      await browser.begin();
      const { last } = avahi;
      const before = avahi.answer;
      avahi.answer = (call) => (call.member === 'ServiceResolverNew' ? refuse() : before(call));
      item(last, 'ItemNew', 'tv');
      await clock.advance(5_000);
      assert.deepEqual(resolved(), ['tv', 'tv']);
      avahi.answer = before;
      await clock.advance(10_000);
      assert.deepEqual(resolved(), ['tv']);
      avahi.say(avahi.last, 'Failure', ['timeout']);
      await clock.advance(20_000);
      assert.deepEqual(resolved(), ['tv']);
      await browser.end();
      assert.equal(clock.pending, 0);
    });

    it('is tried again: the name of an interface', async () => {
      await browser.begin();
      const before = avahi.answer;
      avahi.answer = refusing('GetNetworkInterfaceNameByIndex');
      item(avahi.last, 'ItemNew', 'tv');
      await settle();
      avahi.answer = before;
      await clock.advance(5_000);
      assert.deepEqual(resolved(), ['tv']);
    });

    it('is tried again: the addresses of a host', async () => {
      await browser.begin();
      item(avahi.last, 'ItemNew', 'tv');
      await settle();
      const before = avahi.answer;
      let count = 0;
      avahi.answer = (call) => (call.member === 'RecordBrowserNew' && (count += 1) === 2 ? refuse() : before(call));
      await resolve('tv');
      assert.equal(avahi.taken().filter((member) => member === 'Free').length, 1, 'the one for the other family');
      await clock.advance(5_000);
      avahi.say(avahi.last, 'ItemNew', [2, 0, 'host.local', 1, 28, Buffer.from([192, 0, 2, 1]), 0]);
      assert.deepEqual(browser.services([link]).map(({ instance, addresses }) => [instance, addresses]), [['tv', ['192.0.2.1']]]);
      avahi.answer = (call) => (call.member === 'RecordBrowserNew' ? refuse() : before(call));
      browser.forget();
      assert.equal(clock.pending, 0);
    });

    it('is tried again: the browser itself', async () => {
      const before = avahi.answer;
      avahi.answer = refusing('ServiceBrowserNew');
      await assert.rejects(browser.begin());
      await clock.advance(5_000);
      avahi.answer = before;
      avahi.taken();
      await clock.advance(10_000);
      assert.deepEqual(avahi.taken(), ['ServiceBrowserNew']);
      assert.equal(clock.pending, 0);
    });

    it('has one limit for all interfaces, and each has its share', async () => {
      await browser.begin();
      const { last } = avahi;
      item(last, 'ItemNew', 'honest', 3);
      for (let index = 0; index < 20; index += 1) item(last, 'ItemNew', `flood ${index}`, 2);
      await settle();
      assert.deepEqual(resolved(), ['honest', 'flood 0', 'flood 1']);
      item(last, 'ItemNew', 'another', 3);
      item(last, 'ItemNew', 'third', 4);
      await settle();
      assert.deepEqual(resolved(), ['another']);
    });

    it('asks avahi for all that it has when there is room for who had none, and not more often than now and then', async () => {
      await browser.begin();
      const first = avahi.last;
      for (const label of ['a', 'b', 'c', 'd', 'late']) item(first, 'ItemNew', label);
      await settle();
      assert.deepEqual(resolved(), ['a', 'b', 'c', 'd']);
      await clock.advance(60_000);
      assert.deepEqual(avahi.taken(), [], 'there is none');
      item(first, 'ItemRemove', 'a');
      item(first, 'ItemRemove', 'b');
      await clock.advance(4_999);
      assert.ok(!avahi.taken().includes('ServiceBrowserNew'));
      await clock.advance(1);
      assert.deepEqual(avahi.calls.splice(0).map(({ member, path }) => `${path} ${member}`), ['/ ServiceBrowserNew', `${first} Free`]);
      for (const label of ['c', 'd', 'late']) item(avahi.last, 'ItemNew', label);
      await settle();
      assert.deepEqual(resolved(), ['late']);
      item(avahi.last, 'ItemRemove', 'c');
      await clock.advance(60_000);
      assert.ok(!avahi.taken().includes('ServiceBrowserNew'), 'nobody was left out');
      await browser.end();
      assert.equal(clock.pending, 0);
    });
  });

  describe('at first', () => {
    it('is asked again: its state, and the interfaces of the machine', async () => {
      let isFailing = true;
      let reads = 0;
      const listInterfaces = () => {
        reads += 1;
        if (isFailing) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
        return {};
      };
      avahi.answer = ({ member }) => {
        if (member === 'GetState') return isFailing ? refuse('org.freedesktop.DBus.Error.NoReply') : [2];
        return undefined;
      };
      const discovery = createAvahiDiscovery({ bus: avahi.bus, clock, log: silentLogger, listInterfaces }, settings.mdns);
      discovery.announce({ instance: 'tv', port: 1, txt: {} });
      const started = discovery.start({ signal: new AbortController().signal });
      avahi.appear();
      await started;
      await clock.advance(4_900);
      assert.deepEqual([reads, avahi.taken()], [1, ['ServiceBrowserNew', 'GetState']]);
      isFailing = false;
      await clock.advance(200);
      assert.deepEqual([reads, avahi.taken()], [2, ['GetState', ...STEPS]]);
      await discovery.stop();
      assert.equal(clock.pending, 0);
    });
  });
});
