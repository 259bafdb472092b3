import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { RangeRequest } from '../../../src/xpmn/ports/media-source.ts';
import { formatTransferAnswer, formatTransferRequest, parseTransferAnswer, parseTransferRequest } from '../../../src/xpmn/profiles/transfer-codec.ts';

const has = (code: string) => (error: unknown): boolean => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true);
const request = (attrs: Record<string, string>): XmlElement => xml('transfer', NS.mediaServer, { uid: 'u', ...attrs });
const oob = (attrs: Record<string, string | undefined> = {}): XmlElement => xml('oob', NS.outOfBand, { id: 'stream', ...attrs });
const answer = (attrs: Record<string, string | undefined>, ...inside: XmlElement[]): XmlElement => xml('transfer', NS.mediaServer, { uid: 'u', ...attrs }, ...inside);
const position = fc.nat(2 ** 31 - 1).map((value) => value * 1000);

describe('transfer requests', () => {
  it('come back as they were', () => {
    const range = fc.oneof(
      position.map((from) => ({ from, to: undefined })),
      fc.tuple(position, position).map(([from, length]) => ({ from, to: from + length })),
      position.map((last) => ({ last })),
      fc.constant(undefined),
    );
    fc.assert(fc.property(fc.string({ minLength: 1 }), range, fc.option(fc.string(), { nil: undefined }), (uid, wanted, ifMatch) => {
      assert.deepEqual(parseTransferRequest(formatTransferRequest({ uid, range: wanted, ifMatch })), { uid, range: wanted, ifMatch });
    }));
  });

  it('may say only where to end', () => assert.deepEqual(parseTransferRequest(request({ to: '9' })).range, { from: 0, to: 9 }));

  for (const attrs of [
    { uid: '' }, { from: '5', to: '4' }, { last: '5', from: '0' }, { last: '5', to: '9' }, { from: '-1' }, { from: '1.5' }, { to: 'x' }, { last: '' }, { last: '-5' },
    { from: '0x5' }, { from: '9'.repeat(16) }, { from: ' 5' },
  ] as Record<string, string>[]) {
    it(`are bad with ${JSON.stringify(attrs)}`, () => assert.throws(() => parseTransferRequest(request(attrs)), has('bad-request')));
  }
  it('are bad without a uid', () => assert.throws(() => parseTransferRequest(xml('transfer', NS.mediaServer)), has('bad-request')));
});

describe('transfer answers', () => {
  it('come back as they were, if they are what was asked for', () => {
    const entity = fc.record({ type: fc.constantFrom('video/mp4', 'audio/x-ms-wma', 'image/svg+xml'), etag: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) }, { noNullPrototype: true });
    fc.assert(fc.property(entity, position, position, position, fc.stringMatching(/^[a-z2-7]{13}$/), (said, from, length, rest, streamId) => {
      const range = { from, to: from + length };
      const data = { entity: { ...said, size: range.to + 1 + rest }, range, streamId };
      assert.deepEqual(parseTransferAnswer(formatTransferAnswer('u', data), range), data);
      const tail = { ...data, entity: { ...said, size: range.to + 1 } };
      assert.deepEqual(parseTransferAnswer(formatTransferAnswer('u', tail), { last: length + 1 }), tail);
      assert.deepEqual(parseTransferAnswer(formatTransferAnswer('u', tail), { from, to: range.to + rest }), tail);
    }));
  });

  const WRONG: [string, XmlElement, RangeRequest?][] = [
    ['another element', xml('query', NS.mediaServer, {}, oob())],
    ['another namespace', xml('transfer', 'urn:other', {}, oob())],
    ['no stream', answer({ from: '0', to: '9', size: '10' })],
    ['a stream of another namespace', answer({}, xml('oob', 'jabber:x:oob', { id: 'a' }))],
    ['a stream without an id', answer({}, xml('oob', NS.outOfBand))],
    ['a stream with an empty id', answer({}, oob({ id: '' }))],
    ['a bare stream of another namespace', xml('oob', 'jabber:x:oob', { id: 'a' })],
    ['a size that is none', answer({ size: '-5' }, oob())],
    ['a length that is none', answer({ from: '0', to: '9', size: '10' }, oob({ size: 'x' }))],
    ['a range backwards', answer({ from: '9', to: '0', size: '10' }, oob())],
    ['a range beyond the size', answer({ from: '0', to: '10', size: '10' }, oob())],
    ['a length that is not the range\'s', answer({ from: '0', to: '9', size: '10' }, oob({ size: '9' }))],
    ['no range of a file that has bytes', answer({ size: '10' }, oob())],
    ['a part of what was asked for whole', answer({ from: '0', to: '8', size: '10' }, oob())],
    ['a later beginning', answer({ from: '6', to: '9', size: '10' }, oob()), { from: 5 }],
    ['an earlier beginning', answer({ from: '0', to: '9', size: '10' }, oob()), { from: 5 }],
    ['more than was asked for', answer({ from: '0', to: '9', size: '10' }, oob()), { from: 0, to: 5 }],
    ['less than was asked for', answer({ from: '0', to: '4', size: '10' }, oob()), { from: 0, to: 5 }],
    ['more, where the size is not known', answer({ from: '0', to: '9' }, oob()), { from: 0, to: 5 }],
    ['another tail', answer({ from: '0', to: '4', size: '10' }, oob()), { last: 5 }],
    ['a live stream instead of a range', answer({}, oob()), { from: 5 }],
    ['a live stream instead of a tail', answer({}, oob()), { last: 5 }],
  ];
  for (const [what, element, asked] of WRONG) it(`are refused with ${what}`, () => assert.throws(() => parseTransferAnswer(element, asked), has('malformed')));

  it('say nothing to a player but a type and a tag', () => {
    const said = (attrs: Record<string, string>): { type: string; etag: string } => parseTransferAnswer(answer({ size: '0', ...attrs }, oob()), undefined).entity;
    for (const type of ['video/mp4\r\nX: y', 'video', '', 'a b/c', 'x/ä', `${'x'.repeat(64)}/y`]) assert.equal(said({ type }).type, 'application/octet-stream', type);
    assert.equal(said({ type: 'Video/MP4; codecs="avc1"' }).type, 'video/mp4');
    for (const etag of ['', 'a"b', 'a b', 'a\nb', 'ä', 'x'.repeat(257)]) assert.equal(said({ etag }).etag, '', etag);
    assert.equal(said({ etag: 'n4bQgYhMfWWaL-qgxVrQFaO_' }).etag, 'n4bQgYhMfWWaL-qgxVrQFaO_');
  });

  it('either make sense or are malformed, whatever they are', () => {
    const number = fc.oneof(fc.constant(undefined), fc.nat(20).map(String), fc.string({ maxLength: 3 }));
    const range = fc.oneof(fc.constant(undefined), fc.nat(20).map((from) => ({ from })), fc.nat(20).map((last) => ({ last })), fc.tuple(fc.nat(20), fc.nat(20)).map(([from, more]) => ({ from, to: from + more })));
    fc.assert(fc.property(number, number, number, number, range, fc.boolean(), (from, to, size, length, asked, isBare) => {
      const inside = oob({ size: length });
      try {
        const { entity, range: got } = parseTransferAnswer(isBare ? inside : answer({ from, to, size }, inside), asked);
        if (!got) return;
        assert.ok(got.from <= got.to && got.to < (entity.size ?? Infinity));
        if (asked && 'from' in asked) assert.equal(got.from, asked.from);
      } catch (error) {
        assert.ok(has('malformed')(error));
      }
    }), { numRuns: 2000 });
  });
});
