import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { BusSignal, MessageBus } from '../../src/dbus/bus.ts';
import { NO_AUTO_START } from '../../src/dbus/bus-wire.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { waitUntil } from '../peers/wait.ts';
import { busForEachTest, never } from '../support/bus-rig.ts';
import type { BusPeer, BusRig } from '../support/bus-rig.ts';
import { settle } from '../support/fake-clock.ts';

const NAME = 'org.xpmn.Test';
const PATH = '/org/xpmn/Test';

/** The contract of dbus/bus.ts. */
export function describeMessageBus(name: string, setup: () => Promise<BusRig>): void {
  describe(`message bus: ${name}`, function () {
    this.timeout(30_000);
    const stage = busForEachTest(setup);
    const { open, start } = stage;
    const owner = async (): Promise<BusPeer> => {
      const peer = await stage.rig.peer();
      await peer.own(NAME);
      return peer;
    };
    const call = (bus: MessageBus, member = 'Do', more: object = {}, signal = never): Promise<readonly unknown[]> =>
      bus.call({ destination: NAME, path: PATH, interface: NAME, member, ...more }, { signal });
    const code = (wanted: string, error?: string) => (thrown: unknown): boolean =>
      thrown instanceof XpmnError && thrown.code === wanted && (error === undefined || thrown.details['error'] === error);
    const members = (signals: readonly BusSignal[]): string[] => signals.map(({ member }) => member);
    const say = (peer: BusPeer, member: string, more: object = {}): Promise<void> => peer.signal({ path: PATH, interface: NAME, member, ...more });
    const MATCH = { sender: NAME, interface: NAME };

    describe('calls', () => {
      it('are answered, values of every type and all', async () => {
        const [peer, bus] = [await owner(), await start()];
        const signature = 'ynqiuxtdbsogayaayas(si)a{si}a{us}';
        const body = [
          255, -5, 65_535, -70_000, 4_000_000_000, -(2n ** 62n), 2n ** 63n, 0.5, true, 'ö\u{1f3b5}', '/a/b', 'a{sv}', Buffer.from([0, 255]),
          [Buffer.from('a=1'), Buffer.alloc(0)], ['a', ''], ['x', 1], { a: 1, b: 2 }, [[7, 'seven']],
        ];
        peer.answer((_, said) => ({ signature, body: said }));
        assert.deepEqual(await call(bus, 'Echo', { signature, body }), body);
        peer.answer((_, said) => ({ signature: 'va{sv}', body: said }));
        const variants = [{ signature: 'u', value: 7 }, { title: { signature: 's', value: 'Mab' }, deep: { signature: 'v', value: { signature: 'as', value: ['a'] } } }];
        assert.deepEqual(await call(bus, 'Echo', { signature: 'va{sv}', body: variants }), [7, { title: 'Mab', deep: ['a'] }]);
      });

      it('are answered, whatever the keys of a dict, and do nothing to other objects', async () => {
        const [peer, bus] = [await owner(), await start()];
        peer.answer(() => ({ signature: 'a{sv}', body: [[['__proto__', { signature: 'a{sv}', value: { polluted: { signature: 's', value: 'yes' } } }], ['a', { signature: 's', value: 'b' }]]] }));
        const [read] = await call(bus);
        assert.deepEqual([(read as { a: string }).a, ({} as { polluted?: string }).polluted], ['b', undefined]);
      });

      it('are answered each by its own, in whatever order', async () => {
        const [peer, bus] = [await owner(), await start()];
        peer.answer((member, body) => (member === 'Never' ? undefined : { signature: 's', body: [`${member} ${String(body[0])}`] }));
        const never2 = call(bus, 'Never').catch(() => 'no');
        const all = Array.from({ length: 100 }, (_, index) => call(bus, 'Do', { signature: 's', body: [String(index)] }));
        assert.deepEqual(await Promise.all(all), Array.from({ length: 100 }, (_, index) => [`Do ${index}`]));
        assert.deepEqual(await call(bus, 'Empty'), ['Empty undefined']);
        await never2;
      });

      it('are refused by what was answered', async () => {
        const [peer, bus] = [await owner(), await start()];
        const errors = {
          'org.freedesktop.DBus.Error.UnknownMethod': 'not-supported', 'org.freedesktop.DBus.Error.AccessDenied': 'not-allowed',
          'org.freedesktop.DBus.Error.InvalidArgs': 'bad-request', 'org.freedesktop.DBus.Error.LimitsExceeded': 'resource-limit', 'org.xpmn.Error.Mine': 'not-acceptable',
        };
        for (const [error, wanted] of Object.entries(errors)) {
          peer.answer(() => ({ error }));
          await assert.rejects(call(bus), code(wanted, error));
        }
        await assert.rejects(bus.call({ destination: 'org.xpmn.Nobody', path: PATH, interface: NAME, member: 'Do' }, {}), code('not-found', 'org.freedesktop.DBus.Error.ServiceUnknown'));
      });

      it('are given up after a while, or when nobody waits, and nobody minds a late answer', async () => {
        const [peer, bus] = [await owner(), await start({ callTimeout: 100 })];
        peer.answer(() => undefined);
        await assert.rejects(call(bus), code('timeout'));
        const controller = new AbortController();
        const aborted = assert.rejects(call(bus, 'Do', {}, controller.signal), code('aborted'));
        controller.abort(new XpmnError('aborted', 'enough'));
        await aborted;
        await assert.rejects(call(bus, 'Do', {}, AbortSignal.abort(new XpmnError('aborted', 'before'))), code('aborted'));
        peer.answer(() => ({ signature: 's', body: ['now'] }));
        assert.deepEqual(await call(bus), ['now']);
      });

      it('are refused at once if they can\'t be written, and nothing is lost by it', async () => {
        const [peer, bus] = [await owner(), await start()];
        peer.answer(() => ({ signature: 's', body: ['well'] }));
        const wrong = [{ signature: 'u', body: ['text'] }, { signature: 'y', body: [256] }, { signature: 'ss', body: ['one'] }, { signature: 's', body: [undefined] }, { signature: 'a{', body: [[]] }, { path: 'no path' }];
        for (const more of wrong) await assert.rejects(call(bus, 'Do', more), code('bad-request'), JSON.stringify(more));
        assert.deepEqual(await call(bus), ['well']);
      });

      it('are bounded in number', async () => {
        const [peer, bus] = [await owner(), await start({ calls: 3, callTimeout: 300 })];
        peer.answer(() => undefined);
        const waiting = [1, 2, 3].map(() => assert.rejects(call(bus), code('timeout')));
        await assert.rejects(call(bus), code('resource-limit'));
        await Promise.all(waiting);
        peer.answer(() => ({ signature: 's', body: ['room'] }));
        assert.deepEqual(await call(bus), ['room']);
      });

      it('say whether a program may be started for them', async () => {
        const [peer, bus] = [await owner(), await start()];
        const heard: number[] = [];
        peer.answer((_member, _body, _path, flags) => ({ signature: 'u', body: [heard.push(flags & NO_AUTO_START)] }));
        for (const more of [{}, { autoStart: true }, { autoStart: false }]) await call(bus, 'Do', more);
        assert.deepEqual(heard, [0, 0, NO_AUTO_START]);
      });

      it('of others are refused: nothing is exported', async () => {
        const [peer, bus] = [await owner(), await start()];
        peer.answer(() => ({ signature: 's', body: ['x'] }));
        const [mine] = await bus.call({ destination: 'org.freedesktop.DBus', path: '/', interface: 'org.freedesktop.DBus', member: 'ListNames' }, {});
        const others = (mine as string[]).filter((one) => one.startsWith(':') && one !== peer.uniqueName);
        assert.equal(others.length, 1);
        assert.equal(await peer.call(others[0] as string), 'org.freedesktop.DBus.Error.UnknownMethod');
      });
    });

    describe('signals', () => {
      it('are heard from their sender alone, whoever else says the like', async () => {
        const [peer, impostor, bus] = [await owner(), await stage.rig.peer(), await start()];
        const heard: BusSignal[] = [];
        bus.listen(MATCH, (signal) => heard.push(signal));
        await call(bus).catch(() => undefined); // the rule is there
        await say(impostor, 'Forged');
        await say(peer, 'Said', { signature: 'su', body: ['a', 1] });
        await waitUntil('heard', () => heard.length > 0);
        assert.deepEqual(heard, [{ path: PATH, interface: NAME, member: 'Said', body: ['a', 1] }]);
        const byUnique: BusSignal[] = [];
        bus.listen({ ...MATCH, sender: impostor.uniqueName }, (signal) => byUnique.push(signal));
        await call(bus).catch(() => undefined);
        await say(impostor, 'Forged');
        await say(peer, 'Said');
        await waitUntil('heard', () => byUnique.length > 0 && heard.length > 1);
        assert.deepEqual([members(heard), members(byUnique)], [['Said', 'Said'], ['Forged']]);
      });

      it('are those that match', async () => {
        const [peer, bus] = [await owner(), await start()];
        const [byMember, byPath, all] = [[], [], []] as BusSignal[][] as [BusSignal[], BusSignal[], BusSignal[]];
        bus.listen({ ...MATCH, member: 'One' }, (signal) => byMember.push(signal));
        bus.listen({ ...MATCH, path: '/other' }, (signal) => byPath.push(signal));
        bus.listen(MATCH, (signal) => all.push(signal));
        await call(bus).catch(() => undefined);
        await say(peer, 'One');
        await say(peer, 'Two', { path: '/other' });
        await say(peer, 'Three', { interface: 'org.xpmn.Other' });
        await say(peer, 'Last');
        await waitUntil('heard', () => members(all).includes('Last'));
        assert.deepEqual([members(byMember), members(byPath), members(all)], [['One'], ['Two'], ['One', 'Two', 'Last']]);
      });

      it('are heard of who owns the name now', async () => {
        const [first, second, bus] = [await owner(), await stage.rig.peer(), await start()];
        const heard: BusSignal[] = [];
        bus.listen(MATCH, (signal) => heard.push(signal));
        await call(bus).catch(() => undefined);
        await say(first, 'First');
        await first.release(NAME);
        await second.own(NAME);
        await say(first, 'NoMore');
        await say(second, 'Second');
        await waitUntil('heard', () => members(heard).includes('Second'));
        assert.deepEqual(members(heard), ['First', 'Second']);
      });

      it('are not heard any more once nobody listens, and leave nothing on the bus', async () => {
        const [peer, bus] = [await owner(), await start()];
        const heard: string[] = [];
        for (let time = 0; time < 200; time += 1) bus.listen({ ...MATCH, path: `/n${time}` }, () => undefined).close();
        const [one, other] = ['one', 'other'].map((who) => bus.listen(MATCH, ({ member }) => heard.push(`${who} ${member}`)));
        await call(bus).catch(() => undefined);
        await say(peer, 'A');
        await waitUntil('both heard', () => heard.length === 2);
        one?.close();
        one?.close();
        await say(peer, 'B');
        await waitUntil('heard', () => heard.includes('other B'));
        other?.close();
        const last: string[] = [];
        bus.listen({ ...MATCH, member: 'D' }, ({ member }) => last.push(member));
        await call(bus).catch(() => undefined);
        await say(peer, 'C');
        await say(peer, 'D');
        await waitUntil('heard', () => last.length > 0);
        assert.deepEqual(heard, ['one A', 'other A', 'other B']);
      });

      it('are heard before the bus is there, and again when it is back', async () => {
        const bus = open();
        const heard: string[] = [];
        bus.listen(MATCH, ({ member }) => heard.push(member));
        await bus.start({ signal: never });
        const peer = await owner();
        await call(bus).catch(() => undefined);
        await say(peer, 'A');
        await waitUntil('heard', () => heard.length === 1);
        const lost = once(bus as never, 'lost');
        await stage.rig.end();
        await lost;
        await stage.rig.begin();
        const back = await owner();
        await waitUntil('connected', () => bus.isConnected);
        await call(bus).catch(() => undefined);
        await say(back, 'B');
        await waitUntil('heard', () => heard.length === 2);
        assert.deepEqual(heard, ['A', 'B']);
      });

      it('may be listened to, or not any more, while one is heard', async () => {
        const [peer, bus] = [await owner(), await start()];
        const heard: string[] = [];
        const first = bus.listen(MATCH, ({ member }) => {
          heard.push(`first ${member}`);
          first.close();
          bus.listen(MATCH, (signal) => heard.push(`second ${signal.member}`));
        });
        await call(bus).catch(() => undefined);
        await say(peer, 'A');
        await waitUntil('heard', () => heard.length > 0);
        await call(bus).catch(() => undefined);
        await say(peer, 'B');
        await waitUntil('heard', () => heard.includes('second B'));
        assert.deepEqual(heard, ['first A', 'second B']);
      });
    });

    describe('a bus', () => {
      it('need not be there, and is found when it comes', async () => {
        await stage.rig.end();
        const bus = await start();
        assert.equal(bus.isConnected, false);
        await assert.rejects(call(bus), code('connection-lost'));
        const connected = once(bus as never, 'connected');
        await stage.rig.begin();
        await connected;
        await assert.rejects(call(bus), code('not-found'));
      });

      it('that goes away ends what waits, and says so once', async () => {
        const [peer, bus] = [await owner(), await start()];
        peer.answer(() => undefined);
        const said: string[] = [];
        bus.on('lost', () => said.push('lost'));
        bus.on('connected', () => said.push('connected'));
        const waiting = assert.rejects(call(bus), code('connection-lost'));
        await stage.rig.end();
        await waiting;
        await waitUntil('lost', () => !bus.isConnected);
        await stage.rig.begin();
        await waitUntil('back', () => bus.isConnected);
        assert.deepEqual(said, ['lost', 'connected']);
        await assert.rejects(call(bus), code('not-found'));
      });

      it('is left when it says too much at once, and joined again', async () => {
        const [peer, bus] = [await owner(), await start({ messageBytes: 10_000 })];
        const heard: number[] = [];
        bus.listen(MATCH, ({ body }) => heard.push(String(body[0]).length));
        await call(bus).catch(() => undefined);
        const lost = once(bus as never, 'lost');
        await say(peer, 'Large', { signature: 's', body: ['x'.repeat(20_000)] });
        await lost;
        await waitUntil('back', () => bus.isConnected);
        await call(bus).catch(() => undefined);
        await say(peer, 'Small', { signature: 's', body: ['x'] });
        await waitUntil('heard', () => heard.length > 0);
        assert.deepEqual(heard, [1]);
      });

      it('gives no more than so many subscriptions, and none to what is no name', async () => {
        const bus = await start({ subscriptions: 2 });
        const wrong = ['', 'a\'b', 'a,b', 'x'.repeat(256), 'a b'];
        for (const text of wrong) {
          assert.throws(() => bus.listen({ sender: text, interface: NAME }, () => undefined), code('bad-request'));
          assert.throws(() => bus.listen({ ...MATCH, path: text }, () => undefined), code('bad-request'));
          assert.throws(() => bus.watch(text, () => undefined), code('bad-request'));
          assert.throws(() => bus.watchNames(text, () => undefined), code('bad-request'));
        }
        const first = bus.listen(MATCH, () => undefined);
        bus.watch(NAME, () => undefined);
        assert.throws(() => bus.listen(MATCH, () => undefined), code('resource-limit'));
        assert.throws(() => bus.watch(NAME, () => undefined), code('resource-limit'));
        assert.throws(() => bus.watchNames(NAME, () => undefined), code('resource-limit'));
        first.close();
        bus.listen(MATCH, () => undefined);
      });

      it('is not waited for when nobody wants it', async () => {
        await assert.rejects(open().start({ signal: AbortSignal.abort(new XpmnError('aborted', 'no')) }), code('aborted'));
      });

      it('is left for good: nothing is open, nobody is called', async () => {
        const [peer, bus] = [await owner(), await start()];
        peer.answer(() => undefined);
        const heard: string[] = [];
        bus.listen(MATCH, ({ member }) => heard.push(member));
        bus.watch(NAME, () => heard.push('owner'));
        bus.on('lost', () => heard.push('lost'));
        await waitUntil('told', () => heard.length > 0);
        const waiting = assert.rejects(call(bus), XpmnError);
        await bus.stop();
        await bus.stop();
        await waiting;
        await say(peer, 'A');
        await peer.release(NAME);
        await assert.rejects(call(bus), code('connection-lost'));
        await bus.start({ signal: never });
        await settle();
        assert.deepEqual([heard, bus.isConnected], [['owner'], false]);
        const unused = open();
        await unused.stop();
        await waitUntil('nothing is left', () => stage.rig.leftovers() === 0);
      });
    });
  });
}
