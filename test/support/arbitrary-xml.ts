import fc from 'fast-check';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';

const name = fc.stringMatching(/^[a-zA-Z_\u00e4\u6f22][a-zA-Z0-9._\u00e4\u6f22-]{0,5}$/).filter((text) => text !== '__proto__' && text !== 'xmlns');
const namespace = fc.constantFrom('', 'jabber:client', 'urn:a', "urn:'&<>", 'urn:\u00fc');
const text = fc.string({ unit: 'grapheme' }).map((said) => said.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, ''));
const foreign = fc.tuple(fc.constantFrom('urn:f', 'urn:g&'), name).map(([ns, local]) => `{${ns}}${local}`);
const attrs = fc.dictionary(fc.oneof(name, foreign, fc.constant('xml:lang')), text, { maxKeys: 4, noNullPrototype: true });

/** Elements of any shape, with every kind of character and namespace; well-formed. */
export function arbitraryElement(): fc.Arbitrary<XmlElement> {
  const { element } = fc.letrec<{ element: XmlElement }>((tie) => ({
    element: fc.record({ name, ns: namespace, attrs, children: fc.array(fc.oneof({ depthSize: 'small' }, text, tie('element')), { maxLength: 4 }) }, { noNullPrototype: true }),
  }));
  return element;
}
