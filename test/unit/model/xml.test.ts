import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { child, childText, childrenNamed, escapeAttr, escapeText, serialise, textOf, withAttrs, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement, XmlNode } from '../../../src/xpmn/model/xml.ts';
import { arbitraryElement } from '../../support/arbitrary-xml.ts';

const LIMITS = { depth: 64, bytes: 1 << 20, nodes: 100_000 };

describe('XML elements', () => {
  it('are built with their optional parts left out', () => {
    assert.deepEqual(xml('a', 'n', { x: 1, y: undefined }, undefined, false, 't', xml('b', 'n'), [xml('c', 'n'), 'u']), {
      name: 'a', ns: 'n', attrs: { x: '1' },
      children: ['t', { name: 'b', ns: 'n', attrs: {}, children: [] }, { name: 'c', ns: 'n', attrs: {}, children: [] }, 'u'],
    });
  });

  it('are searched by name and namespace', () => {
    const parent = xml('p', 'n', {}, 'x', xml('a', 'm', {}, '1'), 'y', xml('a', 'n', {}, '2', xml('b', 'n'), '3'));
    assert.equal(childText(parent, 'a'), '1');
    assert.equal(childText(parent, 'a', 'n'), '23');
    assert.equal(childText(parent, 'c'), undefined);
    assert.equal(child(parent, 'a', 'o'), undefined);
    assert.equal(childrenNamed(parent, 'a').length, 2);
    assert.equal(textOf(parent), 'xy');
  });

  it('get and lose attributes in a copy', () => {
    const before = xml('a', '', { x: '1', y: '2' });
    assert.deepEqual(withAttrs(before, { x: undefined, y: '3', z: '4' }).attrs, { y: '3', z: '4' });
    assert.deepEqual(before.attrs, { x: '1', y: '2' });
  });

  it('are written with a namespace only where it changes', () => {
    const element = xml('a', 'n', { 'xml:lang': 'en', '{urn:f}t': "'" }, xml('b', 'n'), xml('c', '', {}, xml('d', "m'")), '<');
    assert.equal(serialise(element), "<a xmlns='n' xml:lang='en' xmlns:n1='urn:f' n1:t='&apos;'><b/><c xmlns=''><d xmlns='m&apos;'/></c>&lt;</a>");
    assert.equal(serialise(xml('b', 'n'), 'n'), '<b/>');
  });

  for (const name of ['', 'a b', "a'", 'a>', 'a/', '1a', 'a:b', 'a=', '-a', 'a\u0000']) {
    it(`are not written under the name ${JSON.stringify(name)}`, () => {
      assert.throws(() => serialise(xml(name, 'n')), { code: 'internal' });
      assert.throws(() => serialise(xml('a', 'n', { [name]: '1' })), { code: 'internal' });
    });
  }

  it('are not given a namespace by an attribute', () => {
    assert.throws(() => serialise(xml('a', 'n', { xmlns: 'm' })), { code: 'internal' });
  });

  it('are read as they were written', () => {
    fc.assert(fc.property(arbitraryElement(), (element) => {
      assert.deepEqual(parseXml(serialise(element), LIMITS), joined(element));
    }));
  });

  it('carry any text: what XML can not, becomes U+FFFD', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const expected = text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, '\ufffd');
      const read = parseXml(`<a b='${escapeAttr(text)}'>${escapeText(text)}</a>`, LIMITS);
      assert.equal(read.attrs['b'], expected);
      assert.equal(textOf(read), expected);
    }));
  });
});

/** Texts beside one another can't be told apart on the wire, and empty ones don't show. */
function joined(element: XmlElement): XmlElement {
  const children: XmlNode[] = [];
  for (const node of element.children) {
    const last = children.at(-1);
    if (typeof node !== 'string') children.push(joined(node));
    else if (typeof last === 'string') children[children.length - 1] = last + node;
    else if (node !== '') children.push(node);
  }
  return { ...element, children };
}
