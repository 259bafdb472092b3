import assert from 'node:assert/strict';
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { forMany } from '../../../src/xpmn/xmpp/stanza.ts';
import { XmlStream, streamFeatures } from '../../../src/xpmn/xmpp/xml-stream.ts';
import type { StreamHeader, XmlStreamEvents } from '../../../src/xpmn/xmpp/xml-stream.ts';
import { settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const HEADER = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='a@b/c' to='d@e/f' id='i' version='1.0'>";
const HIGH_WATER = 16_384;

interface Rig {
  readonly stream: XmlStream;
  readonly near: Duplex;
  readonly far: Duplex;
  readonly seen: unknown[];
  said(): string;
}

function setup(events: Partial<XmlStreamEvents> = {}, limits = settings.xml.endToEndStream): Rig {
  const [near, far] = duplexPair({ highWaterMark: HIGH_WATER });
  const seen: unknown[] = [];
  const stream = new XmlStream(near, {
    onHeader: (header: StreamHeader) => void seen.push(header),
    onFeatures: (features: XmlElement) => void seen.push(features),
    onStanza: (stanza) => void seen.push(stanza),
    onFooter: () => void seen.push('footer'),
    ...events,
  }, { ...settings.xmlStream, limits });
  return { stream, near, far, seen, said: () => String((far.read() as Buffer | null) ?? '') };
}

describe('an XML stream', () => {
  it('writes header, features, stanzas and footer', async () => {
    const { stream, said } = setup();
    await stream.open({ from: "a@b/c'", to: 'd@e/f', id: 'i' });
    await stream.send(streamFeatures(xml('x', 'urn:x')));
    await stream.send(xml('message', 'jabber:client', { to: 'd@e' }, xml('body', 'jabber:client', {}, '<')));
    await stream.close();
    await stream.close();
    await settle();
    assert.equal(said(), "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='a@b/c&apos;' to='d@e/f' id='i' version='1.0' xml:lang='en'>"
      + "<features xmlns='http://etherx.jabber.org/streams'><x xmlns='urn:x'/></features><message to='d@e'><body>&lt;</body></message></stream:stream>");
    await assert.rejects(stream.send(xml('iq', 'jabber:client')), { code: 'connection-lost' });
  });

  it('writes what is for many once, and on each of their streams', async () => {
    const attrs: Record<string, string> = { type: 'headline' };
    const stanza = forMany({ ...xml('message', 'jabber:client', {}, xml('body', 'jabber:client', {}, '<')), attrs });
    // Nobody changes an element; here it shows that its text was made before.
    attrs['type'] = 'chat';
    for (const { stream, said } of [setup(), setup()]) {
      await stream.send(stanza);
      await settle();
      assert.equal(said(), "<message type='headline'><body>&lt;</body></message>");
    }
  });

  it('reads them in order, and resolves after the footer and the end', async () => {
    const { stream, far, seen } = setup();
    const running = stream.run();
    far.end(`${HEADER}<stream:features/> <message/><iq/><presence/></stream:stream>`);
    await running;
    assert.deepEqual(seen, [{ from: 'a@b/c', to: 'd@e/f', id: 'i' }, streamFeatures(), xml('message', 'jabber:client'), xml('iq', 'jabber:client'), xml('presence', 'jabber:client'), 'footer']);
    assert.ok(stream.peerEnded);
  });

  it('rejects connection-lost when the bytes end or break without a footer', async () => {
    const ended = setup();
    ended.far.end(`${HEADER}<iq/>`);
    await assert.rejects(ended.stream.run(), { code: 'connection-lost' });
    assert.equal(ended.seen.length, 2);
    const broken = setup();
    const running = broken.stream.run();
    broken.near.destroy(new XpmnError('truncated', 'x'));
    await assert.rejects(running, { code: 'connection-lost' });
  });

  it('delivers what came before an error, then rejects with it', async () => {
    const { stream, far, seen } = setup();
    const running = stream.run();
    far.write(`${HEADER}<iq/><message></iq>`);
    await assert.rejects(running, { code: 'malformed' });
    assert.deepEqual(seen[1], xml('iq', 'jabber:client'));
  });

  it('says what is wrong, then nothing', async () => {
    const expected = {
      'malformed': 'not-well-formed', 'xml-restricted': 'restricted-xml', 'too-large': 'policy-violation', 'protocol-violation': 'unsupported-stanza-type',
      'timeout': 'connection-timeout', 'internal': 'internal-server-error', 'not-trusted': 'undefined-condition',
    } as const;
    for (const [code, condition] of Object.entries(expected)) {
      const { stream, said } = setup();
      stream.fail(new XpmnError(code as 'malformed', 'Our secret.'));
      stream.fail(new XpmnError('internal', 'x'));
      await settle();
      assert.equal(said(), `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`);
      await assert.rejects(stream.send(xml('iq', 'jabber:client')), { code: 'connection-lost' });
    }
  });

  it('ends with the stream error of the peer, in its condition only', async () => {
    const { stream, far } = setup();
    const running = stream.run();
    far.write(`${HEADER}<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>no</text></stream:error>`);
    await assert.rejects(running, { code: 'connection-lost', message: 'The peer ended the stream: system-shutdown.' });
  });

  it('reads nothing while a stanza is handled: the peer is stopped', async () => {
    const gate = deferred();
    let handled = 0;
    const { stream, far } = setup({ onStanza: () => ((handled += 1), gate.promise) });
    void stream.run().catch(() => undefined);
    far.write(HEADER);
    const stanza = `<message>${'x'.repeat(1000)}</message>`;
    let written = 0;
    while (far.write(stanza) || far.writableNeedDrain === false) {
      written += stanza.length;
      await settle(1);
      assert.ok(written < 8 * HIGH_WATER, 'nobody stopped the peer');
    }
    await settle();
    assert.ok(far.writableNeedDrain);
    assert.equal(handled, 1);
    const drained = once(far, 'drain');
    gate.resolve();
    await drained;
    far.end('</stream:stream>');
    await settle(50);
    assert.ok(stream.peerEnded);
    assert.ok(handled > 10);
  });

  it('delivers nothing after it was stopped, though it had been read', async () => {
    const gate = deferred();
    const seen: XmlElement[] = [];
    const { stream, far } = setup({ onStanza: (stanza) => (seen.push(stanza), gate.promise) });
    void stream.run().catch(() => undefined);
    far.write(`${HEADER}<iq/><iq/><iq/>`);
    await settle();
    stream.stop(new XpmnError('connection-lost', 'x'));
    gate.resolve();
    await settle();
    assert.equal(seen.length, 1);
  });
});
