import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import {
  NS_S5B, TYPE_PREFERENCE, destinationOf, formatInfo, formatTransport, parseInfo, parseTransport, priorityOf,
} from '../../../../src/xpmn/jingle/transports/s5b-codec.ts';
import type { Candidate, CandidateType, S5bInfo } from '../../../../src/xpmn/jingle/transports/s5b-codec.ts';
import { nominate } from '../../../../src/xpmn/jingle/transports/s5b-nomination.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { xml } from '../../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../../src/xpmn/model/xml.ts';

const candidate: Candidate = { cid: 'c1', host: '192.0.2.1', port: 6539, jid: 'a@example.org/r', priority: 8257636, type: 'direct' };
const transport = (attrs: Record<string, string>, ...children: XmlElement[]): XmlElement => xml('transport', NS_S5B, { sid: 's1', ...attrs }, children);
const candidateElement = (attrs: Record<string, string | undefined>): XmlElement =>
  xml('candidate', NS_S5B, { cid: 'c1', host: '192.0.2.1', port: '6539', jid: 'a@example.org/r', priority: '8257636', type: 'direct', ...attrs });

describe('s5b codec', () => {
  it('computes the published destinations, offerer first', () => {
    const [romeo, juliet] = [parseJid('romeo@montague.lit/orchard'), parseJid('juliet@capulet.lit/balcony')];
    assert.equal(destinationOf('vj3hs98y', romeo, juliet), '972b7bf47291ca609517f67f86b5081086052dad');
    assert.equal(destinationOf('vj3hs98y', juliet, romeo), '1a12fb7bc625e55f3ed5b29a53dbe0e4aa7d80ba');
  });

  it('computes the priorities of the thesis', () => {
    assert.equal(priorityOf('direct', 100), 8257636);
    assert.equal(priorityOf('assisted', 65535), 7929855);
    // 720889 is 10 << 16 with 65529.
    assert.equal(priorityOf('proxy', 65529), 720889);
  });

  it('reads back what it writes', () => {
    const some = fc.record({
      cid: fc.string({ minLength: 1, maxLength: 128 }), host: fc.string(), port: fc.integer({ min: 1, max: 65535 }), jid: fc.string(),
      priority: fc.integer({ min: 1, max: 2 ** 32 - 1 }), type: fc.constantFrom(...Object.keys(TYPE_PREFERENCE) as CandidateType[]),
    }, { noNullPrototype: true });
    const list = fc.uniqueArray(some, { selector: ({ cid }) => cid, maxLength: 5 });
    const dstaddr = fc.option(fc.constant('0123456789abcdef0123456789abcdef01234567'), { nil: undefined });
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 128 }), dstaddr, list, (sid, hash, candidates) => {
      assert.deepEqual(parseTransport(formatTransport({ sid, dstaddr: hash, candidates })), { sid, dstaddr: hash, candidates });
    }));
    const infos: S5bInfo[] = [
      { kind: 'candidate-used', sid: 's', cid: 'c' }, { kind: 'candidate-error', sid: 's' }, { kind: 'activated', sid: 's', cid: 'c' },
      { kind: 'proxy-error', sid: 's' }, { kind: 'candidates', sid: 's', candidates: [candidate] },
    ];
    for (const info of infos) assert.deepEqual(parseInfo(formatInfo(info)), info);
  });

  it('takes 1080 for a missing port, direct for a missing type, and no JID for a missing one', () => {
    const element = transport({}, candidateElement({ port: undefined, type: undefined, jid: undefined }));
    assert.deepEqual(parseTransport(element).candidates, [{ ...candidate, port: 1080, jid: '' }]);
  });

  it('leaves out candidates that make no sense', () => {
    const odd: Record<string, string | undefined>[] = [
      { cid: undefined }, { cid: '' }, { cid: 'x'.repeat(129) }, { host: undefined }, { port: '0' }, { port: '65536' }, { port: '-1' }, { port: '1e3' },
      { priority: undefined }, { priority: '0' }, { priority: '-5' }, { priority: '99999999999' }, { priority: '4294967296' }, { type: 'toString' }, { type: 'magic' },
    ];
    for (const attrs of odd) assert.deepEqual(parseTransport(transport({}, candidateElement(attrs))).candidates, [], JSON.stringify(attrs));
  });

  it('refuses transports that make no sense', () => {
    const wrong = [
      xml('transport', NS_S5B), xml('transport', 'urn:xmpp:jingle:transports:s5b:0', { sid: 's1' }), xml('other', NS_S5B, { sid: 's1' }), transport({ sid: '' }),
      transport({ mode: 'udp' }), transport({ dstaddr: 'example.org' }), transport({ dstaddr: 'a'.repeat(41) }),
      transport({}, candidateElement({}), candidateElement({ host: '192.0.2.2' })),
    ];
    for (const element of wrong) assert.throws(() => parseTransport(element), { code: 'malformed' });
  });

  it('refuses information that says nothing, or two things', () => {
    const used = xml('candidate-used', NS_S5B, { cid: 'c1' });
    const wrong = [transport({}), transport({}, xml('candidate-used', NS_S5B)), transport({}, used, used), transport({}, used, candidateElement({})), transport({}, used, xml('candidate-error', NS_S5B))];
    for (const element of wrong) assert.throws(() => parseInfo(element), { code: 'malformed' });
    assert.equal(parseInfo(transport({}, used, xml('note', 'urn:example'))).kind, 'candidate-used');
  });

  it('never throws anything but malformed', () => {
    const attrs = fc.dictionary(fc.constantFrom('sid', 'cid', 'host', 'port', 'priority', 'type', 'mode', 'dstaddr'), fc.string());
    const child = fc.tuple(fc.constantFrom('candidate', 'candidate-used', 'activated', 'x'), attrs).map(([name, values]) => xml(name, NS_S5B, values));
    fc.assert(fc.property(attrs, fc.array(child, { maxLength: 4 }), (values, children) => {
      for (const parse of [parseTransport, parseInfo]) {
        try {
          parse(xml('transport', NS_S5B, values, children));
        } catch (error) {
          assert.ok(error instanceof XpmnError && error.code === 'malformed');
        }
      }
    }));
  });
});

describe('s5b nomination', () => {
  it('takes the higher priority, and knows what a tie means', () => {
    const table = [
      [undefined, undefined, 'none', 'none'],
      [5, undefined, 'outgoing', 'outgoing'],
      [undefined, 5, 'incoming', 'incoming'],
      [6, 5, 'outgoing', 'outgoing'],
      [5, 6, 'incoming', 'incoming'],
      [5, 5, 'outgoing', 'either'],
    ] as const;
    for (const [ours, theirs, initiator, responder] of table) {
      assert.equal(nominate({ role: 'initiator', ours, theirs }), initiator);
      assert.equal(nominate({ role: 'responder', ours, theirs }), responder);
    }
  });
});
