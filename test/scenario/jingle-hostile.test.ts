import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { elements, withAttrs, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement, XmlNode } from '../../src/xpmn/model/xml.ts';
import type { StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import { formatJingle } from '../../src/xpmn/jingle/codec.ts';
import type { Action, Jingle } from '../../src/xpmn/jingle/codec.ts';
import { FakeOpen } from '../fakes/fake-application.ts';
import { settle } from '../support/fake-clock.ts';
import { APP, FAST, JinglePair, SLOW } from '../support/jingle-pair.ts';
import { settings } from '../support/settings.ts';

const CLIENT = 'jabber:client';
const MALLORY = 'mallory@example.org/x';

let count = 0;

function iq(from: string, to: string, payload: XmlElement): XmlElement {
  return xml('iq', CLIENT, { type: 'set', id: `hostile-${(count += 1)}`, from, to }, payload);
}

function action(name: Action, sid: string, more: Partial<Jingle> = {}): XmlElement {
  return formatJingle({ action: name, sid, contents: [], info: [], ...more });
}

function initiate(sid: string, changes: Partial<Jingle['contents'][number]> = {}): XmlElement {
  return action('session-initiate', sid, {
    contents: [{
      creator: 'initiator', name: 'fake',
      description: xml('description', APP),
      transport: xml('transport', FAST, { sid: `t-${sid}` }),
      security: { fingerprint: { algo: 'sha1', hex: 'c'.repeat(40) }, methods: ['x509'] },
      ...changes,
    }],
  });
}

/** The sid of the first session that was offered. */
function sidOf(pair: JinglePair): string {
  return elements(pair.channels.sent[0]!.stanza)[0]!.attrs.sid as string;
}

/** The stanza without every element that `drop` picks, at any depth. */
function without(element: XmlElement, drop: (element: XmlElement) => boolean): XmlElement {
  const keep = (node: XmlNode): XmlNode[] => (typeof node === 'string' ? [node] : drop(node) ? [] : [without(node, drop)]);
  return { ...element, children: element.children.flatMap(keep) };
}

/** What of our pair is still there at the end of a hostile test is closed, and then nothing may be left. */
async function finish(pair: JinglePair): Promise<void> {
  pair.channels.tap = (_from, stanza) => stanza;
  await pair.a.manager.closeAll({ signal: pair.abort.signal });
  await pair.b.manager.closeAll({ signal: pair.abort.signal });
  await pair.assertNothingLeft();
}

describe('jingle: hostile peers and servers', () => {
  it('knows no session for a foreign sender, whatever he says', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    await settle();
    const before = pair.errors.length;
    const foreign: readonly Action[] = ['session-terminate', 'session-info', 'session-accept', 'transport-replace', 'transport-info', 'security-info', 'content-remove'];
    for (const name of foreign) pair.channels.inject('b', iq(MALLORY, pair.b.jid, action(name, sidOf(pair), { initiator: pair.a.jid })));
    await settle();
    assert.deepEqual(pair.errors.slice(before), foreign.map(() => 'b item-not-found+unknown-session'));
    assert.equal(ours.closed.aborted, false);
    assert.equal(pair.b.manager.sessions()[0]?.state, 'open');
    await finish(pair);
  });

  it('lets nobody steer an end-to-end session from the stream of the server', async () => {
    const pair = new JinglePair({ endToEnd: true });
    pair.b.modes.fast.mode = 'stall';
    const opening = pair.attempt('a');
    await settle();
    const server: StanzaChannel = { ...pair.channels.b.channel, peer: undefined };
    const answers: string[] = [];
    const say = (payload: XmlElement): Promise<void> => pair.channels.b.router.dispatch(iq(pair.a.jid, pair.b.jid, payload), server, (answer) => {
      answers.push(answer.attrs.type ?? '');
      return Promise.resolve();
    });
    const contents = [{ creator: 'initiator', name: 'fake', transport: xml('transport', SLOW, { sid: 'x' }) }] as const;
    await say(action('transport-replace', sidOf(pair), { contents }));
    await say(action('transport-info', sidOf(pair), { contents }));
    await say(action('session-terminate', sidOf(pair), { reason: { condition: 'gone' } }));
    assert.deepEqual(answers, ['error', 'error', 'result']);
    assert.deepEqual(pair.b.manager.sessions(), []);
    pair.a.manager.endSessions(() => true);
    await opening;
    await pair.assertNothingLeft();
  });

  it('answers unknown-session for a sid that is none', async () => {
    const pair = new JinglePair();
    pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, action('session-info', 'nothing')));
    await settle();
    assert.deepEqual(pair.errors, ['b item-not-found+unknown-session']);
    await finish(pair);
  });

  it('answers pings, and nothing else that is asked in a session-info', async () => {
    const pair = new JinglePair();
    await pair.open('a');
    await settle();
    pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, action('session-info', sidOf(pair))));
    await settle();
    assert.deepEqual(pair.errors, []);
    pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, action('session-info', sidOf(pair), { info: [xml('ringing', 'urn:xmpp:jingle:apps:rtp:info:1')] })));
    await settle();
    assert.deepEqual(pair.errors, ['b feature-not-implemented+unsupported-info']);
    await finish(pair);
  });

  it('refuses a second initiate and a second accept, and the session goes on', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    await settle();
    const accept = pair.channels.sent.find(({ from, stanza }) => from === 'b' && stanza.attrs.type === 'set')!.stanza;
    pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, initiate(sidOf(pair))));
    pair.channels.inject('a', withAttrs(accept, { from: pair.b.jid, id: 'again' }));
    await settle();
    assert.deepEqual(pair.errors.sort(), ['a unexpected-request+out-of-order', 'b unexpected-request+out-of-order']);
    ours.stream.write('alive');
    await settle();
    assert.equal((pair.b.opened[0]?.application as FakeOpen).received, 'alive');
    await finish(pair);
  });

  for (const [where, from, other] of [['the initiate', 'a', 'b'], ['the accept', 'b', 'a']] as const) {
    it(`ends when <security/> is stripped from ${where}, after the acknowledgement`, async () => {
      const pair = new JinglePair();
      pair.channels.tap = (sender, stanza) => (sender === from ? without(stanza, ({ name }) => name === 'security') : stanza);
      assert.equal(((await pair.attempt('a')) as XpmnError).code, 'security-failed');
      await settle();
      assert.deepEqual(pair.errors, []);
      assert.ok(pair.actions.includes(`${other} session-terminate security-error`));
      for (const device of [pair.a, pair.b]) assert.equal(device.securities[0]?.contexts.length, 0);
      await pair.assertNothingLeft();
    });

    it(`ends when the fingerprint is stripped from ${where}`, async () => {
      const pair = new JinglePair();
      pair.channels.tap = (sender, stanza) => (sender === from ? without(stanza, ({ name }) => name === 'fingerprint') : stanza);
      assert.equal(((await pair.attempt('a')) as XpmnError).code, 'security-failed');
      await pair.assertNothingLeft();
    });

    it(`ends when the fingerprint in ${where} is another's`, async () => {
      const pair = new JinglePair();
      const change = (element: XmlElement): XmlElement => ({
        ...element,
        children: element.name === 'fingerprint' ? ['d'.repeat(40)] : element.children.map((node) => (typeof node === 'string' ? node : change(node))),
      });
      pair.channels.tap = (sender, stanza) => (sender === from ? change(stanza) : stanza);
      const outcome = await pair.attempt('a');
      await settle();
      assert.ok(outcome instanceof FakeOpen ? outcome.closed.aborted : (outcome as XpmnError).code === 'security-failed');
      assert.deepEqual(pair.b.opened, []);
      await pair.assertNothingLeft();
    });
  }

  it('ignores methods in the accept that we never offered', async () => {
    const pair = new JinglePair({ methods: { a: ['x509'], b: ['x509'] } });
    pair.channels.tap = (from, stanza) => {
      const rename = (element: XmlElement): XmlElement => ({
        ...(element.name === 'method' ? withAttrs(element, { name: 'plain' }) : element),
        children: element.children.map((node) => (typeof node === 'string' ? node : rename(node))),
      });
      return from === 'b' ? rename(stanza) : stanza;
    };
    assert.equal(((await pair.attempt('a')) as XpmnError).code, 'security-failed');
    await pair.assertNothingLeft();
  });

  it('ends on a security-info that names what was not offered, two methods, or another than before', async () => {
    for (const methods of [['plain'], ['x509', 'srp-cb'], [], ['srp-cb']]) {
      const pair = new JinglePair({ methods: { a: ['x509', 'srp-cb'], b: ['x509', 'srp-cb'] } });
      pair.b.securities[0]!.mode = 'stall';
      const opening = pair.attempt('a');
      await settle();
      pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, action('security-info', sidOf(pair), { contents: [{ creator: 'initiator', name: 'fake', security: { methods } }] })));
      assert.equal(((await opening) as XpmnError).code, 'security-failed');
      assert.ok(pair.actions.includes('b session-terminate security-error'));
      await pair.assertNothingLeft();
    }
  });

  it('answers a transport-replace of the responder with tie-break', async () => {
    const pair = new JinglePair();
    pair.b.modes.fast.mode = 'stall';
    const opening = pair.attempt('a');
    await settle();
    const replace = action('transport-replace', sidOf(pair), { contents: [{ creator: 'initiator', name: 'fake', transport: xml('transport', SLOW, { sid: 'x' }) }] });
    pair.channels.inject('a', iq(pair.b.jid, pair.a.jid, replace));
    await settle();
    assert.deepEqual(pair.errors, ['a conflict+tie-break']);
    pair.a.manager.endSessions(() => true);
    await opening;
    await pair.assertNothingLeft();
  });

  it('obeys the initiator who replaces a transport that seemed to work', async () => {
    const pair = new JinglePair();
    pair.a.securities[0]!.mode = 'stall';
    const opening = pair.attempt('a', [FAST]);
    await settle();
    assert.equal(pair.b.manager.sessions()[0]?.state, 'securing');
    const replace = action('transport-replace', sidOf(pair), { contents: [{ creator: 'initiator', name: 'fake', transport: xml('transport', SLOW, { sid: 'x' }) }] });
    pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, replace));
    await settle();
    assert.ok(pair.actions.includes('b transport-accept'));
    assert.equal(pair.b.securities[0]?.running, 0);
    pair.a.manager.endSessions(() => true);
    await opening;
    await finish(pair);
  });

  it('refuses contents that make no sense, and keeps nothing of them', async () => {
    const pair = new JinglePair();
    const wrong: readonly [XmlElement, string][] = [
      [action('session-initiate', 's1'), 'not-acceptable'],
      [initiate('s2', { transport: xml('transport', FAST) }), 'bad-request'],
      [initiate('s3', { creator: 'responder' }), 'bad-request'],
      [action('session-initiate', 's4', { contents: [{ creator: 'initiator', name: 'fake' }] }), 'bad-request'],
      [action('session-initiate', 's 5'), 'bad-request'],
      [withAttrs(initiate('s6'), { action: 'session-hijack' }), 'bad-request'],
    ];
    for (const [jingle] of wrong) pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, jingle));
    await settle();
    assert.deepEqual(pair.errors, wrong.map(([, condition]) => `b ${condition}`));
    await pair.assertNothingLeft();
  });

  it('ends a session whose accept makes no sense', async () => {
    const pair = new JinglePair();
    pair.channels.tap = (from, stanza) => {
      const isAccept = from === 'b' && JSON.stringify(stanza).includes('session-accept');
      return isAccept ? without(stanza, ({ name }) => name === 'transport') : stanza;
    };
    // Both ends see at the same time that it can't go on; whoever is first says so.
    assert.ok((await pair.attempt('a')) instanceof XpmnError);
    await settle();
    assert.ok(pair.errors.includes('a bad-request'));
    await pair.assertNothingLeft();
  });

  it('holds only so many transport-infos for a transport that is not agreed', async () => {
    const pair = new JinglePair();
    pair.b.modes.fast.mode = 'mute';
    const opening = pair.attempt('a', [FAST]);
    await settle();
    const info = action('transport-info', sidOf(pair), { contents: [{ creator: 'initiator', name: 'fake', transport: xml('transport', FAST, { sid: 'x' }) }] });
    for (let i = 0; i < settings.jingle.earlyInfos + 1; i += 1) pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, info));
    await settle();
    assert.deepEqual(pair.errors, ['b resource-constraint']);
    pair.a.manager.endSessions(() => true);
    await opening;
    await pair.assertNothingLeft();
  });

  it('bounds 10,000 calls of one account', async () => {
    const pair = new JinglePair();
    pair.b.modes.fast.mode = 'mute';
    for (let i = 0; i < 10_000; i += 1) {
      pair.channels.inject('b', iq(`${pair.a.jid}-${i}`, pair.b.jid, initiate(`s${i}`)));
      if (i % 500 === 0) await settle(1);
    }
    await settle();
    assert.equal(pair.b.manager.sessions().length, settings.jingle.pendingPerAccount);
    assert.equal(pair.errors.length, 10_000 - settings.jingle.pendingPerAccount);
    assert.ok(pair.errors.every((error) => error === 'b resource-constraint'));
    await pair.clock.advance(settings.jingle.setupTimeout);
    await pair.assertNothingLeft();
  });

  it('bounds 10,000 calls of as many accounts, and what it remembers of them', async () => {
    const pair = new JinglePair();
    pair.b.modes.fast.mode = 'mute';
    for (let i = 0; i < 10_000; i += 1) {
      pair.channels.inject('b', iq(`bot${i}@example.net/x`, pair.b.jid, initiate('s')));
      if (i % 500 === 0) await settle(1);
    }
    await settle();
    assert.equal(pair.b.manager.sessions().length, settings.jingle.pending);
    await pair.clock.advance(settings.jingle.setupTimeout);
    await pair.assertNothingLeft();
  });

  it('has sessions of open peers bounded per peer and in all', async () => {
    const pair = new JinglePair({ options: { sessionsPerPeer: 2 } });
    await Promise.all([pair.open('a'), pair.open('a')]);
    pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, initiate('third')));
    await settle();
    assert.deepEqual(pair.errors, ['b resource-constraint']);
    assert.equal(pair.b.manager.sessions().length, 2);
    await finish(pair);

    const few = new JinglePair({ options: { sessions: 1 } });
    await few.open('a');
    few.channels.inject('b', iq(parseJid(MALLORY), few.b.jid, initiate('other')));
    await settle();
    assert.deepEqual(few.errors, ['b resource-constraint']);
    await finish(few);
  });

  it('slows an account that calls again and again', async () => {
    const pair = new JinglePair({ options: { callBurst: 3, callsPerMinute: 1 } });
    const call = async (i: number): Promise<void> => {
      pair.channels.inject('b', iq(pair.a.jid, pair.b.jid, initiate(`s${i}`, { description: xml('description', 'urn:example:none') })));
      await settle();
    };
    for (let i = 0; i < 4; i += 1) await call(i);
    assert.deepEqual(pair.errors.filter((error) => error.startsWith('b')), ['b resource-constraint']);
    await pair.clock.advance(60_000);
    await call(5);
    assert.equal(pair.errors.filter((error) => error.startsWith('b')).length, 1);
    await finish(pair);
  });

  it('keeps apart two sessions to which both sides gave the same sid', async () => {
    const pair = new JinglePair();
    const ours = await pair.open('a');
    await settle();
    const sid = sidOf(pair);
    pair.a.modes.fast.mode = 'mute';
    pair.channels.inject('a', iq(pair.b.jid, pair.a.jid, initiate(sid)));
    await settle();
    assert.equal(pair.a.manager.sessions().length, 2);
    pair.channels.inject('a', iq(pair.b.jid, pair.a.jid, action('session-terminate', sid, { reason: { condition: 'cancel' } })));
    await settle();
    assert.equal(ours.closed.aborted, false);
    assert.deepEqual(pair.a.manager.sessions().map(({ role }) => role), ['initiator']);
    await finish(pair);
  });
});
