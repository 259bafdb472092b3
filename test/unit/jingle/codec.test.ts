import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XmlParser, parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { ACTIONS, JINGLE_NS, formatJingle, parseJingle } from '../../../src/xpmn/jingle/codec.ts';
import type { Jingle } from '../../../src/xpmn/jingle/codec.ts';
import { REASONS } from '../../../src/xpmn/jingle/reasons.ts';
import { formatSecurity, parseSecurity, SECURITY_NS } from '../../../src/xpmn/jingle/security-codec.ts';
import { goldenPairs, vector } from '../../support/golden.ts';
import { settings } from '../../support/settings.ts';

const limits = settings.jingle;
function content(more: XmlElement[] = [], attrs: Record<string, string | undefined> = {}): XmlElement {
  return xml('content', JINGLE_NS, { creator: 'initiator', name: 'c', ...attrs }, more);
}

function jingle(children: XmlElement[] = [], attrs: Record<string, string | undefined> = {}): XmlElement {
  return xml('jingle', JINGLE_NS, { action: 'session-initiate', sid: 's1', ...attrs }, children);
}

describe('jingle codec', () => {
  for (const { name, element, data } of goldenPairs<Jingle>('jingle/exact/')) {
    it(`reads and writes ${name}`, () => {
      assert.deepEqual(parseJingle(element, limits), data);
      assert.deepEqual(formatJingle(data), element);
    });
  }

  for (const { name, element, data } of goldenPairs<Jingle>('jingle/lenient/')) {
    it(`tolerates ${name}`, () => {
      assert.deepEqual(parseJingle(element, limits), data);
    });
  }

  it('reads what came split at every byte', () => {
    const bytes = vector('jingle/exact/session-initiate.xml');
    const whole = parseXml(bytes, settings.xml.serverStream);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      let seen: XmlElement | undefined;
      const parser = new XmlParser('document', settings.xml.serverStream, { onElement: (element) => (seen = element) });
      parser.write(bytes.subarray(0, cut));
      parser.write(bytes.subarray(cut));
      parser.end();
      assert.deepEqual(parseJingle(seen as XmlElement, limits), parseJingle(whole, limits));
    }
  });

  const security = (...children: XmlElement[]): XmlElement => xml('security', SECURITY_NS, {}, children);
  const method = (name?: string): XmlElement => xml('method', SECURITY_NS, { name });
  const long = 'x'.repeat(limits.nameLength + 1);
  const WRONG: Readonly<Record<string, XmlElement>> = {
    'another element': xml('jungle', JINGLE_NS, { action: 'session-info', sid: 's' }),
    'another namespace': xml('jingle', 'urn:xmpp:jingle:0', { action: 'session-info', sid: 's' }),
    'no action': jingle([], { action: undefined }),
    'an unknown action': jingle([], { action: 'session-start' }),
    'no sid': jingle([], { sid: undefined }),
    'an empty sid': jingle([], { sid: '' }),
    'a sid with white space': jingle([], { sid: 'a b' }),
    'a sid that is too long': jingle([], { sid: long }),
    'too many contents': jingle(Array.from({ length: limits.contents + 1 }, () => content())),
    'no creator': jingle([content([], { creator: undefined })]),
    'an unknown creator': jingle([content([], { creator: 'me' })]),
    'an unknown creator in security-info': jingle([content([], { creator: 'me' })], { action: 'security-info' }),
    'no name': jingle([content([], { name: undefined })]),
    'no name in one of two security-infos': jingle([content(), content([], { name: undefined })], { action: 'security-info' }),
    'a name that is too long': jingle([content([], { name: long })]),
    'unknown senders': jingle([content([], { senders: 'nobody' })]),
    'two transports': jingle([content([xml('transport', 'urn:a'), xml('transport', 'urn:b')])]),
    'two descriptions': jingle([content([xml('description', 'urn:a'), xml('description', 'urn:a')])]),
    'two securities': jingle([content([security(), security()])]),
    'a fingerprint of the wrong length': jingle([content([security(xml('fingerprint', SECURITY_NS, { algo: 'sha1' }, 'ab'))])]),
    'too many methods': jingle([content([security(...Array.from({ length: limits.methods + 1 }, (_, i) => method(`m${i}`)))])]),
    'a method without name': jingle([content([security(method())])]),
    'a method with a strange name': jingle([content([security(method('x,y'))])]),
  };
  for (const [name, element] of Object.entries(WRONG)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => parseJingle(element, limits), { code: 'malformed' });
    });
  }

  it('cuts long texts of reasons', () => {
    const reason = xml('reason', JINGLE_NS, {}, xml('busy', JINGLE_NS), xml('text', JINGLE_NS, {}, 'y'.repeat(100_000)));
    const parsed = parseJingle(jingle([reason], { action: 'session-terminate' }), limits);
    assert.equal(parsed.reason?.text?.length, limits.textLength);
  });

  it('reads back whatever it writes', () => {
    const element = fc.record({ name: fc.constantFrom('description', 'transport'), ns: fc.constantFrom('urn:a', 'urn:b') });
    const token = fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/);
    const offer = fc.record({ methods: fc.uniqueArray(token, { maxLength: limits.methods }) }, { noNullPrototype: true });
    const any = fc.record({
      action: fc.constantFrom(...ACTIONS),
      sid: token,
      contents: fc.array(fc.record({ creator: fc.constantFrom('initiator' as const, 'responder' as const), name: token, security: offer }, { noNullPrototype: true }), { maxLength: limits.contents }),
      reason: fc.record({ condition: fc.constantFrom(...REASONS), text: fc.string({ maxLength: 50 }) }, { noNullPrototype: true }),
      info: fc.array(element.map(({ name, ns }) => xml(name, ns)), { maxLength: 3 }),
    }, { noNullPrototype: true });
    fc.assert(fc.property(any, (data) => {
      assert.deepEqual(parseJingle(formatJingle(data), limits), data);
    }));
  });

  it('reads and writes <security/> by itself', () => {
    const offer = { fingerprint: { algo: 'sha256', hex: '0f'.repeat(32) }, methods: ['x509', 'srp-cb'] } as const;
    assert.deepEqual(parseSecurity(formatSecurity(offer), limits.methods), offer);
    assert.deepEqual(parseSecurity(formatSecurity({ methods: [] }), limits.methods), { methods: [] });
  });
});
