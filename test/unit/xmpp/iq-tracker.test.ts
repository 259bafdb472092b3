import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { IqTracker, anyAnswer, serverAnswers } from '../../../src/xpmn/xmpp/iq-tracker.ts';
import { iqError } from '../../../src/xpmn/xmpp/stanza.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const own = parseJid('me@home.org/tv');
const peer = parseJid('you@there.org/nas');
const payload = xml('q', 'urn:q');
const never = (): AbortSignal => new AbortController().signal;

function setup(options = {}, answers = serverAnswers(own)): { clock: FakeClock; sent: XmlElement[]; tracker: IqTracker; fail: { with?: Error } } {
  const clock = new FakeClock();
  const sent: XmlElement[] = [];
  const fail: { with?: Error } = {};
  const send = async (stanza: XmlElement): Promise<void> => {
    if (fail.with) throw fail.with;
    sent.push(stanza);
  };
  return { clock, sent, fail, tracker: new IqTracker({ clock, random: systemRandom, send, answers }, { ...settings.iq, ...options }) };
}

function result(request: XmlElement, from: string | undefined): XmlElement {
  return xml('iq', 'jabber:client', { type: 'result', id: request.attrs['id'], from });
}

describe('requests of ours', () => {
  it('resolve to the result, and leave nothing behind', async () => {
    const { tracker, sent, clock } = setup();
    const asked = tracker.request({ type: 'get', to: peer, payload }, { signal: never() });
    const request = sent[0] as XmlElement;
    assert.deepEqual([request.attrs['type'], request.attrs['to'], request.children], ['get', peer, [payload]]);
    const answer = result(request, peer);
    assert.ok(tracker.answered(answer));
    assert.equal(await asked, answer);
    assert.ok(!tracker.answered(answer));
    assert.deepEqual([tracker.size, clock.pending], [0, 0]);
  });

  it('carry ids of 128 random bits', async () => {
    const { tracker, sent } = setup();
    const all = Array.from({ length: 50 }, () => tracker.request({ type: 'get', payload }, { signal: never() }).catch(() => undefined));
    const ids = new Set(sent.map(({ attrs }) => attrs['id']));
    assert.equal(ids.size, 50);
    for (const id of ids) assert.match(id ?? '', /^[a-z2-7]{26}$/);
    tracker.failAll(new XpmnError('connection-lost', 'x'));
    await Promise.all(all);
  });

  it('reject with the coded error of the answer', async () => {
    const { tracker, sent } = setup();
    const asked = tracker.request({ type: 'set', to: peer, payload }, { signal: never() });
    const request = sent[0] as XmlElement;
    tracker.answered({ ...iqError({ ...request, attrs: { ...request.attrs, from: own } }, new XpmnError('not-allowed', 'No.')), attrs: { type: 'error', id: request.attrs['id'] as string, from: peer } });
    await assert.rejects(asked, { code: 'not-allowed' });
  });

  it('read service-unavailable from a device behind a server as: it is not there', async () => {
    for (const [to, code] of [[peer, 'peer-unavailable'], [parseJid('home.org'), 'not-supported'], [undefined, 'not-supported']] as const) {
      const { tracker, sent } = setup();
      const asked = tracker.request({ type: 'get', to, payload }, { signal: never() });
      const error = xml('error', 'jabber:client', { type: 'cancel' }, xml('service-unavailable', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
      tracker.answered(xml('iq', 'jabber:client', { type: 'error', id: sent[0]?.attrs['id'], from: to }, error));
      await assert.rejects(asked, { code });
    }
  });

  const rules: readonly (readonly [to: string | undefined, accepted: readonly (string | undefined)[], refused: readonly (string | undefined)[]])[] = [
    [undefined, [undefined, 'me@home.org', 'ME@Home.org', own, 'home.org'], [peer, 'me@home.org/other', 'there.org', 'x@home.org', '', 'a b']],
    ['me@home.org', [undefined, 'me@home.org', own], ['home.org', 'me@home.org/other', peer, '']],
    ['home.org', ['home.org', 'home.org.', undefined], ['me@home.org', 'there.org', own, peer, '']],
    [peer, [peer], [undefined, 'you@there.org', 'there.org', 'home.org', own, 'you@there.org/nas2', '']],
    ['proxy.home.org', ['proxy.home.org'], [undefined, 'home.org', own]],
  ];
  for (const [to, accepted, refused] of rules) {
    it(`to ${to ?? 'the account'} are answered only from there`, async () => {
      for (const from of accepted) assert.ok(serverAnswers(own)(to as Jid | undefined, from), `${from}`);
      const { tracker, sent } = setup();
      const asked = tracker.request({ type: 'get', to: to as Jid | undefined, payload }, { signal: never() });
      const request = sent[0] as XmlElement;
      for (const from of refused) assert.ok(!tracker.answered(result(request, from)), `${from}`);
      assert.equal(tracker.size, 1);
      assert.ok(tracker.answered(result(request, accepted[0])));
      await asked;
    });
  }

  it('are not answered by another id, a request, or another type', async () => {
    const { tracker, sent } = setup({}, anyAnswer);
    const asked = tracker.request({ type: 'get', payload }, { signal: never() });
    const request = sent[0] as XmlElement;
    for (const attrs of [{ type: 'result', id: 'x' }, { type: 'result' }, { ...request.attrs }, { id: request.attrs['id'], type: 'set' }]) {
      assert.ok(!tracker.answered(xml('iq', 'jabber:client', attrs)));
    }
    assert.ok(tracker.answered(result(request, 'anybody')));
    await asked;
  });

  it('time out by the clock: theirs or the default', async () => {
    const { tracker, clock } = setup();
    const short = assert.rejects(tracker.request({ type: 'get', payload }, { signal: never(), timeout: 10 }), { code: 'timeout' });
    const long = assert.rejects(tracker.request({ type: 'get', payload }, { signal: never() }), { code: 'timeout' });
    await clock.advance(10);
    await short;
    assert.equal(tracker.size, 1);
    await clock.advance(settings.iq.timeout);
    await long;
    assert.deepEqual([tracker.size, clock.pending], [0, 0]);
  });

  it('end with the signal: before, nothing is sent; later, the answer is for nobody', async () => {
    const { tracker, sent, clock } = setup();
    const reason = new XpmnError('not-running', 'x');
    await assert.rejects(tracker.request({ type: 'get', payload }, { signal: AbortSignal.abort(reason) }), reason);
    assert.equal(sent.length, 0);
    const controller = new AbortController();
    const asked = tracker.request({ type: 'get', payload }, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(asked, reason);
    assert.ok(!tracker.answered(result(sent[0] as XmlElement, undefined)));
    assert.equal(clock.pending, 0);
  });

  it('fail all together when the channel goes', async () => {
    const { tracker, clock } = setup();
    const lost = new XpmnError('connection-lost', 'x');
    const asked = [1, 2, 3].map(() => assert.rejects(tracker.request({ type: 'get', payload }, { signal: never() }), lost));
    tracker.failAll(lost);
    await Promise.all(asked);
    assert.equal(clock.pending, 0);
  });

  it('fail when they can not be sent', async () => {
    const { tracker, fail, clock } = setup();
    fail.with = new XpmnError('connection-lost', 'x');
    await assert.rejects(tracker.request({ type: 'get', payload }, { signal: never() }), fail.with);
    assert.deepEqual([tracker.size, clock.pending], [0, 0]);
  });

  it('are limited in number', async () => {
    const { tracker } = setup({ outstanding: 2 });
    const asked = [1, 2].map(() => tracker.request({ type: 'get', payload }, { signal: never() }).catch(() => undefined));
    await assert.rejects(tracker.request({ type: 'get', payload }, { signal: never() }), { code: 'resource-limit' });
    tracker.failAll(new XpmnError('connection-lost', 'x'));
    await Promise.all(asked);
  });
});
