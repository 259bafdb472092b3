import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { Gathering } from '../../../src/xpmn/pubsub/gathering.ts';
import type { Notification } from '../../../src/xpmn/pubsub/service.ts';

const [one, two] = [parseJid('me@home.test/one'), parseJid('me@home.test/two')];
const items = (...texts: readonly string[]) => texts.map((text) => ({ id: text[0] as string, payload: text }));
const said = (changes: Partial<Notification<string>>): Notification<string> => ({ to: [one, two], node: 'n', published: [], retracted: [], isDeleted: false, ...changes });

describe('notifications of one turn', () => {
  function gather(...all: readonly Notification<string>[]): readonly Notification<string>[] {
    const gathering = new Gathering<string>({ bytes: 10, sizeOf: ({ length }) => length });
    for (const notification of all) gathering.add(notification);
    const taken = gathering.take();
    assert.ok(gathering.isEmpty);
    assert.deepEqual(gathering.take(), []);
    return taken;
  }

  it('become one if they are of other items of one node, for the same audience', () => {
    const joined = gather(said({ published: items('a1') }), said({ published: items('b2', 'c3'), retracted: ['x'] }), said({ retracted: ['y'] }));
    assert.deepEqual(joined, [said({ published: items('a1', 'b2', 'c3'), retracted: ['x', 'y'] })]);
  });

  it('leave out nothing that becomes of an item, and keep the order', () => {
    const all = [said({ published: items('a1') }), said({ published: items('a2') }), said({ retracted: ['a'] }), said({ published: items('a3') })];
    assert.deepEqual(gather(...all), all);
  });

  it('stay apart for another audience, another node, and where the node is deleted', () => {
    const all = [
      said({ published: items('a') }), said({ published: items('b'), to: [one] }), said({ published: items('c'), to: [two] }), said({ published: items('d'), to: [two], node: 'm' }),
      said({ to: [two], node: 'm', isDeleted: true }), said({ published: items('e'), to: [two], node: 'm' }),
    ];
    assert.deepEqual(gather(...all), all);
  });

  it('do not grow beyond what one may hold', () => {
    const all = [said({ published: items('a12345') }), said({ published: items('b1234') }), said({ published: items('c1234') })];
    assert.deepEqual(gather(...all), [all[0], said({ published: items('b1234', 'c1234') })]);
  });

  it('are alone what they are, whatever they weigh', () => {
    const all = [said({ published: items('a1234567890123') })];
    assert.deepEqual(gather(...all), all);
  });
});
