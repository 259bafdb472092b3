import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { CallGate } from '../../../src/xpmn/jingle/call-limits.ts';
import { winsTieBreak } from '../../../src/xpmn/jingle/session-table.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const A = parseJid('a@example.org/x');
const B = parseJid('b@example.org/x');

describe('jingle tie-break', () => {
  it('is won by the lower sid, byte by byte, then by the lower JID; never by both', () => {
    for (const [one, other] of [['a', 'b'], ['B', 'a'], ['a', 'aa'], ['\u00e9', '\u{1f600}'], ['z', '\u00e9']] as const) {
      assert.equal(winsTieBreak({ sid: one, jid: B }, { sid: other, jid: A }), true);
      assert.equal(winsTieBreak({ sid: other, jid: A }, { sid: one, jid: B }), false);
    }
    assert.equal(winsTieBreak({ sid: 's', jid: A }, { sid: 's', jid: B }), true);
    assert.equal(winsTieBreak({ sid: 's', jid: B }, { sid: 's', jid: A }), false);
  });
});

describe('call gate', () => {
  const limits = { ...settings.jingle, callBurst: 2, callsPerMinute: 6, countedAccounts: 2 };
  const tooMany = { code: 'resource-limit' };

  it('counts by account, not by resource, and forgives with time', async () => {
    const clock = new FakeClock();
    const gate = new CallGate(clock, limits);
    gate.count(A);
    gate.count(parseJid('a@example.org/y'));
    assert.throws(() => gate.count(A), tooMany);
    gate.count(B);
    await clock.advance(10_000);
    gate.count(A);
    assert.throws(() => gate.count(A), tooMany);
  });

  it('forgets the account that was silent longest', () => {
    const gate = new CallGate(new FakeClock(), limits);
    for (let i = 0; i < 2; i += 1) gate.count(A);
    assert.throws(() => gate.count(A), tooMany);
    gate.count(B);
    gate.count(parseJid('c@example.org/x'));
    gate.count(A);
  });
});
