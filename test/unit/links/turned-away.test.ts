import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { TurnedAway } from '../../../src/xpmn/links/turned-away.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';

const [nas, tv, radio] = ['nas', 'tv', 'radio'].map((name) => parseJid(`romeo@home.test/${name}`)) as [ReturnType<typeof parseJid>, ReturnType<typeof parseJid>, ReturnType<typeof parseJid>];
const closed = (code: 'aborted' | 'security-failed' | 'truncated'): AbortSignal => AbortSignal.abort(new XpmnError(code, 'Over.'));

describe('peers that turned us away', () => {
  let turnedAway: TurnedAway;
  beforeEach(() => (turnedAway = new TurnedAway(2)));

  it('ended the session before they had said a word', () => {
    turnedAway.ended(nas, { isMutual: false, closed: closed('security-failed') });
    turnedAway.ended(tv, { isMutual: false, closed: closed('truncated') });
    assert.ok(turnedAway.has(nas) && turnedAway.has(tv));
  });

  it('or let it not open, for reasons of security', () => {
    turnedAway.failed(nas, new XpmnError('security-failed', 'No.'));
    turnedAway.failed(tv, new XpmnError('timeout', 'Too late.'));
    turnedAway.failed(radio, new Error('Broken.'));
    assert.deepEqual([nas, tv, radio].map((peer) => turnedAway.has(peer)), [true, false, false]);
  });

  it('are not those who had accepted us, or ended in order', () => {
    turnedAway.ended(nas, { isMutual: true, closed: closed('security-failed') });
    turnedAway.ended(nas, { isMutual: false, closed: closed('aborted') });
    assert.ok(!turnedAway.has(nas));
  });

  it('are shown who we are once, and remembered up to a number', () => {
    for (const peer of [nas, tv, nas, radio]) turnedAway.failed(peer, new XpmnError('security-failed', 'No.'));
    assert.deepEqual([nas, tv, radio].map((peer) => turnedAway.has(peer)), [true, false, true]);
    assert.deepEqual([turnedAway.take(nas), turnedAway.take(nas)], [true, false]);
  });
});
