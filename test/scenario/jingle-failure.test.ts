import assert from 'node:assert/strict';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { formatJingle } from '../../src/xpmn/jingle/codec.ts';
import type { FakeOpen } from '../fakes/fake-application.ts';
import { settle } from '../support/fake-clock.ts';
import { FAST, JinglePair } from '../support/jingle-pair.ts';
import { settings } from '../support/settings.ts';

const { jingle } = settings;

/** How far a session gets before the peer stops doing its part. */
const PHASES: Readonly<Record<string, (pair: JinglePair) => void>> = {
  'the session-initiate is not acknowledged': (pair) => {
    pair.channels.hold('b');
  },
  'the call is not accepted': (pair) => {
    pair.b.modes.fast.mode = 'mute';
  },
  'the transport does not connect': (pair) => {
    pair.b.modes.fast.mode = 'stall';
  },
  'the method is not chosen': (pair) => {
    pair.channels.tap = (_from, stanza) => (JSON.stringify(stanza).includes('security-info') ? undefined : stanza);
    for (const security of pair.a.securities) security.mode = 'stall';
  },
  'the handshake stalls': (pair) => {
    for (const security of pair.b.securities) security.mode = 'stall';
  },
  'the application does not start': (pair) => {
    pair.a.application.mode = 'stall';
    pair.b.application.mode = 'stall';
  },
};

function twoMethods(): JinglePair {
  return new JinglePair({ methods: { a: ['x509', 'other'], b: ['x509', 'other'] } });
}

describe('jingle: what goes wrong', () => {
  for (const [phase, stop] of Object.entries(PHASES)) {
    it(`ends with timeout when ${phase}`, async () => {
      const pair = twoMethods();
      stop(pair);
      const opening = pair.attempt('a', [FAST]);
      await pair.clock.advance(jingle.setupTimeout + 1000);
      assert.equal(((await opening) as XpmnError).code, 'timeout');
      pair.channels.release('b');
      await pair.clock.advance(jingle.setupTimeout + 1000);
      await pair.assertNothingLeft();
    });

    it(`frees both ends when the caller gives up while ${phase}`, async () => {
      const pair = twoMethods();
      stop(pair);
      const abort = new AbortController();
      const opening = pair.attempt('a', [FAST], abort.signal);
      await settle();
      abort.abort(new XpmnError('aborted', 'No.'));
      assert.equal(((await opening) as XpmnError).code, 'aborted');
      pair.channels.release('b');
      await pair.assertNothingLeft();
    });

    it(`frees everything at once when the peer vanishes while ${phase}`, async () => {
      const pair = twoMethods();
      stop(pair);
      const opening = pair.attempt('a', [FAST]);
      await settle();
      pair.channels.close();
      pair.network.cut();
      const { code } = (await opening) as XpmnError;
      assert.ok(['connection-lost', 'security-failed', 'truncated'].includes(code), code);
      await pair.assertNothingLeft();
    });

    it(`ends on a terminate while ${phase}`, async () => {
      const pair = twoMethods();
      stop(pair);
      const opening = pair.attempt('a', [FAST]);
      await settle();
      pair.b.manager.endSessions(() => true);
      pair.channels.release('b');
      assert.equal(((await opening) as XpmnError).code, 'security-failed');
      await pair.assertNothingLeft();
    });

    it(`frees our end at once though the peer ignores us, while ${phase}`, async () => {
      const pair = twoMethods();
      stop(pair);
      const opening = pair.attempt('a', [FAST]);
      await settle();
      pair.channels.tap = () => undefined;
      pair.a.manager.endSessions(() => true, new XpmnError('not-trusted', 'Gone.'));
      assert.equal(((await opening) as XpmnError).code, 'not-trusted');
      assert.deepEqual(pair.a.manager.sessions(), []);
      for (const security of pair.a.securities) assert.equal(security.running, 0);
      pair.channels.release('b');
      await pair.clock.advance(jingle.setupTimeout + 1000);
      await pair.assertNothingLeft();
    });
  }

  const FAILURES: readonly (readonly [string, (pair: JinglePair) => void, ErrorCode, string])[] = [
    ['no transport connects', (pair) => { pair.a.modes.fast.mode = 'fail'; pair.b.modes.fast.mode = 'fail'; }, 'transport-failed', 'a session-terminate failed-transport'],
    ['our handshake fails', (pair) => { pair.a.securities[0]!.mode = 'fail'; }, 'security-failed', 'a session-terminate security-error'],
    ['their handshake fails', (pair) => { pair.b.securities[0]!.mode = 'fail'; }, 'security-failed', 'b session-terminate security-error'],
    ['we do not accept the peer', (pair) => { pair.a.accepts = false; }, 'security-failed', 'a session-terminate security-error'],
    ['our application fails', (pair) => { pair.a.application.mode = 'fail'; }, 'xml-restricted', 'a session-terminate failed-application'],
  ];
  for (const [name, prepare, code, last] of FAILURES) {
    it(`says why when ${name}`, async () => {
      const pair = new JinglePair();
      prepare(pair);
      assert.equal(((await pair.attempt('a', [FAST])) as XpmnError).code, code);
      await settle();
      assert.ok(pair.actions.includes(last), pair.actions.join(', '));
      await pair.assertNothingLeft();
    });
  }

  it('closes what we opened when the peer does not accept us in the end', async () => {
    const pair = new JinglePair();
    pair.b.accepts = false;
    // Our own verdict fell first: the application was usable for us for a moment.
    const ours = (await pair.attempt('a')) as FakeOpen;
    await settle();
    assert.ok(ours.closed.aborted);
    assert.equal(ours.received, '');
    assert.deepEqual(pair.b.opened, []);
    assert.ok(pair.actions.includes('b session-terminate security-error'));
    await pair.assertNothingLeft();
  });

  it('tells the peer when the application of an open session breaks', async () => {
    for (const [code, reason] of [['flow-control', 'failed-application'], ['truncated', 'security-error'], ['connection-lost', 'connectivity-error']] as const) {
      const pair = new JinglePair();
      const ours = await pair.open('a');
      ours.destroy(new XpmnError(code, 'Broken.'));
      await settle();
      assert.ok(pair.actions.includes(`a session-terminate ${reason}`));
      await pair.assertNothingLeft();
    }
  });

  it('gives the application its time, and no more, when the peer has closed in order', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    await settle();
    const theirs = pair.b.opened[0]?.application as FakeOpen;
    ours.stream.pause();
    const { attrs, children } = pair.channels.sent[0]!.stanza;
    const sid = (children[0] as XmlElement).attrs.sid as string;
    const terminate = formatJingle({ action: 'session-terminate', sid, contents: [], reason: { condition: 'success' }, info: [] });
    pair.channels.inject('b', xml('iq', 'jabber:client', { ...attrs, id: 'end', from: pair.a.jid }, terminate));
    await settle();
    // The last bytes never come: a's end is silent.
    assert.equal(theirs.stream.destroyed, false);
    await pair.clock.advance(jingle.closeTimeout);
    assert.ok(theirs.closed.aborted);
    await pair.assertNothingLeft();
  });

  it('bounds how often a transport may be replaced', async () => {
    const pair = new JinglePair({ options: { replacements: 0 } });
    pair.a.modes.fast.mode = 'fail';
    pair.b.modes.fast.mode = 'stall';
    assert.equal(((await pair.attempt('a')) as XpmnError).code, 'resource-limit');
    await settle();
    await pair.assertNothingLeft();
  });

  it('ends a session that opened and that nobody can take', async () => {
    const pair = new JinglePair();
    pair.b.opened.push = () => {
      throw new XpmnError('internal', 'Nobody takes it.');
    };
    const application = await pair.open('a');
    await settle();
    assert.ok(application.closed.aborted);
    await pair.assertNothingLeft();
  });

  it('bounds our own calls, too', async () => {
    const pair = new JinglePair({ options: { sessionsPerPeer: 2 } });
    await Promise.all([pair.open('a'), pair.open('a')]);
    assert.equal(((await pair.attempt('a')) as XpmnError).code, 'resource-limit');
    await pair.a.manager.closeAll({ signal: pair.abort.signal });
    await pair.assertNothingLeft();
  });
});
