import assert from 'node:assert/strict';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { message, resultPayload } from '../../src/xpmn/xmpp/stanza.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { createXmlStreamMethod } from '../../src/xpmn/jingle/applications/xml-stream.ts';
import type { EndToEndOptions, EndToEndStream } from '../../src/xpmn/jingle/applications/end-to-end-stream.ts';
import type { ApplicationMethod } from '../../src/xpmn/ports/application.ts';
import { settings } from '../support/settings.ts';
import { describeApplication } from './application.suite.ts';

const ns = 'urn:test';
// A small limit, which hostile bytes can reach one by one.
const options: EndToEndOptions = { ...settings.xmlStream, limits: { ...settings.xml.endToEndStream, bytes: 20_000 }, iq: settings.iq };
const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

function method(): ApplicationMethod<EndToEndStream> {
  const router = new IqRouter({ log: silentLogger }, settings.iq);
  router.handle({ ns }, ({ payload }) => payload);
  return createXmlStreamMethod({ clock: systemClock, random: systemRandom, log: silentLogger, router }, options);
}

async function ask({ channel, closed }: EndToEndStream, text: string): Promise<void> {
  const payload = xml('echo', ns, {}, text);
  assert.deepEqual(resultPayload(await channel.request({ type: 'get', payload }, { signal: closed })), payload);
}

describeApplication('xmlstream', () => ({
  initiator: method(),
  responder: method(),
  async exchange(initiator, responder) {
    await Promise.all([ask(initiator, 'there <&> \u6f22'), ask(responder, 'back'), ask(initiator, 'x'.repeat(3000))]);
  },
  async flood({ channel }, _receiver, signal, taken) {
    const stanza = message({}, xml('body', 'jabber:client', {}, 'x'.repeat(10_000)));
    while (!signal.aborted) {
      await channel.send(stanza);
      taken(10_000);
    }
  },
  slowReaderBound: 6 * settings.inProcess.highWaterMark,
  hostile: {
    'bytes that are no XML': Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 97) % 256)),
    'a TLS record': Buffer.from('160301020001000001fc0303', 'hex'),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'a document type': Buffer.from(`<!DOCTYPE a [<!ENTITY b "bb">]>${HEADER}`),
    'another root': Buffer.from("<stream xmlns='jabber:client'>"),
    'version 0': Buffer.from(HEADER.replace('1.0', '0.9')),
    'a comment': Buffer.from(`${HEADER}<!-- -->`),
    'a processing instruction': Buffer.from(`${HEADER}<?x y?>`),
    'text between stanzas': Buffer.from(`${HEADER}x<iq/>`),
    'what is no stanza': Buffer.from(`${HEADER}<query xmlns='urn:x'/>`),
    'a deep stanza': Buffer.from(HEADER + '<iq>'.repeat(100)),
    'a huge stanza': Buffer.from(`${HEADER}<iq><a>${'x'.repeat(options.limits.bytes + 8192)}`),
    'a huge header': Buffer.from(`<stream:stream to='${'x'.repeat(options.limits.bytes + 8192)}`),
    'many attributes': Buffer.from(`${HEADER}<iq ${Array.from({ length: 6000 }, (_, i) => `a${i}=''`).join(' ')}`),
    'a second stream': Buffer.from(`${HEADER}${HEADER}</stream:stream>`),
    'a stream error': Buffer.from(`${HEADER}<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`),
    'crossed tags': Buffer.from(`${HEADER}<iq><a></iq></a>`),
  },
}));
