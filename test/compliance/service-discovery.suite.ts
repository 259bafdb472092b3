import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { DiscoveryLimits, FoundService, ServiceDiscovery } from '../../src/xpmn/ports/service-discovery.ts';
import { settle } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';

/** Somebody of another make on the link, who may say what makes no sense. */
export interface Stranger {
  /** Announces, answers from then on what it is asked; says something new if it said something before. */
  say(service: FoundService): Promise<void>;
  goodbye(instance: string): Promise<void>;
  /** Answers nothing any more. */
  vanish(instance: string): Promise<void>;
}

/** One link, and time that passes when it is told to. */
export interface DiscoveryRig {
  /** One more on the link; it has not started. */
  open(limits?: DiscoveryLimits): ServiceDiscovery;
  stranger(): Promise<Stranger>;
  /** Whether `index`th addresses are such as can be reached on this link; at least 16. */
  address(index: number): string;
  /** The link, or the interface on it, goes away for all, and comes back. */
  cut(): void;
  mend(): void;
  /** Lets at most `ms` milliseconds pass for all, in steps, until `condition` holds; tells whether it does. */
  pass(ms: number, condition?: () => boolean): Promise<boolean>;
  /** Sockets and timers that are open once everything has stopped. */
  leftovers(): number;
  close(): Promise<void>;
}

const LIMITS: DiscoveryLimits = { ...settings.mdns, instances: 12, instancesPerSender: 8, addresses: 4, txtBytes: 600 };
const SOON = 15_000;
/** Longer than anybody is believed without a sign of life. */
const LONG = 3 * 60_000;

/** The contract of xpmn/ports/service-discovery.ts. */
export function describeServiceDiscovery(name: string, setup: () => Promise<DiscoveryRig>): void {
  describe(`service discovery: ${name}`, function () {
    this.timeout(60_000);
    let rig: DiscoveryRig;
    let opened: ServiceDiscovery[];

    beforeEach(async () => {
      rig = await setup();
      opened = [];
    });

    afterEach(async () => {
      await Promise.all(opened.map((one) => one.stop()));
      await rig.close();
    });

    interface Heard {
      readonly discovery: ServiceDiscovery;
      readonly found: FoundService[];
      readonly lost: string[];
    }

    const open = (limits?: DiscoveryLimits): Heard => {
      const heard: Heard = { discovery: rig.open(limits), found: [], lost: [] };
      opened.push(heard.discovery);
      heard.discovery.on('found', (service) => heard.found.push(service));
      heard.discovery.on('lost', (instance) => heard.lost.push(instance));
      return heard;
    };
    const start = async (limits?: DiscoveryLimits): Promise<Heard> => {
      const heard = open(limits);
      await heard.discovery.start({ signal: new AbortController().signal });
      return heard;
    };
    const until = async (what: string, condition: () => boolean, bound = SOON): Promise<void> => {
      assert.ok(await rig.pass(bound, condition), `not so within ${bound} ms: ${what}`);
    };
    const names = ({ discovery }: Heard): string[] => discovery.services().map(({ instance }) => instance).sort();
    const service = (instance: string, more: Partial<FoundService> = {}) => ({ instance, port: 5298, txt: { txtvers: '1' }, ...more });
    const stranger = (instance: string, more: Partial<FoundService> = {}): FoundService =>
      ({ ...service(instance), addresses: [rig.address(0)], ...more });
    const one = (heard: Heard, instance: string): FoundService => {
      const found = heard.discovery.services().find((candidate) => candidate.instance === instance);
      assert.ok(found, `${instance} is not there`);
      return found;
    };

    it('finds what another one announces, all of it, and tells it once', async () => {
      const [a, b] = [await start(), await start()];
      const txt = { txtvers: '1', jid: 'romeo@montague.lit/nas', net: 'ö=ä', empty: '', '1st': 'Romeo' };
      a.discovery.announce(service('nas@verona', { port: 4711, txt }));
      await until('found', () => b.found.length > 0);
      const { instance, port, addresses, txt: read } = b.found[0] as FoundService;
      assert.deepEqual([instance, port, read, Object.keys(read)], ['nas@verona', 4711, txt, Object.keys(txt)]);
      assert.ok(addresses.length >= 1);
      assert.deepEqual(b.discovery.services(), b.found.slice(-1));
      await rig.pass(3_000);
      assert.deepEqual([b.found.length, b.lost], [1, []]);
    });

    it('finds each other, and never itself', async () => {
      const all = [await start(), await start(), await start()];
      for (const [index, { discovery }] of all.entries()) discovery.announce(service(`tv-${index}@verona`));
      await until('all found', () => all.every(({ discovery }) => discovery.services().length === 2));
      await rig.pass(3_000);
      assert.deepEqual(all.map(names), [['tv-1@verona', 'tv-2@verona'], ['tv-0@verona', 'tv-2@verona'], ['tv-0@verona', 'tv-1@verona']]);
      assert.ok(all.every(({ lost }) => lost.length === 0));
    });

    it('finds what was announced long before it came', async () => {
      const [a, other] = [await start(), await rig.stranger()];
      a.discovery.announce(service('nas@verona'));
      await other.say(stranger('phone@mantua'));
      await rig.pass(LONG);
      const late = await start();
      await until('both found', () => late.discovery.services().length === 2);
      assert.deepEqual(names(late), ['nas@verona', 'phone@mantua']);
    });

    it('announces many, before and after its start', async () => {
      const [a, b] = [open(), await start()];
      for (let index = 0; index < 8; index += 1) a.discovery.announce(service(`early-${index}`, { txt: { jid: 'x'.repeat(200) } }));
      await rig.pass(2_000);
      assert.deepEqual(b.found, []);
      await a.discovery.start({ signal: new AbortController().signal });
      for (let index = 0; index < 8; index += 1) a.discovery.announce(service(`late-${index}`, { txt: { jid: 'x'.repeat(200) } }));
      await until('all found', () => b.discovery.services().length === 16);
    });

    for (const label of ['Küche 2.1, oben@nas.local.', 'a.b', '東京 🎵', 'back\\slash', '.', 'x'.repeat(63), 'MiXeD']) {
      it(`takes any label: ${label}`, async () => {
        const [a, b, other] = [await start(), await start(), await rig.stranger()];
        a.discovery.announce(service(label));
        await until('found', () => b.found.length > 0);
        assert.deepEqual(names(b), [label]);
        const strange = `ß${label.slice(2)}`;
        await other.say(stranger(strange));
        await until('found at a stranger', () => a.found.length > 0);
        assert.deepEqual(names(a), [strange]);
      });
    }

    it('refuses what can\'t be announced', async () => {
      const { discovery } = await start(LIMITS);
      const code = (wanted: string) => (error: unknown): boolean => error instanceof XpmnError && error.code === wanted;
      for (const instance of ['', 'x'.repeat(64), 'ü'.repeat(32), 'tab\t']) assert.throws(() => discovery.announce(service(instance)), code('bad-request'));
      for (const port of [0, 65_536, 1.5]) assert.throws(() => discovery.announce(service('a', { port })), code('bad-request'));
      for (const key of ['', 'a=b', 'ä']) assert.throws(() => discovery.announce(service('a', { txt: { [key]: '' } })), code('bad-request'));
      const large = { a: 'x'.repeat(250), b: 'x'.repeat(250), c: 'x'.repeat(250) };
      for (const txt of [{ a: 'x'.repeat(254) }, large]) assert.throws(() => discovery.announce(service('a', { txt })), code('too-large'));
      const announced = discovery.announce(service('a', { txt: { a: 'x'.repeat(253) } }));
      assert.throws(() => announced.update(large), code('too-large'));
    });

    it('says what is new, the last of it at the end', async () => {
      const [a, b] = [await start(), await start()];
      const announced = a.discovery.announce(service('nas', { txt: { status: 'avail' } }));
      await until('found', () => b.found.length > 0);
      for (const status of ['away', 'xa', 'dnd']) announced.update({ status });
      await until('changed', () => b.discovery.services()[0]?.txt['status'] === 'dnd');
      announced.update({ more: '1' });
      await until('changed again', () => b.discovery.services()[0]?.txt['more'] === '1');
      assert.deepEqual(b.discovery.services()[0]?.txt, { more: '1' });
      assert.deepEqual([b.found.at(-1), b.lost], [b.discovery.services()[0], []]);
      const late = await start();
      await until('found by who came later', () => late.found.length > 0);
      assert.deepEqual(late.discovery.services()[0]?.txt, { more: '1' });
    });

    it('takes back what it announced, and only that', async () => {
      const [a, b] = [await start(), await start()];
      const announced = a.discovery.announce(service('one'));
      a.discovery.announce(service('two'));
      await until('found', () => b.discovery.services().length === 2);
      await announced.withdraw();
      await announced.withdraw();
      announced.update({ still: 'here?' });
      await until('lost', () => b.lost.length > 0);
      await rig.pass(5_000);
      assert.deepEqual([names(b), b.lost, b.found.length], [['two'], ['one'], 2]);
      a.discovery.announce(service('one', { port: 9 }));
      await until('found again', () => b.discovery.services().length === 2);
      assert.equal(one(b, 'one').port, 9);
    });

    it('takes back what nobody has heard of yet', async () => {
      const [a, b] = [await start(), await start()];
      await a.discovery.announce(service('nas')).withdraw();
      await rig.pass(5_000);
      assert.deepEqual([b.found, a.found], [[], []]);
    });

    it('takes all back when it stops, and says nothing after', async () => {
      const [a, b] = [await start(), await start()];
      for (const instance of ['one', 'two']) a.discovery.announce(service(instance));
      b.discovery.announce(service('three'));
      await until('found', () => b.discovery.services().length === 2 && a.found.length === 1);
      await a.discovery.stop();
      await a.discovery.stop();
      await until('lost', () => b.lost.length === 2);
      assert.deepEqual([names(b), a.discovery.services(), a.lost], [[], [], []]);
      b.discovery.announce(service('four'));
      a.discovery.announce(service('five'));
      await rig.pass(5_000);
      assert.deepEqual([a.found.length, names(b)], [1, []]);
      await b.discovery.stop();
      await settle();
      assert.equal(rig.leftovers(), 0);
    });

    it('is stopped before it started', async () => {
      const { discovery } = open();
      discovery.announce(service('nas'));
      await discovery.stop();
      await discovery.start({ signal: new AbortController().signal });
      await rig.pass(2_000);
      await settle();
      assert.equal(rig.leftovers(), 0);
    });

    it('does not start when nobody waits for it', async () => {
      const { discovery } = open();
      await assert.rejects(discovery.start({ signal: AbortSignal.abort(new XpmnError('aborted', 'no')) }), { code: 'aborted' });
    });

    it('gives one of two with the same name another one, and both can be found', async () => {
      const [a, b, c] = [await start(), await start(), await start()];
      a.discovery.announce(service('nas@verona', { port: 1 }));
      b.discovery.announce(service('NAS@Verona', { port: 2 }));
      await until('both found', () => c.discovery.services().length === 2);
      await until('each other found', () => a.discovery.services().length === 1 && b.discovery.services().length === 1);
      await rig.pass(10_000);
      const ports = (heard: Heard): number[] => heard.discovery.services().map(({ port }) => port).sort();
      assert.deepEqual([ports(a), ports(b), ports(c)], [[2], [1], [1, 2]]);
      const later = await start();
      const label = 'ü'.repeat(31);
      later.discovery.announce(service(label, { port: 3 }));
      await until('found', () => c.discovery.services().length === 3);
      c.discovery.announce(service(label, { port: 4 }));
      await until('a long one found under another name', () => later.discovery.services().some(({ port }) => port === 4));
      assert.ok(later.discovery.services().every(({ instance }) => instance !== label));
    });

    it('leaves a stranger its name, and can change what it says itself', async () => {
      const [a, b, other] = [await start(), await start(), await rig.stranger()];
      await other.say(stranger('tv', { port: 7 }));
      await until('found', () => b.discovery.services().length === 1);
      const announced = a.discovery.announce(service('tv', { port: 8 }));
      await until('both found', () => b.discovery.services().length === 2);
      assert.equal(one(b, 'tv').port, 7);
      announced.update({ who: 'me' });
      await until('changed', () => b.discovery.services().some(({ txt }) => txt['who'] === 'me'));
      assert.deepEqual(b.discovery.services().map(({ port, txt }) => [port, txt['who']]).sort(), [[7, undefined], [8, 'me']]);
      assert.deepEqual(names(a), ['tv']);
    });

    it('follows a stranger: text, port, address, goodbye, and the next time', async () => {
      const [a, other] = [await start(), await rig.stranger()];
      await other.say(stranger('phone', { txt: { a: '1', A: '2', b: '' }, addresses: [rig.address(1), rig.address(0)] }));
      await until('found', () => a.found.length > 0);
      assert.deepEqual([one(a, 'phone').txt, [...one(a, 'phone').addresses].sort()], [{ a: '1', b: '' }, [rig.address(0), rig.address(1)].sort()]);
      await other.say(stranger('phone', { txt: { c: '3' } }));
      await until('other text', () => a.found.at(-1)?.txt['c'] === '3');
      await other.say(stranger('phone', { port: 99 }));
      await until('other port', () => a.found.at(-1)?.port === 99);
      await other.say(stranger('phone', { addresses: [rig.address(2)] }));
      await until('other address', () => isDeepEqual(a.found.at(-1)?.addresses, [rig.address(2)]));
      await other.goodbye('phone');
      await until('lost', () => a.lost.length > 0);
      assert.deepEqual([names(a), a.lost], [[], ['phone']]);
      await other.say(stranger('phone'));
      await until('found again', () => a.discovery.services().length === 1);
    });

    it('keeps who answers, and gives up who is silent', async () => {
      const [a, other] = [await start(), await rig.stranger()];
      await other.say(stranger('phone'));
      await other.say(stranger('tablet'));
      await until('found', () => a.discovery.services().length === 2);
      await rig.pass(2 * LONG);
      assert.deepEqual([names(a), a.lost], [['phone', 'tablet'], []]);
      await other.vanish('phone');
      await until('lost', () => a.lost.length > 0, LONG);
      assert.deepEqual([names(a), a.lost], [['tablet'], ['phone']]);
    });

    it('starts without a network, and uses one that comes', async () => {
      rig.cut();
      const [a, b] = [await start(), await start()];
      a.discovery.announce(service('nas'));
      await rig.pass(2_000);
      assert.deepEqual(b.found, []);
      rig.mend();
      await until('found', () => b.found.length > 0);
    });

    it('loses all when the network goes, and finds it when it is back', async () => {
      const [a, b] = [await start(), await start()];
      a.discovery.announce(service('nas'));
      b.discovery.announce(service('tv'));
      await until('found', () => a.found.length > 0 && b.found.length > 0);
      rig.cut();
      await until('lost', () => a.lost.length > 0 && b.lost.length > 0, LONG);
      rig.mend();
      await until('found again', () => a.found.length > 1 && b.found.length > 1);
      assert.deepEqual([names(a), names(b), a.lost, b.lost], [['tv'], ['nas'], ['tv'], ['nas']]);
    });

    describe('of what makes no sense', () => {
      it('takes nothing, and no harm', async () => {
        const [a, other] = [await start(LIMITS), await rig.stranger()];
        await other.say(stranger('no address', { addresses: [] }));
        await other.say(stranger('no such address', { addresses: ['0.0.0.0', '224.0.0.251', '255.255.255.255', '::', 'ff02::fb'] }));
        await other.say(stranger('elsewhere', { addresses: ['198.51.100.1', '2001:db8::1'] }));
        await other.say(stranger('no port', { port: 0 }));
        await other.say(stranger('tab\t'));
        await other.say(stranger('too much', { txt: { a: 'x'.repeat(250), b: 'x'.repeat(250), c: 'x'.repeat(250) } }));
        await other.say(stranger('sense'));
        await until('found', () => a.found.length > 0);
        await rig.pass(5_000);
        assert.deepEqual([names(a), a.found.length], [['sense'], 1]);
      });

      it('takes a bounded number of addresses, and only those', async () => {
        const [a, other] = [await start(LIMITS), await rig.stranger()];
        const usable = Array.from({ length: 12 }, (_, index) => rig.address(index));
        await other.say(stranger('many', { addresses: ['224.0.0.1', '198.51.100.1', ...usable] }));
        await until('found', () => a.found.length > 0);
        await rig.pass(2_000);
        const { addresses } = one(a, 'many');
        assert.equal(addresses.length, LIMITS.addresses);
        assert.ok(addresses.every((address) => usable.includes(address)));
      });

      it('takes a bounded number of instances of one sender, and those that are known stay', async () => {
        const [a, b, other] = [await start(LIMITS), await start(), await rig.stranger()];
        b.discovery.announce(service('friend'));
        await until('found', () => a.found.length > 0);
        for (let index = 0; index < 40; index += 1) await other.say(stranger(`flood-${index}`));
        await until('flooded', () => a.discovery.services().length >= LIMITS.instancesPerSender);
        await rig.pass(5_000);
        assert.ok(a.discovery.services().length <= LIMITS.instancesPerSender + 1);
        assert.ok(names(a).includes('friend'));
        for (let index = 0; index < 40; index += 1) await other.goodbye(`flood-${index}`);
        await until('the flood is over', () => isDeepEqual(names(a), ['friend']));
        await other.say(stranger('honest'));
        await until('there is room again', () => names(a).includes('honest'));
      });

      it('takes a bounded number of instances in all', async () => {
        const [a, others] = [await start({ ...LIMITS, instancesPerSender: 6 }), [await rig.stranger(), await rig.stranger(), await rig.stranger()]];
        for (let index = 0; index < 10; index += 1) for (const [who, other] of others.entries()) await other.say(stranger(`${who}-${index}`, { addresses: [rig.address(who)] }));
        await until('full', () => a.discovery.services().length >= LIMITS.instances);
        await rig.pass(5_000);
        assert.equal(a.discovery.services().length, LIMITS.instances);
      });
    });
  });
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
