import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { KeyName, PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { child, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { IncomingIq, StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import { AnswerCache } from '../../../src/xpmn/xmpp/answer-cache.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import type { IqGate } from '../../../src/xpmn/xmpp/iq-router.ts';
import { errorFromStanza } from '../../../src/xpmn/xmpp/stanza-error.ts';
import { settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const NS = 'jabber:client';
const own = parseJid('me@home.org/tv');
const from = parseJid('you@there.org/nas');
const ns = 'urn:q';

function channelOf(peer?: PeerIdentity): StanzaChannel {
  return { local: own, peer, send: async () => undefined, request: async () => xml('iq', NS), closed: new AbortController().signal };
}

function identity(key: string): PeerIdentity {
  return { verdict: 'own', key: key as KeyName, jid: from, network: 'n' as KeyName, roles: [] };
}

function iq(type: string, id: string | undefined, ...payload: XmlElement[]): XmlElement {
  return xml('iq', NS, { type, id, from }, payload);
}

function setup({ gate, ...options }: { gate?: IqGate; inProgress?: number; inProgressInAll?: number } = {}): { router: IqRouter; ask: (stanza: XmlElement, channel?: StanzaChannel, answers?: AnswerCache) => Promise<XmlElement[]> } {
  const router = new IqRouter({ log: silentLogger, gate }, { ...settings.iq, ...options });
  const server = channelOf();
  const ask = async (stanza: XmlElement, channel = server, answers?: AnswerCache): Promise<XmlElement[]> => {
    const sent: XmlElement[] = [];
    await router.dispatch(stanza, channel, async (answer) => void sent.push(answer), answers);
    return sent;
  };
  return { router, ask };
}

describe('the IQ router', () => {
  it('answers with what the handler returns, to whom asked', async () => {
    const { router, ask } = setup();
    let seen: IncomingIq | undefined;
    const channel = channelOf();
    router.handle({ ns, name: 'q' }, (asked) => {
      seen = asked;
      return xml('r', ns);
    });
    assert.deepEqual(await ask(iq('get', '1', xml('q', ns)), channel), [xml('iq', NS, { type: 'result', id: '1', to: from }, xml('r', ns))]);
    assert.deepEqual(seen, { type: 'get', id: '1', from, payload: xml('q', ns), channel, signal: channel.closed });
  });

  it('finds the most particular handler', async () => {
    const { router, ask } = setup();
    const says = (text: string) => () => xml(text, ns);
    router.handle({ ns }, says('ns'));
    router.handle({ ns, type: 'set' }, says('ns-set'));
    router.handle({ ns, name: 'q' }, says('name'));
    router.handle({ ns, name: 'q', type: 'get' }, says('name-get'));
    for (const [type, name, expected] of [['get', 'q', 'name-get'], ['set', 'q', 'name'], ['set', 'z', 'ns-set'], ['get', 'z', 'ns']] as const) {
      assert.ok(child((await ask(iq(type, '1', xml(name, ns))))[0] as XmlElement, expected));
    }
    assert.throws(() => router.handle({ ns, name: 'q' }, says('again')), { code: 'internal' });
  });

  it('answers an empty result', async () => {
    const { router, ask } = setup();
    router.handle({ ns }, () => undefined);
    assert.deepEqual(await ask(iq('set', '1', xml('q', ns))), [xml('iq', NS, { type: 'result', id: '1', to: from })]);
  });

  it('answers service-unavailable to what nobody handles', async () => {
    const { router, ask } = setup();
    router.handle({ ns, name: 'q', type: 'get' }, () => undefined);
    for (const stanza of [iq('get', '1', xml('q', 'urn:other')), iq('set', '1', xml('q', ns)), iq('get', '1', xml('p', ns))]) {
      const [answer] = await ask(stanza);
      assert.ok(child(child(answer as XmlElement, 'error') as XmlElement, 'service-unavailable'));
      assert.deepEqual(answer?.attrs, { type: 'error', id: '1', to: from });
    }
  });

  const malformed: Record<string, XmlElement> = {
    'no id': iq('get', undefined, xml('q', ns)), 'an empty id': iq('get', '', xml('q', ns)), 'a long id': iq('get', 'x'.repeat(257), xml('q', ns)),
    'no payload': iq('get', '1'), 'two payloads': iq('get', '1', xml('q', ns), xml('q', ns)), 'an odd type': iq('do', '1', xml('q', ns)),
    'no type': xml('iq', NS, { id: '1' }, xml('q', ns)), 'a sender that is none': xml('iq', NS, { type: 'get', id: '1', from: '@' }, xml('q', ns)),
  };
  for (const [what, stanza] of Object.entries(malformed)) {
    it(`answers bad-request to a request with ${what}`, async () => {
      const { router, ask } = setup();
      router.handle({ ns }, () => assert.fail('was handled'));
      const answers = await ask(stanza);
      assert.equal(answers.length, 1);
      assert.equal(errorFromStanza(answers[0] as XmlElement).code, 'bad-request');
    });
  }

  it('never answers an answer', async () => {
    const { ask } = setup();
    for (const type of ['result', 'error']) assert.deepEqual(await ask(iq(type, '1', xml('q', ns))), []);
  });

  it('turns what a handler throws into a stanza error; surprises say nothing', async () => {
    const { router, ask } = setup();
    router.handle({ ns, name: 'a' }, async () => { throw new XpmnError('not-allowed', 'Not you.'); });
    router.handle({ ns, name: 'b' }, () => { throw new Error('/secret'); });
    assert.equal(errorFromStanza((await ask(iq('get', '1', xml('a', ns))))[0] as XmlElement).code, 'not-allowed');
    const surprise = (await ask(iq('get', '1', xml('b', ns))))[0] as XmlElement;
    assert.equal(errorFromStanza(surprise).code, 'internal');
    assert.ok(!JSON.stringify(surprise).includes('secret'));
  });

  it('asks the gate before any handler, also for what nobody handles', async () => {
    const { router, ask } = setup({ gate: (channel) => (channel.peer ? undefined : new XpmnError('security-required', 'Not here.')) });
    let handled = 0;
    router.handle({ ns }, () => void (handled += 1));
    for (const payload of [xml('q', ns), xml('q', 'urn:other')]) {
      assert.equal(errorFromStanza((await ask(iq('get', '1', payload)))[0] as XmlElement).code, 'security-required');
    }
    assert.equal(handled, 0);
    await ask(iq('get', '1', xml('q', ns)), channelOf(identity('k')));
    assert.equal(handled, 1);
  });

  it('believes the channel, not the stanza, who a peer is', async () => {
    const { router, ask } = setup();
    const seen: string[] = [];
    router.handle({ ns }, (asked) => void seen.push(asked.from));
    const lie = xml('iq', NS, { type: 'get', id: '1', from: 'boss@there.org/x' }, xml('q', ns));
    await ask(lie, channelOf(identity('k')));
    await ask(xml('iq', NS, { type: 'get', id: '1' }, xml('q', ns)));
    assert.deepEqual(seen, [from, 'me@home.org']);
  });

  it('holds a bounded number of requests per channel; one more is turned away', async () => {
    const { router, ask } = setup({ inProgress: 2 });
    const gate = deferred();
    router.handle({ ns }, () => gate.promise as Promise<undefined>);
    const [a, b] = [channelOf(), channelOf()];
    const first = [ask(iq('get', '1', xml('q', ns)), a), ask(iq('get', '2', xml('q', ns)), a)];
    assert.ok(!router.hasRoom(a, from));
    assert.equal(errorFromStanza((await ask(iq('get', '3', xml('q', ns)), a))[0] as XmlElement).code, 'resource-limit');
    const other = ask(iq('get', '1', xml('q', ns)), b);
    gate.resolve();
    for (const answers of await Promise.all([...first, other])) assert.equal(answers[0]?.attrs['type'], 'result');
    assert.equal(router.inProgress(a), 0);
    assert.equal((await ask(iq('get', '4', xml('q', ns)), a))[0]?.attrs['type'], 'result');
  });

  it('lets a sender whose answers are held back keep nobody else out, up to a bound of all', async () => {
    const { router, ask } = setup({ inProgress: 2, inProgressInAll: 3 });
    const gate = deferred();
    router.handle({ ns }, () => gate.promise as Promise<undefined>);
    const channel = channelOf();
    const by = (sender: string): Promise<XmlElement[]> => ask(xml('iq', NS, { type: 'get', id: '1', from: `${sender}@there.org/x` }, xml('q', ns)), channel);
    const codeOf = async (asked: Promise<XmlElement[]>): Promise<string> => errorFromStanza((await asked)[0] as XmlElement).code;
    const held = [by('one'), by('one')];
    assert.equal(await codeOf(by('one')), 'resource-limit');
    held.push(by('two'));
    assert.equal(await codeOf(by('three')), 'resource-limit');
    gate.resolve();
    for (const [answer] of await Promise.all(held)) assert.equal(answer?.attrs['type'], 'result');
    assert.equal((await by('three'))[0]?.attrs['type'], 'result');
    assert.equal(router.inProgress(channel), 0);
  });

  it('counts the peer of an end-to-end stream as one, whoever its stanzas say they are from', async () => {
    const { router, ask } = setup({ inProgress: 1 });
    const gate = deferred();
    router.handle({ ns }, () => gate.promise as Promise<undefined>);
    const channel = channelOf(identity('k'));
    const held = ask(iq('get', '1', xml('q', ns)), channel);
    const lie = xml('iq', NS, { type: 'get', id: '2', from: 'boss@there.org/x' }, xml('q', ns));
    assert.equal(errorFromStanza((await ask(lie, channel))[0] as XmlElement).code, 'resource-limit');
    gate.resolve();
    await held;
  });

  it('lives on when an answer can not be sent', async () => {
    const { router } = setup();
    const channel = channelOf();
    await router.dispatch(iq('get', '1', xml('q', ns)), channel, async () => { throw new XpmnError('connection-lost', 'x'); });
    assert.equal(router.inProgress(channel), 0);
  });
});

describe('IQ sets that come twice', () => {
  function counting(): ReturnType<typeof setup> & { done: string[] } {
    const parts = setup();
    const done: string[] = [];
    parts.router.handle({ ns }, async ({ payload }) => {
      done.push(payload.attrs['n'] as string);
      await settle(1);
      return xml('r', ns, { n: done.length });
    });
    return { ...parts, done };
  }
  const set = (id: string, n: string): XmlElement => iq('set', id, xml('q', ns, { n }));

  it('are done once and answered twice, over two channels, also while under way', async () => {
    const { ask, done } = counting();
    const answers = new AnswerCache(settings.iq);
    const [a, b] = [channelOf(identity('k')), channelOf(identity('k'))];
    const both = await Promise.all([ask(set('1', 'x'), a, answers), ask(set('1', 'x'), b, answers)]);
    const later = await ask(set('1', 'x'), a, answers);
    assert.deepEqual(done, ['x']);
    for (const sent of [...both, later]) assert.equal(child(sent[0] as XmlElement, 'r')?.attrs['n'], '1');
  });

  it('are told apart by peer, by payload, and after the last stream of the peer has gone; gets are not kept', async () => {
    const { ask, done } = counting();
    const answers = new AnswerCache(settings.iq);
    const [k, l] = [channelOf(identity('k')), channelOf(identity('l'))];
    await ask(set('1', 'x'), k, answers);
    await ask(set('1', 'x'), l, answers);
    await ask(set('1', 'y'), k, answers);
    answers.release('k');
    await ask(set('1', 'y'), k, answers);
    for (const _ of [1, 2]) await ask(iq('get', '2', xml('q', ns, { n: 'get' })), k, answers);
    assert.deepEqual(done, ['x', 'x', 'y', 'y', 'get', 'get']);
  });

  it('are remembered while one stream of the peer is open', async () => {
    const { ask, done } = counting();
    const answers = new AnswerCache(settings.iq);
    const k = channelOf(identity('k'));
    answers.retain('k');
    answers.retain('k');
    await ask(set('1', 'x'), k, answers);
    answers.release('k');
    await ask(set('1', 'x'), k, answers);
    assert.deepEqual(done, ['x']);
    answers.release('k');
    await ask(set('1', 'x'), k, answers);
    assert.deepEqual(done, ['x', 'x']);
  });

  it('are kept up to a bound, per peer and in peers', async () => {
    const { ask, done } = counting();
    const answers = new AnswerCache({ answers: 2, peers: 2 });
    const k = channelOf(identity('k'));
    for (const id of ['1', '2', '3', '2', '1']) await ask(set(id, id), k, answers);
    assert.deepEqual(done, ['1', '2', '3', '1']);
    for (const peer of ['l', 'm']) await ask(set('9', peer), channelOf(identity(peer)), answers);
    await ask(set('1', '1'), k, answers);
    assert.deepEqual(done, ['1', '2', '3', '1', 'l', 'm', '1']);
  });
});
