import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { formatDirectoryQuery, formatResultSet, parseDirectoryQuery, parseResultSet } from '../../../src/xpmn/profiles/directory-codec.ts';

const limits = { defaultMax: 100, max: 500 };
const match = (attrs: Record<string, string> = { attr: 'directory', value: 'root' }): XmlElement => xml('match', NS.mediaServer, attrs);
const set = (...parts: XmlElement[]): XmlElement => xml('set', NS.rsm, {}, ...parts);
const rsm = (name: string, text: string): XmlElement => xml(name, NS.rsm, {}, text);
const query = (attrs: Record<string, string>, ...parts: XmlElement[]): XmlElement => xml('query', NS.mediaServer, attrs, ...parts);
const parse = (...parts: XmlElement[]): ReturnType<typeof parseDirectoryQuery> => parseDirectoryQuery(query({}, ...parts), limits);

describe('directory queries', () => {
  it('come back as they were', () => {
    const start = fc.oneof(fc.record({ index: fc.nat(1e6) }, { noNullPrototype: true }), fc.record({ after: fc.string() }, { noNullPrototype: true }));
    const any = fc.record({
      match: fc.record({ attr: fc.constantFrom('directory' as const, 'id' as const), value: fc.string() }, { noNullPrototype: true }),
      max: fc.nat(limits.max), start,
    }, { noNullPrototype: true });
    fc.assert(fc.property(any, (data) => assert.deepEqual(parseDirectoryQuery(formatDirectoryQuery(data), limits), data)));
    const results = fc.record({ first: fc.string(), last: fc.string(), index: fc.nat(1e6), count: fc.nat(1e6) }, { noNullPrototype: true });
    fc.assert(fc.property(results, (data) => assert.deepEqual(parseResultSet(query({}, formatResultSet(data))), data)));
  });

  it('have a page size of ours if they say none, and never a larger one', () => {
    assert.equal(parse(match()).max, 100);
    assert.equal(parse(match(), set()).max, 100);
    assert.equal(parse(match(), set(rsm('max', '999999999'))).max, 500);
    assert.equal(parse(match(), set(rsm('max', '0'))).max, 0);
  });

  it('may say what is the case anyway, or ask for less', () => {
    const plain = parse(match());
    for (const attrs of [{ depth: '1' }, { monitor: 'false' }, { monitor: '0' }]) assert.deepEqual(parseDirectoryQuery(query(attrs, match()), limits), plain);
    assert.deepEqual(parse(match({ attr: 'directory', value: 'root', op: 'eq' })), plain);
    assert.deepEqual(parse(match(), xml('fields', NS.mediaServer, {}, 'title')), plain);
  });

  const refused = (code: string, element: XmlElement): void => {
    assert.throws(() => parseDirectoryQuery(element, limits), (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));
  };

  const UNSUPPORTED: Readonly<Record<string, XmlElement>> = {
    'monitoring': query({ monitor: 'true' }, match()),
    'monitoring, as 1': query({ monitor: '1' }, match()),
    'an order': query({ order: 'title' }, match()),
    'depth 0': query({ depth: '0' }, match()),
    'depth 2': query({ depth: '2' }, match()),
    'distinct': query({}, xml('distinct', NS.mediaServer, { attr: 'artist' })),
    'distinct and match': query({}, match(), xml('distinct', NS.mediaServer, { attr: 'artist' })),
    'alternatives': query({}, xml('any', NS.mediaServer, {}, match(), match())),
    'two matches': query({}, match(), match({ attr: 'artist', value: 'x' })),
    'ancestors': query({}, match({ attr: 'ancestor', value: 'root' })),
    'a search by artist': query({}, match({ attr: 'artist', value: 'x' })),
    'a search that contains': query({}, match({ attr: 'title', value: 'x', op: 'contains' })),
    'a directory that is not': query({}, match({ attr: 'directory', value: 'root', op: 'ne' })),
    'what lacks an unknown attribute': query({}, match({ attr: 'shoe-size', value: '1', op: 'ne' })),
    'what exists': query({}, match({ attr: 'artist', op: 'exists' })),
    'paging backwards': query({}, match(), set(xml('before', NS.rsm))),
    'a part that nobody knows': query({}, match(), xml('sudo', NS.mediaServer)),
    'a known part of another namespace': query({}, match(), xml('set', NS.mediaServer)),
    'a part with a name of Object.prototype': query({}, match(), xml('constructor', NS.mediaServer)),
    'a match of another namespace': query({}, xml('match', 'urn:other', { attr: 'directory', value: 'root' })),
  };
  for (const [what, element] of Object.entries(UNSUPPORTED)) it(`refuse ${what} as not implemented`, () => refused('not-supported', element));

  const BAD: Readonly<Record<string, XmlElement>> = {
    'nothing to match': query({}),
    'a match without attribute': query({}, match({ value: 'root' })),
    'a match without value': query({}, match({ attr: 'directory' })),
    'an unknown comparison': query({}, match({ attr: 'directory', value: 'root', op: 'like' })),
    'an unknown comparison in a second match': query({}, match(), match({ attr: 'a', value: 'b', op: 'toString' })),
    'an unknown comparison of an unknown attribute': query({}, match({ attr: 'shoe-size', value: '1', op: 'like' })),
    'a page size that is none': query({}, match(), set(rsm('max', '-1'))),
    'a page size in words': query({}, match(), set(rsm('max', 'all'))),
    'a position that is none': query({}, match(), set(rsm('index', '1.5'))),
    'a position without end': query({}, match(), set(rsm('index', '9'.repeat(30)))),
  };
  for (const [what, element] of Object.entries(BAD)) it(`refuse ${what} as a bad request`, () => refused('bad-request', element));

  it('find nothing by an attribute that no object has', () => {
    for (const op of [undefined, 'eq', 'contains', 'prefix', 'gt', 'lt', 'ge', 'le', 'exists']) {
      assert.deepEqual(parse(match({ attr: 'shoe-size', value: '1', ...(op ? { op } : {}) })).match, { attr: 'nothing' }, op);
    }
  });

  it('have results that may say less, or nonsense, and are read all the same', () => {
    const nothing = { first: undefined, last: undefined, index: undefined, count: undefined };
    for (const result of [query({}), query({}, set()), query({}, set(rsm('count', 'many'))), query({}, xml('set', 'urn:other', {}, rsm('count', '5')))]) {
      assert.deepEqual(parseResultSet(result), nothing);
    }
    assert.deepEqual(parseResultSet(query({}, set(xml('first', NS.rsm, { index: '-1' }, 'a')))), { ...nothing, first: 'a' });
  });
});
