import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../../../src/xpmn/kernel/system.ts';
import { deferred } from '../../../../src/xpmn/kernel/tasks.ts';
import { textOf, xml } from '../../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../../src/xpmn/model/xml.ts';
import { createXmlStreamMethod } from '../../../../src/xpmn/jingle/applications/xml-stream.ts';
import type { EndToEndDeps, EndToEndOptions, EndToEndStream } from '../../../../src/xpmn/jingle/applications/end-to-end-stream.ts';
import { brandSecured } from '../../../../src/xpmn/ports/security.ts';
import type { SecuredStream } from '../../../../src/xpmn/ports/security.ts';
import { AnswerCache } from '../../../../src/xpmn/xmpp/answer-cache.ts';
import { IqRouter } from '../../../../src/xpmn/xmpp/iq-router.ts';
import { message } from '../../../../src/xpmn/xmpp/stanza.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { securedPair, tester } from '../../../support/secured-pair.ts';
import { settings } from '../../../support/settings.ts';

const ns = 'urn:test';
const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='boss@evil.org/x' version='1.0'>";
const defaults: EndToEndOptions = { ...settings.xmlStream, limits: settings.xml.endToEndStream, iq: settings.iq };
const never = (): AbortSignal => new AbortController().signal;
const payload = xml('q', ns);

interface Rig {
  readonly clock: FakeClock;
  readonly router: IqRouter;
  open(secured: SecuredStream, signal?: AbortSignal): Promise<EndToEndStream>;
}

function rig({ deps = {}, options = {}, inProgress = settings.iq.inProgress }: { deps?: Partial<EndToEndDeps>; options?: Partial<EndToEndOptions>; inProgress?: number } = {}): Rig {
  const clock = new FakeClock();
  const router = new IqRouter({ log: silentLogger }, { ...settings.iq, inProgress });
  const method = createXmlStreamMethod({ clock, random: systemRandom, log: silentLogger, router, ...deps }, { ...defaults, ...options });
  return { clock, router, open: (secured, signal = never()) => method.open(secured, method.describe(), { signal }) };
}

/** What has been said so far, and since the last look. */
function heard(stream: Duplex): string {
  return String((stream.read() as Buffer | null) ?? '');
}

describe('an end-to-end XML stream', () => {
  it('sends header and first requests before it has heard anything', async () => {
    const { open } = rig();
    const pair = securedPair();
    const stream = await open(pair.initiator);
    const asked = stream.channel.request({ type: 'get', payload }, { signal: never() });
    await settle();
    assert.match(heard(pair.responder.stream), /^<\?xml version='1.0'\?><stream:stream [^>]*to='me@example.org\/server'[^>]*><iq type='get' id='[a-z2-7]{26}'><q xmlns='urn:test'\/><\/iq>$/);
    stream.destroy(new XpmnError('connection-lost', 'x'));
    await assert.rejects(asked, { code: 'connection-lost' });
  });

  it('answers the header with header, id and features, as responder only then', async () => {
    const { open } = rig();
    const pair = securedPair();
    const opening = open(pair.responder);
    await settle();
    assert.equal(heard(pair.initiator.stream), '');
    pair.initiator.stream.write(HEADER);
    const stream = await opening;
    await settle();
    assert.match(heard(pair.initiator.stream), /^<\?xml version='1.0'\?><stream:stream [^>]*from='me@example.org\/server' to='me@example.org\/controller' id='[a-z2-7]{26}' version='1.0'[^>]*><features [^>]*\/>$/);
    stream.destroy(new XpmnError('aborted', 'x'));
  });

  it('has the features of the peer, or none a second after its header', async () => {
    for (const withFeatures of [true, false]) {
      const { open, clock } = rig();
      const pair = securedPair();
      const stream = await open(pair.initiator);
      const features: (XmlElement | undefined)[] = [];
      void stream.features.then((found) => features.push(found));
      await clock.advance(5000);
      pair.responder.stream.write(HEADER);
      await clock.advance(defaults.openWithoutFeatures - 1);
      assert.equal(features.length, 0);
      if (withFeatures) pair.responder.stream.write("<stream:features><f xmlns='urn:f'/></stream:features>");
      else await clock.advance(1);
      await settle();
      assert.deepEqual(features.map((found) => found?.name), [withFeatures ? 'features' : undefined]);
      stream.destroy(new XpmnError('aborted', 'x'));
      assert.equal(clock.pending, 0);
    }
  });

  it('ends when no header comes in time', async () => {
    for (const role of ['initiator', 'responder'] as const) {
      const { open, clock } = rig();
      const pair = securedPair();
      const opening = open(pair[role]).then((stream) => stream.closed.reason as unknown, (error: unknown) => error);
      const opened = role === 'initiator' ? await open(securedPair().initiator) : undefined;
      await clock.advance(defaults.headerTimeout);
      if (opened) assert.equal((opened.closed.reason as XpmnError).code, 'timeout');
      else assert.equal(((await opening) as XpmnError).code, 'timeout');
      assert.ok(pair[role].stream.destroyed);
      assert.equal(clock.pending, 0);
    }
  });

  it('believes the secured stream, not the stanza, who speaks', async () => {
    const froms: unknown[] = [];
    const { open, router } = rig({ deps: { onMessage: ({ attrs }) => void froms.push([attrs['from'], attrs['to']]) } });
    router.handle({ ns }, ({ from }) => void froms.push(from));
    const pair = securedPair();
    const opening = open(pair.responder);
    pair.initiator.stream.write(`${HEADER}<iq type='get' id='1' from='boss@evil.org/x' to='x@y'><q xmlns='urn:test'/></iq><message from='boss@evil.org' to='x@y'/><message/>`);
    const stream = await opening;
    await settle();
    const both = [tester.initiator.jid, tester.responder.jid];
    assert.deepEqual(froms, [tester.initiator.jid, both, both]);
    stream.destroy(new XpmnError('aborted', 'x'));
  });

  it('fails the requests that wait when the peer ends without a footer', async () => {
    const { open } = rig();
    const pair = securedPair();
    const stream = await open(pair.initiator);
    const asked = stream.channel.request({ type: 'get', payload }, { signal: never() });
    pair.responder.stream.write(`${HEADER}<stream:features/>`);
    pair.responder.stream.resume().end();
    await assert.rejects(asked, { code: 'connection-lost' });
    assert.equal((stream.closed.reason as XpmnError).code, 'connection-lost');
    await assert.rejects(stream.channel.send(message({})), { code: 'connection-lost' });
    await assert.rejects(stream.channel.request({ type: 'get', payload }, { signal: never() }), { code: 'connection-lost' });
  });

  it('tells the peer what is wrong with its XML', async () => {
    const { open } = rig();
    const pair = securedPair();
    const stream = await open(pair.initiator);
    pair.responder.stream.write(`${HEADER}<!-- -->`);
    if (!stream.closed.aborted) await once(stream.closed, 'abort');
    await settle();
    assert.equal((stream.closed.reason as XpmnError).code, 'xml-restricted');
    assert.match(heard(pair.responder.stream), /<stream:error><restricted-xml xmlns='[^']+'\/><\/stream:error><\/stream:stream>$/);
  });

  it('asks a silent peer for a sign of life, and takes it for dead without one', async () => {
    const { open, clock } = rig();
    const pair = securedPair();
    const stream = await open(pair.initiator);
    pair.responder.stream.write(HEADER);
    await settle();
    heard(pair.responder.stream);
    for (let round = 0; round < 3; round += 1) {
      // The last sign of life was the header, or came 1 ms before this round.
      await clock.advance(defaults.pingAfter - (round === 0 ? 1 : 2));
      assert.equal(heard(pair.responder.stream), '');
      await clock.advance(1);
      const [, id] = /^<iq type='get' id='([^']+)'><ping xmlns='urn:xmpp:ping'\/><\/iq>$/.exec(heard(pair.responder.stream)) ?? [];
      await clock.advance(defaults.deadAfter - 1);
      // Any sign will do, also an error, also white space.
      pair.responder.stream.write([`<iq type='result' id='${id}'/>`, `<iq type='error' id='${id}'/>`, ' '][round] as string);
      await clock.advance(1);
      assert.ok(!stream.closed.aborted);
    }
    await clock.advance(defaults.pingAfter + defaults.deadAfter);
    assert.equal((stream.closed.reason as XpmnError).code, 'connection-lost');
    assert.ok(pair.initiator.stream.destroyed);
    assert.equal(clock.pending, 0);
  });

  it('asks a peer sooner that does not answer', async () => {
    const { open, clock } = rig();
    const pair = securedPair();
    const stream = await open(pair.initiator);
    pair.responder.stream.write(HEADER);
    await clock.advance(defaults.pingAfter / 2);
    const asking = assert.rejects(stream.channel.request({ type: 'get', payload: xml('query', 'test') }, { signal: new AbortController().signal }), { code: 'connection-lost' });
    await settle();
    heard(pair.responder.stream);
    await clock.advance(defaults.pingAfterRequest ?? 0);
    assert.match(heard(pair.responder.stream), /<ping xmlns='urn:xmpp:ping'\/>/);
    await clock.advance(defaults.deadAfter);
    await asking;
    assert.equal(clock.pending, 0);
  });

  it('asks at once when there is a doubt', async () => {
    const { open, clock } = rig();
    const pair = securedPair();
    const stream = await open(pair.initiator);
    pair.responder.stream.write(HEADER);
    await settle();
    heard(pair.responder.stream);
    stream.doubt();
    await settle();
    assert.match(heard(pair.responder.stream), /<ping xmlns='urn:xmpp:ping'\/>/);
    await clock.advance(defaults.deadAfter);
    assert.equal((stream.closed.reason as XpmnError).code, 'connection-lost');
    stream.doubt();
    assert.equal(clock.pending, 0);
  });

  it('does not take its own slowness for the silence of the peer', async () => {
    const gate = deferred();
    const { open, clock } = rig({ deps: { onMessage: () => gate.promise } });
    const pair = securedPair();
    const stream = await open(pair.initiator);
    pair.responder.stream.write(`${HEADER}<message/>`);
    await clock.advance(10 * (defaults.pingAfter + defaults.deadAfter));
    assert.ok(!stream.closed.aborted);
    gate.resolve();
    stream.destroy(new XpmnError('aborted', 'x'));
  });

  it('stops the peer while a message is handled, and survives a handler that fails', async () => {
    const gates = [deferred(), deferred()];
    let count = 0;
    const { open } = rig({ deps: { onMessage: () => gates[(count += 1) - 1]?.promise } });
    const pair = securedPair();
    const opening = open(pair.responder);
    pair.initiator.stream.write(HEADER);
    const stream = await opening;
    const text = `<message>${'x'.repeat(1000)}</message>`;
    let written = 0;
    for (let full = 0; full < 20; ) {
      if (!pair.initiator.stream.writableNeedDrain) {
        pair.initiator.stream.write(text);
        written += text.length;
      } else full += 1;
      await settle(1);
    }
    assert.ok(written <= 4 * settings.inProcess.highWaterMark, `${written}`);
    assert.equal(count, 1);
    gates[0]?.reject(new Error('handler'));
    await settle();
    assert.equal(count, 2);
    gates[1]?.resolve();
    await settle(20);
    assert.equal(count, written / text.length);
    assert.ok(!stream.closed.aborted);
    stream.destroy(new XpmnError('aborted', 'x'));
  });

  it('turns requests away that are too many, and reads no more from who does not read its answers', async () => {
    const gate = deferred();
    const { open, router } = rig({ inProgress: 2 });
    let begun = 0;
    router.handle({ ns }, async () => {
      begun += 1;
      await gate.promise;
      return undefined;
    });
    const pair = securedPair();
    const opening = open(pair.responder);
    const { stream: raw } = pair.initiator;
    raw.write(HEADER);
    const stream = await opening;
    raw.write([1, 2, 3].map((id) => `<iq type='get' id='${id}'><q xmlns='urn:test'/></iq>`).join(''));
    await settle();
    assert.equal(begun, 2);
    assert.match(heard(raw), /<iq type='error' id='3'[^>]*><error type='wait'><resource-constraint /);
    let sent = 0;
    for (let full = 0; full < 20; ) {
      if (raw.writableNeedDrain) full += 1;
      else raw.write(`<iq type='get' id='x${(sent += 1)}'><q xmlns='urn:test'/></iq>`);
      if (sent % 50 === 0 || raw.writableNeedDrain) await settle(1);
      assert.ok(sent < 100_000, 'nobody stopped the peer');
    }
    assert.equal(begun, 2);
    gate.resolve();
    stream.destroy(new XpmnError('aborted', 'x'));
  });

  it('does an IQ set once that comes over two streams of a peer', async () => {
    const answers = new AnswerCache(settings.iq);
    const { open, router } = rig({ deps: { answers } });
    let done = 0;
    router.handle({ ns }, () => xml('n', ns, {}, String((done += 1))));
    const pairs = [securedPair(), securedPair()];
    for (const pair of pairs) {
      const opening = open(pair.responder);
      pair.initiator.stream.write(`${HEADER}<iq type='set' id='same'><q xmlns='urn:test'/></iq>`);
      await opening;
      await settle();
      assert.match(heard(pair.initiator.stream), /<iq type='result' id='same'[^>]*><n xmlns='urn:test'>1<\/n><\/iq>$/);
    }
    assert.equal(done, 1);
    for (const pair of pairs) pair.responder.stream.destroy();
  });

  it('takes two streams for those of two peers where no key says that they are of one', async () => {
    const { open, router } = rig({ deps: { answers: new AnswerCache(settings.iq) } });
    let done = 0;
    router.handle({ ns }, () => xml('n', ns, {}, String((done += 1))));
    for (const answer of [1, 2]) {
      const pair = securedPair();
      const opening = open(brandSecured({ ...pair.responder, peer: { verdict: 'pairing', jid: pair.responder.peer.jid } }));
      pair.initiator.stream.write(`${HEADER}<iq type='set' id='same'><q xmlns='urn:test'/></iq>`);
      await opening;
      await settle();
      assert.match(heard(pair.initiator.stream), new RegExp(`<n xmlns='urn:test'>${answer}</n></iq>$`));
      pair.responder.stream.destroy();
    }
  });

  it('ends by the clock when the peer answers no footer, and leaves no timer', async () => {
    for (const role of ['initiator', 'responder'] as const) {
      const { open, clock } = rig();
      const pair = securedPair();
      const other = role === 'initiator' ? pair.responder : pair.initiator;
      const opening = open(pair[role]);
      other.stream.write(HEADER);
      const stream = await opening;
      const closing = stream.close({ signal: never() });
      await settle();
      assert.match(heard(other.stream), /<\/stream:stream>$/);
      assert.ok(!stream.closed.aborted);
      await clock.advance(defaults.closeTimeout);
      await closing;
      assert.equal((stream.closed.reason as XpmnError).code, 'aborted');
      assert.equal(clock.pending, 0);
    }
  });

  it('leaves no timer and no request after two ends have closed in order', async () => {
    const { open, clock, router } = rig();
    router.handle({ ns }, () => xml('r', ns, {}, 'x'));
    const pair = securedPair();
    const [initiator, responder] = await Promise.all([open(pair.initiator), open(pair.responder)]);
    const result = await initiator.channel.request({ type: 'get', payload }, { signal: never() });
    assert.equal(textOf(result.children[0] as XmlElement), 'x');
    await responder.close({ signal: never() });
    await initiator.close({ signal: never() });
    assert.equal(clock.pending, 0);
    assert.ok(pair.initiator.stream.destroyed && pair.responder.stream.destroyed);
  });

  it('holds a bounded number of bytes for a peer that takes nothing', async () => {
    const { open } = rig({ options: { queueBytes: 100_000 } });
    const pair = securedPair();
    const stream = await open(pair.initiator);
    const stanza = message({}, xml('body', 'jabber:client', {}, 'x'.repeat(10_000)));
    const failures: unknown[] = [];
    for (let i = 0; i < 100; i += 1) {
      stream.channel.send(stanza).catch((error: unknown) => failures.push(error));
      await settle(1);
    }
    assert.ok(failures.length > 50 && failures.every((error) => error instanceof XpmnError && error.code === 'resource-limit'));
    stream.destroy(new XpmnError('aborted', 'x'));
  });
});
