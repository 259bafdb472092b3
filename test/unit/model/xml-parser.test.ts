import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { XmlParser, parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import type { XmlLimits } from '../../../src/xpmn/model/xml-parser.ts';
import { serialise, textOf, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { arbitraryElement } from '../../support/arbitrary-xml.ts';
import { settings } from '../../support/settings.ts';

const LIMITS: XmlLimits = settings.xml.endToEndStream;
const HEADER = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a@b'>";
const DOCUMENT = "\ufeff<?xml version='1.0' encoding='UTF-8'?>\r\n<p:a xmlns:p='urn:p' xmlns='urn:d' x='&lt;&#xFC;&#128512;' xml:lang='de' p:y=\"'\">"
  + '\u00e4\ud83d\ude00&amp;<b xmlns:p="urn:q"><p:c/>]]&gt;</b><![CDATA[<&]]]]><![CDATA[>\u6f22]]>\r\n<d xmlns=""/></p:a>\n';

interface Seen {
  root?: XmlElement;
  readonly elements: XmlElement[];
  ended: boolean;
}

function streamParser(limits: XmlLimits = LIMITS): { parser: XmlParser; seen: Seen } {
  const seen: Seen = { elements: [], ended: false };
  const parser = new XmlParser('stream', limits, {
    onRoot: (root) => (seen.root = root),
    onElement: (element) => seen.elements.push(element),
    onEnd: () => (seen.ended = true),
  });
  return { parser, seen };
}

describe('the XML parser', () => {
  it('resolves namespaces, entities, CDATA and line ends', () => {
    assert.deepEqual(parseXml(DOCUMENT, LIMITS), xml('a', 'urn:p', { x: '<\u00fc\ud83d\ude00', 'xml:lang': 'de', '{urn:p}y': "'" },
      '\u00e4\ud83d\ude00&', xml('b', 'urn:d', {}, xml('c', 'urn:q'), ']]>'), '<&]]>\u6f22\n', xml('d', '')));
  });

  it('reads a document the same wherever it is split', () => {
    const bytes = Buffer.from(DOCUMENT);
    const whole = parseXml(bytes, LIMITS);
    for (let at = 0; at <= bytes.length; at += 1) {
      const got: XmlElement[] = [];
      const parser = new XmlParser('document', LIMITS, { onElement: (element) => got.push(element) });
      parser.write(bytes.subarray(0, at));
      parser.write(bytes.subarray(at));
      parser.end();
      assert.deepEqual(got, [whole]);
    }
  });

  it('reads a stream byte by byte as at once', () => {
    fc.assert(fc.property(fc.array(arbitraryElement(), { maxLength: 3 }), fc.constantFrom('', ' ', '\r\n', '\r'), (stanzas, between) => {
      const bytes = Buffer.from(`${HEADER}${between}${stanzas.map((stanza) => serialise(stanza, 'jabber:client') + between).join('')}</stream:stream>`);
      const once = streamParser();
      once.parser.write(bytes);
      const pieces = streamParser();
      for (const byte of bytes) pieces.parser.write(Uint8Array.of(byte));
      assert.deepEqual(pieces.seen, once.seen);
      assert.equal(once.seen.elements.length, stanzas.length);
      assert.equal(once.seen.root?.attrs['to'], 'a@b');
      assert.ok(once.seen.ended);
    }), { numRuns: 60 });
  });

  it('reads a large text in small pieces without doing work twice', () => {
    const size = 5 << 20;
    const { parser, seen } = streamParser({ ...LIMITS, bytes: 2 * size });
    parser.write(HEADER);
    parser.write('<a>');
    for (let at = 0; at < size; at += 1400) parser.write(Buffer.alloc(1400, 'x'));
    parser.write('</a>');
    assert.equal(textOf(seen.elements[0] as XmlElement).length, Math.ceil(size / 1400) * 1400);
  });

  it('lets keep-alives come for ever, in any piece, before and after stanzas', () => {
    const { parser, seen } = streamParser({ ...LIMITS, bytes: 8192 });
    parser.write(HEADER);
    for (let round = 0; round < 200; round += 1) {
      for (const blank of [' ', '\n', ' '.repeat(5000), '\r', '\t\r\n']) parser.write(blank);
      if (round % 50 === 0) parser.write('<a/> ');
    }
    assert.equal(seen.elements.length, 4);
  });

  it('gives each stanza a fresh budget', () => {
    const { parser, seen } = streamParser({ depth: 3, bytes: 6000, nodes: 20 });
    parser.write(HEADER);
    for (let i = 0; i < 100; i += 1) parser.write(`<a b='c'><d/>${'x'.repeat(1000)}</a>`);
    assert.equal(seen.elements.length, 100);
  });

  const limited: Record<string, readonly [Partial<XmlLimits>, (n: number) => string]> = {
    'a text': [{ bytes: 10_000 }, (n) => `<a>${'x'.repeat(n * 200)}`],
    'a name': [{ bytes: 10_000 }, (n) => `<${'x'.repeat(n * 200)}`],
    'an attribute': [{ bytes: 10_000 }, (n) => `<a b='${'x'.repeat(n * 200)}`],
    'an attribute without end of blanks': [{ bytes: 10_000 }, (n) => `<a ${' '.repeat(n * 200)}`],
    'an entity': [{ bytes: 10_000 }, (n) => `<a>&${'x'.repeat(n * 200)}`],
    'a CDATA section': [{ bytes: 10_000 }, (n) => `<a><![CDATA[${'x'.repeat(n * 200)}`],
    'white space inside': [{ bytes: 10_000 }, (n) => `<a>${' '.repeat(n * 200)}`],
    'multi-byte text': [{ bytes: 10_000 }, (n) => `<a>${'\u6f22'.repeat(n * 67)}`],
    'the number of attributes': [{ nodes: 50 }, (n) => `<a ${Array.from({ length: n }, (_, i) => `b${i}=''`).join(' ')}`],
    'the number of children': [{ nodes: 50 }, (n) => `<a>${'<b/>'.repeat(n)}`],
    'the number of declarations': [{ nodes: 50 }, (n) => `<a ${Array.from({ length: n }, (_, i) => `xmlns:b${i}='u'`).join(' ')}`],
    'depth': [{ depth: 50 }, (n) => '<a>'.repeat(n)],
  };
  for (const [what, [limits, make]] of Object.entries(limited)) {
    it(`limits ${what}, before it is complete`, () => {
      for (const piece of [1 << 20, 7]) {
        assert.throws(() => feed(make(100), piece, limits), { code: 'too-large' });
        feed(make(40), piece, limits);
      }
    });
  }

  function feed(text: string, piece: number, limits: Partial<XmlLimits>): void {
    const { parser } = streamParser({ ...LIMITS, ...limits });
    parser.write(HEADER);
    for (let at = 0; at < text.length; at += piece) parser.write(text.slice(at, at + piece));
  }

  const hostile: Record<string, readonly [XpmnError['code'], string | Uint8Array]> = {
    'a document type': ['xml-restricted', '<!DOCTYPE a><a/>'],
    'entities of its own': ['xml-restricted', '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'],
    'an external entity': ['xml-restricted', '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
    'a comment': ['xml-restricted', '<a><!-- b --></a>'],
    'a processing instruction': ['xml-restricted', '<a><?b c?></a>'],
    'an unknown entity': ['malformed', '<a>&b;</a>'],
    'an HTML entity': ['malformed', '<a>&nbsp;</a>'],
    'an entity called constructor': ['malformed', '<a>&constructor;</a>'],
    'an entity called __proto__': ['malformed', '<a>&__proto__;</a>'],
    'an unknown prefix': ['malformed', '<b:a/>'],
    'a prefix called constructor': ['malformed', '<constructor:a/>'],
    'an element of XML': ['malformed', '<xml:a/>'],
    'the namespace of XML as default': ['malformed', "<a xmlns='http://www.w3.org/XML/1998/namespace'/>"],
    'the same attribute twice': ['malformed', "<a b='' b=''/>"],
    'the same attribute twice under two prefixes': ['malformed', "<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>"],
    'a NUL': ['malformed', '<a>\u0000</a>'],
    'a NUL by number': ['malformed', '<a>&#0;</a>'],
    'half a character by number': ['malformed', '<a>&#xD800;</a>'],
    'a number beyond Unicode': ['malformed', '<a>&#x110000;</a>'],
    'a less-than in an attribute': ['malformed', "<a b='<'/>"],
    'an attribute without quotes': ['malformed', '<a b=c/>'],
    'crossed tags': ['malformed', '<a><b></a></b>'],
    'two roots': ['malformed', '<a/><b/>'],
    'text after the root': ['malformed', '<a/>b'],
    'text before the root': ['malformed', 'b<a/>'],
    'an open end': ['malformed', '<a><b/>'],
    'nothing': ['malformed', ''],
    'XML 1.1': ['malformed', "<?xml version='1.1'?><a/>"],
    'another encoding': ['malformed', "<?xml version='1.0' encoding='ISO-8859-1'?><a/>"],
    'a declaration in the middle': ['malformed', "<a><?xml version='1.0'?></a>"],
    'UTF-16': ['malformed', Buffer.from('\ufeff<a/>', 'utf16le')],
    'a byte that is no UTF-8': ['malformed', Buffer.from('<a>\xff</a>', 'latin1')],
    'an overlong character': ['malformed', Buffer.from('<a>\xc0\xbc</a>', 'latin1')],
    'an encoded surrogate': ['malformed', Buffer.from('<a>\xed\xa0\x80</a>', 'latin1')],
    'half a character at the end': ['malformed', Buffer.from('<a/>\xc3', 'latin1')],
    'random bytes': ['malformed', Buffer.from(Array.from({ length: 256 }, (_, i) => (i * 97) % 256))],
  };
  for (const [what, [code, text]] of Object.entries(hostile)) {
    it(`refuses ${what}, split anywhere`, () => {
      const bytes = Buffer.from(text as Uint8Array);
      assert.throws(() => parseXml(bytes, LIMITS), { code });
      for (let at = 0; at < bytes.length; at += 1) {
        assert.throws(() => {
          const parser = new XmlParser('document', LIMITS, { onElement: () => undefined });
          parser.write(bytes.subarray(0, at));
          parser.write(bytes.subarray(at));
          parser.end();
        }, { code });
      }
    });
  }

  it('refuses text between the stanzas of a stream', () => {
    const { parser, seen } = streamParser();
    parser.write(`${HEADER} <a/>`);
    parser.write(' ');
    assert.throws(() => parser.write('b<c/>'), { code: 'malformed' });
    assert.equal(seen.elements.length, 1);
  });

  it('takes nothing for white space that stands inside a stanza', () => {
    const { parser, seen } = streamParser();
    for (const piece of [HEADER, '<a/><', 'b>', ' ', '</b', ' ', '><c d=\'', ' ', "'/>"]) parser.write(piece);
    assert.deepEqual(seen.elements.slice(1), [xml('b', 'jabber:client', {}, ' '), xml('c', 'jabber:client', { d: ' ' })]);
  });

  it('stays dead after an error', () => {
    const { parser } = streamParser();
    const first = caught(() => parser.write('<a></b>'));
    assert.equal(caught(() => parser.write('<c/>')), first);
    assert.equal(caught(() => parser.end()), first);
  });

  it('passes on what a handler throws', () => {
    const failure = new Error('handler');
    const parser = new XmlParser('document', LIMITS, { onElement: () => { throw failure; } });
    assert.equal((caught(() => parser.write('<a/>')) as Error).cause, failure);
  });

  function caught(work: () => void): unknown {
    try {
      work();
    } catch (error) {
      return error;
    }
    return assert.fail('nothing was thrown');
  }

  it('has no attribute that an object is born with', () => {
    const { attrs } = parseXml("<a __proto__='x'/>", LIMITS);
    assert.deepEqual(Object.keys(attrs), []);
    assert.equal(Object.getPrototypeOf(attrs), Object.prototype);
  });
});

describe('names that only a prefix makes names', () => {
  for (const text of ["<a xmlns:p='urn:p'><p:1b/></a>", "<a xmlns:p='urn:p' p:1b='x'/>"]) {
    it(`are refused: ${text}`, () => {
      assert.throws(() => parseXml(text, { depth: 10, bytes: 1000, nodes: 100 }), { code: 'malformed' });
    });
  }
});
