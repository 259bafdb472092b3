import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SECURITY_NS } from '../../../src/xpmn/jingle/security-codec.ts';
import { XmlParser } from '../../../src/xpmn/model/xml-parser.ts';
import { elements, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { formatStarttls, parseStarttls } from '../../../src/xpmn/serverless/starttls-codec.ts';
import type { Starttls } from '../../../src/xpmn/serverless/starttls-codec.ts';
import { NS_STREAM, NS_TLS } from '../../../src/xpmn/xmpp/stanza.ts';
import { goldenPairs, vector } from '../../support/golden.ts';
import { settings } from '../../support/settings.ts';

const { methods } = settings.jingle;
const starttls = (...children: XmlElement[]): XmlElement => xml('starttls', NS_TLS, {}, children);
const security = (...children: XmlElement[]): XmlElement => xml('security', SECURITY_NS, {}, children);
const offer = (...children: XmlElement[]): XmlElement => xml('offer', 'urn:xmpp:tmp:c2ctls', {}, children);
const keyinfo = (name: string): XmlElement => xml('keyinfo', 'urn:xmpp:tmp:pubkey', {}, xml('name', 'urn:xmpp:tmp:pubkey', {}, name));

describe('starttls codec', () => {
  for (const { name, element, data } of goldenPairs<Starttls>('starttls/exact/')) {
    it(`reads and writes ${name}`, () => {
      assert.deepEqual(parseStarttls(element, methods), data);
      assert.deepEqual(formatStarttls(data), element);
    });
  }

  for (const { name, element, data } of goldenPairs<Starttls>('starttls/lenient/')) {
    it(`tolerates ${name}`, () => {
      assert.deepEqual(parseStarttls(element, methods), data);
    });
  }

  it('reads what came split at every byte', () => {
    const bytes = vector('starttls/exact/features.xml');
    const expected = JSON.parse(vector('starttls/exact/features.json').toString()) as Starttls;
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      let seen: XmlElement | undefined;
      const parser = new XmlParser('document', settings.xml.serverStream, { onElement: (element) => (seen = element) });
      parser.write(bytes.subarray(0, cut));
      parser.write(bytes.subarray(cut));
      parser.end();
      assert.deepEqual(parseStarttls(seen as XmlElement, methods), expected);
    }
  });

  it('is silent about everything else', () => {
    for (const element of [xml('starttls', 'urn:x'), xml('features', NS_TLS), xml('required', NS_TLS), xml('error', NS_STREAM), xml('iq', 'jabber:client')]) {
      assert.equal(parseStarttls(element, methods), undefined);
    }
  });

  const many = (make: (i: number) => XmlElement): XmlElement[] => Array.from({ length: methods + 1 }, (_, i) => make(i));
  const WRONG: Readonly<Record<string, XmlElement>> = {
    'too many methods': starttls(security(...many((i) => xml('method', SECURITY_NS, { name: `m${i}` })))),
    'too many keys': starttls(offer(...many(() => keyinfo('a'.repeat(40))))),
    'a method without name': starttls(security(xml('method', SECURITY_NS))),
    'a fingerprint that is none': starttls(security(xml('fingerprint', SECURITY_NS, { algo: 'sha1' }, 'ab'))),
  };
  for (const [name, element] of Object.entries(WRONG)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => parseStarttls(element, methods), { code: 'malformed' });
    });
  }

  it('says that encryption is required, and what else there is', () => {
    const info = xml('query', 'http://jabber.org/protocol/disco#info');
    const [first, second] = elements(formatStarttls({ kind: 'features', offer: { methods: ['x509'] } }, info));
    assert.deepEqual([first?.children[0], second], [xml('required', NS_TLS), info]);
  });

  it('reads back whatever it writes', () => {
    const token = fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/);
    const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 40 });
    const said = fc.record({ methods: fc.uniqueArray(token, { maxLength: methods }), fingerprint: fc.record({ algo: fc.constant('sha1' as const), hex }, { noNullPrototype: true }) }, { noNullPrototype: true });
    const any: fc.Arbitrary<Starttls> = fc.oneof(
      said.map((offered): Starttls => ({ kind: 'features', offer: offered })),
      said.map((offered): Starttls => ({ kind: 'starttls', offer: offered })),
      said.map((choice): Starttls => ({ kind: 'proceed', choice })),
      fc.constantFrom<Starttls>({ kind: 'failure' }, { kind: 'features' }),
    );
    fc.assert(fc.property(any, (data) => {
      assert.deepEqual(parseStarttls(formatStarttls(data), methods), data);
    }));
  });
});
