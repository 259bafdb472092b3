import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { deferred } from '../../src/xpmn/kernel/tasks.ts';
import { FakeOpen } from '../fakes/fake-application.ts';
import { FakeRandom, settle } from '../support/fake-clock.ts';
import { channelPair } from '../support/channel-pair.ts';
import { settings } from '../support/settings.ts';
import { FAST, JinglePair, SLOW, actionsOf, chosenIds } from '../support/jingle-pair.ts';

describe('jingle: opening and closing', () => {
  it('opens in the order of the protocol, carries bytes, and closes in order', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    await settle();
    const [theirs] = pair.b.opened;
    assert.equal(theirs?.peer, pair.a.jid);
    assert.equal(theirs?.identity.key, pair.a.identity.key);
    assert.equal(theirs?.role, 'responder');
    assert.deepEqual(pair.actions.filter((action) => !action.includes('transport-info')), ['a session-initiate', 'b session-accept', 'a security-info']);
    assert.equal(pair.b.securities[0]?.contexts[0]?.announcedFingerprint, pair.a.fingerprint);
    assert.equal(pair.a.securities[0]?.contexts[0]?.announcedFingerprint, pair.b.fingerprint);

    ours.stream.write('hello');
    await settle();
    assert.equal((theirs?.application as FakeOpen).received, 'hello');

    await ours.close({ signal: pair.abort.signal });
    await settle();
    assert.ok(pair.actions.includes('a session-terminate success'));
    await pair.assertNothingLeft();
  });

  it('acknowledges every action before business', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    const fromB = pair.channels.sent.filter(({ from }) => from === 'b').map(({ stanza }) => stanza.attrs.type);
    assert.equal(fromB[0], 'result');
    const accepted = pair.channels.sent.findIndex(({ from, stanza }) => from === 'b' && stanza.attrs.type === 'set');
    const next = pair.channels.sent.slice(accepted + 1).find(({ from }) => from === 'a');
    assert.equal(next?.stanza.attrs.type, 'result');
    ours.destroy(new XpmnError('aborted', 'Enough.'));
    await pair.assertNothingLeft();
  });

  it('works over an end-to-end stream, where stanzas need no address', async () => {
    const pair = new JinglePair({ endToEnd: true });
    await pair.open('a');
    assert.equal(pair.channels.sent[0]?.stanza.attrs.to, undefined);
    await pair.a.manager.closeAll({ signal: pair.abort.signal });
    await pair.assertNothingLeft();
  });

  it('lets the initiator choose among several methods, and bytes wait for it', async () => {
    const pair = new JinglePair({ methods: { a: ['x509', 'srp-cb'], b: ['srp-cb', 'x509'] } });
    pair.channels.tap = (from, stanza) => (JSON.stringify(stanza).includes('security-info') && from === 'a' ? undefined : stanza);
    const opening = pair.attempt('a');
    await settle();
    assert.equal(pair.b.securities.reduce((sum, { running }) => sum + running, 0), 0);
    const held = pair.channels.sent.find(({ stanza }) => JSON.stringify(stanza).includes('security-info'));
    pair.channels.inject('b', { ...held!.stanza, attrs: { ...held!.stanza.attrs, from: pair.a.jid } });
    assert.equal(((await opening) as FakeOpen).secured.method, 'x509');
    await settle();
    assert.equal((pair.b.opened[0]?.application as FakeOpen).secured.method, 'x509');
    await pair.a.manager.closeAll({ signal: pair.abort.signal });
    await pair.assertNothingLeft();
  });

  it('ends the session when the caller does not want it any more', async () => {
    const pair = new JinglePair();
    pair.b.modes.fast.mode = 'stall';
    const abort = new AbortController();
    const opening = pair.open('a', [FAST], abort.signal);
    await settle();
    const reason = new XpmnError('aborted', 'Changed my mind.');
    abort.abort(reason);
    await assert.rejects(opening, reason);
    await settle();
    assert.equal(pair.actions.at(-1), 'a session-terminate cancel');
    await pair.assertNothingLeft();
    await assert.rejects(pair.open('a', [FAST], abort.signal), reason);
  });

  it('falls back to the next transport', async () => {
    const pair = new JinglePair();
    pair.a.modes.fast.mode = 'fail';
    pair.b.modes.fast.mode = 'fail';
    const ours = await pair.open('a', [FAST, SLOW]);
    await settle();
    assert.equal(pair.b.opened.length, 1);
    const actions = pair.actions.filter((action) => action.includes('transport-'));
    assert.deepEqual(actions.filter((action) => !action.includes('info')), ['a transport-replace', 'b transport-accept']);
    assert.equal(pair.b.securities[0]?.contexts[0]?.announcedFingerprint, pair.a.fingerprint);
    ours.destroy(new XpmnError('aborted', 'Enough.'));
    await pair.assertNothingLeft();
  });

  it('falls back when only one side sees the failure, and when the first try times out', async () => {
    for (const [mine, theirs] of [['fail', 'stall'], ['fail', 'work'], ['stall', 'fail']] as const) {
      const pair = new JinglePair();
      pair.a.modes.fast.mode = mine;
      pair.b.modes.fast.mode = theirs;
      const opening = pair.attempt('a', [FAST, SLOW]);
      if (mine === 'stall') await pair.clock.advance(settings.jingle.transportTimeout);
      assert.ok((await opening) instanceof FakeOpen, `${mine} and ${theirs}`);
      await pair.a.manager.closeAll({ signal: pair.abort.signal });
      await pair.assertNothingLeft();
    }
  });

  it('ends with failed-transport when the replacement is not taken', async () => {
    const pair = new JinglePair();
    pair.a.modes.fast.mode = 'fail';
    pair.b.refuse = ({ transport }) => (transport === SLOW ? new XpmnError('not-allowed', 'No.') : undefined);
    const outcome = await pair.attempt('a', [FAST, SLOW]);
    assert.equal((outcome as XpmnError).code, 'transport-failed');
    await settle();
    assert.deepEqual(pair.actions.slice(-2), ['b transport-reject', 'a session-terminate failed-transport']);
    await pair.assertNothingLeft();
  });

  it('declines what it does not know, after the acknowledgement', async () => {
    const pair = new JinglePair();
    (pair.b.application as { namespace: string }).namespace = 'urn:example:other';
    assert.equal(((await pair.attempt('a')) as XpmnError).code, 'not-supported');
    assert.deepEqual(pair.errors, []);
    assert.equal(pair.actions.at(-1), 'b session-terminate unsupported-applications');
    await pair.assertNothingLeft();
  });

  it('refuses calls that its policy forbids, and keeps nothing of them', async () => {
    const pair = new JinglePair();
    pair.b.refuse = ({ channel }) => (channel.peer ? undefined : new XpmnError('security-required', 'Not here.'));
    assert.equal(((await pair.attempt('a')) as XpmnError).code, 'security-required');
    assert.deepEqual(pair.actions, ['a session-initiate']);
    await pair.assertNothingLeft();
  });

  for (const [name, a, b] of [['ours wins', 1, 2], ['theirs wins', 2, 1], ['equal sids, lower JID wins', 5, 5]] as const) {
    it(`breaks the tie of simultaneous calls: ${name}`, async () => {
      const pair = new JinglePair({ randoms: { a: chosenIds(a), b: chosenIds(b) } });
      pair.channels.hold('a');
      pair.channels.hold('b');
      const [left, right] = [pair.open('a'), pair.open('b')];
      await settle();
      pair.channels.release('a');
      pair.channels.release('b');
      const [mine, theirs] = await Promise.all([left, right]);
      await settle();
      assert.equal(pair.a.manager.sessions().length, 1);
      assert.equal(pair.b.manager.sessions().length, 1);
      const winner = a <= b ? 'a' : 'b';
      assert.equal(mine.secured.role, winner === 'a' ? 'initiator' : 'responder');
      mine.stream.write('one session');
      await settle();
      assert.equal(theirs.received, 'one session');
      assert.equal(pair.a.opened.length + pair.b.opened.length, 1);
      await pair.a.manager.closeAll({ signal: pair.abort.signal });
      await pair.assertNothingLeft();
    });
  }

  it('treats a later second call as an ordinary one', async () => {
    const pair = new JinglePair();
    await pair.open('a');
    await pair.open('b');
    assert.equal(pair.a.manager.sessions().length, 2);
    await pair.a.manager.closeAll({ signal: pair.abort.signal });
    await pair.assertNothingLeft();
  });

  it('gives up a lost tie when the call of the peer never comes', async () => {
    const pair = new JinglePair();
    pair.b.refuse = () => new XpmnError('tie-break', 'Says a liar.');
    const opening = pair.attempt('a');
    await pair.clock.advance(60_000);
    assert.equal(((await opening) as XpmnError).code, 'timeout');
    await pair.assertNothingLeft();
  });

  it('ends the sessions of a peer that is not trusted any more', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    await settle();
    pair.b.manager.endSessions(({ identity }) => identity?.key === pair.a.identity.key);
    await settle();
    assert.equal(pair.actions.at(-1), 'b session-terminate security-error');
    assert.equal((ours.closed.reason as XpmnError).code, 'security-failed');
    await pair.assertNothingLeft();
  });

  it('does not need its channel once it is open', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    await settle();
    pair.channels.close();
    await settle();
    // An open session needs no channel: its bytes run elsewhere.
    ours.stream.write('still');
    await settle();
    assert.equal((pair.b.opened[0]?.application as FakeOpen).received, 'still');
    await pair.a.manager.closeAll({ signal: pair.abort.signal });
    await pair.assertNothingLeft();
  });

  it('does not need its channel while the application opens, nor the answer to what was said on it', async () => {
    const pair = new JinglePair();
    // The acknowledgement of the security-info gets lost.
    let info: string | undefined;
    pair.channels.tap = (_from, stanza) => {
      if (JSON.stringify(stanza).includes('security-info')) info = stanza.attrs.id;
      return stanza.attrs.type === 'result' && stanza.attrs.id === info ? undefined : stanza;
    };
    const both = deferred();
    for (const { application } of [pair.a, pair.b]) {
      const open = application.open.bind(application);
      application.open = (...args) => both.promise.then(() => open(...args));
    }
    const opening = pair.open('a');
    await settle();
    assert.deepEqual([...pair.a.manager.sessions(), ...pair.b.manager.sessions()].map(({ state }) => state), ['opening', 'opening']);
    pair.channels.close();
    await settle();
    both.resolve();
    await opening;
    await settle();
    assert.deepEqual([...pair.a.manager.sessions(), ...pair.b.manager.sessions()].map(({ state }) => state), ['open', 'open']);
    await pair.a.manager.closeAll({ signal: pair.abort.signal });
    await pair.assertNothingLeft();
  });

  it('goes on with the set-up on another channel', async () => {
    const pair = new JinglePair();
    const second = channelPair({ clock: pair.clock, random: new FakeRandom(3), a: pair.a.jid, b: pair.b.jid });
    pair.a.elsewhere = second.a.channel;
    pair.b.elsewhere = second.b.channel;
    pair.b.securities[0]!.mode = 'stall';
    const opening = pair.attempt('a');
    await settle();
    pair.channels.close();
    await settle();
    assert.equal(pair.a.manager.sessions()[0]?.state, 'securing');
    pair.a.manager.endSessions(() => true);
    assert.ok((await opening) instanceof XpmnError);
    assert.deepEqual(actionsOf(second), ['a session-terminate security-error']);
    pair.b.manager.endSessions(() => true);
    await pair.assertNothingLeft();
  });

  it('closes all, and takes no calls afterwards', async () => {
    const pair = new JinglePair();
    await Promise.all([pair.open('a'), pair.open('a')]);
    await pair.b.manager.closeAll({ signal: pair.abort.signal });
    await pair.assertNothingLeft();
    assert.equal(((await pair.attempt('a')) as XpmnError).code, 'peer-unavailable');
    assert.equal(((await pair.attempt('b')) as XpmnError).code, 'not-running');
    await pair.assertNothingLeft();
  });
});
