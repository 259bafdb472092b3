import assert from 'node:assert/strict';
import { BusConnection } from '../../../src/dbus/bus-connection.ts';
import { MESSAGE } from '../../../src/dbus/bus-wire.ts';
import type { DialBus, WireEvents, WireMessage } from '../../../src/dbus/bus-wire.ts';
import { createMessageBus } from '../../../src/dbus/message-bus.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { nextTurn } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const OPTIONS = { ...settings.dbus, address: 'unix:path=/nowhere' };
const signal = new AbortController().signal;

/** A wire in memory: `said` is what was written to it, and each message goes to `answer`, too. */
function wireTo(answer: (message: WireMessage, events: WireEvents) => void = () => undefined): { readonly dial: DialBus; readonly said: WireMessage[]; hear(message: WireMessage): void; readonly open: number } {
  const [said, wires]: [WireMessage[], WireEvents[]] = [[], []];
  let open = 0;
  const dial: DialBus = (_address, _options, events) => {
    open += 1;
    wires.push(events);
    const close = (): void => void ([open] = [open - 1]);
    return Promise.resolve({ send: (message) => void (said.push(message), answer(message, events)), close });
  };
  return { dial, said, hear: (message) => wires.at(-1)?.message(message), get open() { return open; } };
}

const answerHello = ({ member, serial }: WireMessage, events: WireEvents): void => {
  if (member === 'Hello') queueMicrotask(() => events.message({ type: MESSAGE.reply, serial: 1, replySerial: serial, body: [':1.1'] }));
};

describe('a message bus', () => {
  it('ends what it has just opened when it is stopped in that very turn', async () => {
    for (let turns = 0; turns < 20; turns += 1) {
      const wire = wireTo(answerHello);
      const bus = createMessageBus({ clock: new FakeClock(), random: systemRandom, log: silentLogger, dial: wire.dial }, OPTIONS);
      let connections = 0;
      bus.on('connected', () => (connections += 1));
      void bus.start({ signal });
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      const before = connections;
      const isStopped = await Promise.race([bus.stop().then(() => true), nextTurn().then(() => false)]);
      assert.deepEqual({ turns, isStopped, open: wire.open, told: connections - before }, { turns, isStopped: true, open: 0, told: 0 });
    }
  });
});

describe('a message bus that is stopped while it is looked for', () => {
  it('tells nobody that there is none', async () => {
    const bus = createMessageBus({ clock: new FakeClock(), random: systemRandom, log: silentLogger, dial: wireTo().dial }, OPTIONS);
    const told: unknown[] = [];
    bus.watch('a.b', (owner) => told.push(owner));
    void bus.start({ signal });
    await nextTurn();
    await bus.stop();
    await nextTurn();
    assert.deepEqual(told, []);
  });
});

describe('a connection to a message bus', () => {
  it('takes nothing but an answer for one', async () => {
    const wire = wireTo(answerHello);
    const signals: string[] = [];
    const connection = await BusConnection.open({ clock: new FakeClock(), dial: wire.dial }, OPTIONS, signal, ({ member }) => signals.push(member));
    const answer = connection.call({ destination: 'a.b', path: '/', interface: 'a.b', member: 'Ask' }, signal);
    const { serial: replySerial } = wire.said.at(-1) as WireMessage;
    wire.hear({ type: MESSAGE.signal, serial: 2, replySerial, sender: ':1.2', path: '/', interface: 'a.b', member: 'Said' });
    wire.hear({ type: MESSAGE.call, serial: 3, replySerial, sender: ':1.2', path: '/', interface: 'a.b', member: 'Do' });
    wire.hear({ type: MESSAGE.reply, serial: 4, replySerial, body: ['yes'] });
    assert.deepEqual([await Promise.race([answer, nextTurn()]), signals], [['yes'], ['Said']]);
    connection.close();
  });
});
