import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { nameKey } from '../../../src/xpmn/serverless/mdns/dns-message.ts';
import type { DnsMessage, DnsRecord } from '../../../src/xpmn/serverless/mdns/dns-message.ts';
import { packDirect, packProbes, packQuery, packResponse } from '../../../src/xpmn/serverless/mdns/dns-packing.ts';
import { readMessage } from '../../../src/xpmn/serverless/mdns/dns-reader.ts';
import { writeMessage } from '../../../src/xpmn/serverless/mdns/dns-writer.ts';
import { TYPE, instanceName, wireMessage, wireName, wireQuestion, wireRecord, wireSrv, wireTxt } from '../../support/dns-stranger.ts';
import { settings } from '../../support/settings.ts';

const LIMITS = settings.mdns;
const EMPTY: DnsMessage = { id: 0, isResponse: true, isTruncated: false, questions: [], answers: [], authorities: [], additionals: [] };
const SERVICE = ['_presence', '_tcp', 'local'];

const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> => fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const label = fc.string({ minLength: 1, maxLength: 15, unit: 'grapheme' }).filter((text) => Buffer.from(text).toString() === text && Buffer.byteLength(text) <= 63);
const name = fc.array(label, { maxLength: 3 });
const data = fc.oneof(
  plain({ type: fc.constant('PTR' as const), target: name }),
  plain({ type: fc.constant('SRV' as const), priority: fc.nat(65_535), weight: fc.nat(65_535), port: fc.nat(65_535), target: name }),
  plain({ type: fc.constant('TXT' as const), strings: fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes)), { maxLength: 3 }) }),
  plain({ type: fc.constant('A' as const), address: fc.ipV4() }),
);
const record: fc.Arbitrary<DnsRecord> = plain({ name, ttl: fc.nat(2 ** 31), flush: fc.boolean(), data });
const message: fc.Arbitrary<DnsMessage> = plain({
  id: fc.nat(65_535),
  isResponse: fc.boolean(),
  isTruncated: fc.boolean(),
  questions: fc.array(plain({ name, type: fc.constantFrom('PTR' as const, 'ANY' as const, 'AAAA' as const) }), { maxLength: 4 }),
  answers: fc.array(record, { maxLength: 6 }),
  authorities: fc.array(record, { maxLength: 3 }),
  additionals: fc.array(record, { maxLength: 6 }),
});

const code = (wanted: string) => (error: unknown): boolean => error instanceof XpmnError && error.code === wanted;
const pointer = (to: number): Buffer => Buffer.from([0xc0 | (to >> 8), to & 0xff]);
const ptr = (instance: string, ttl = 4_500): DnsRecord => ({ name: SERVICE, ttl, flush: false, data: { type: 'PTR', target: [instance, ...SERVICE] } });

describe('DNS messages', () => {
  it('read back as they were written', () => {
    fc.assert(fc.property(message, (one) => assert.deepEqual(readMessage(writeMessage(one), { packetBytes: 1e6, records: 100 }), one)));
  });

  it('are read as others write them, dots in labels and all', () => {
    const host = wireName('nas', 'local');
    const read = readMessage(wireMessage({
      answers: [
        wireRecord(wireName(...SERVICE), TYPE.PTR, instanceName('a.b \\')),
        wireRecord(instanceName('a.b \\'), TYPE.SRV, wireSrv(5298, host), { flush: true }),
        wireRecord(instanceName('a.b \\'), TYPE.TXT, wireTxt({ a: '1', b: '' }), { ttl: 0xffffffff }),
        wireRecord(host, TYPE.A, Buffer.from([192, 0, 2, 1])),
        wireRecord(host, TYPE.AAAA, Buffer.from('fe80000000000000000000000000abcd', 'hex')),
      ],
    }), LIMITS);
    assert.deepEqual(read.answers.map(({ name: of, ttl, flush, data: of2 }) => [of[0], ttl, flush, of2]), [
      ['_presence', 120, false, { type: 'PTR', target: ['a.b \\', ...SERVICE] }],
      ['a.b \\', 120, true, { type: 'SRV', priority: 0, weight: 0, port: 5298, target: ['nas', 'local'] }],
      ['a.b \\', 0xffffffff, false, { type: 'TXT', strings: [Buffer.from('a=1'), Buffer.from('b')] }],
      ['nas', 120, false, { type: 'A', address: '192.0.2.1' }],
      ['nas', 120, false, { type: 'AAAA', address: 'fe80::abcd' }],
    ]);
  });

  it('have names that differ in case of ASCII alone, and dots of two kinds', () => {
    assert.equal(nameKey(['NAS', 'Local']), nameKey(['nas', 'local']));
    assert.notEqual(nameKey(['a.b']), nameKey(['a', 'b']));
    assert.notEqual(nameKey(['a\\.b']), nameKey(['a\\', 'b']));
    assert.notEqual(nameKey(['Ü']), nameKey(['ü']));
  });

  it('shorten names, in SRV too, to what is the same in every byte', () => {
    const records: DnsRecord[] = [
      ptr('one'), ptr('two'),
      { name: ['one', ...SERVICE], ttl: 1, flush: true, data: { type: 'SRV', priority: 0, weight: 0, port: 1, target: ['HOST', 'local'] } },
      { name: ['host', 'local'], ttl: 1, flush: true, data: { type: 'A', address: '192.0.2.1' } },
    ];
    const packet = writeMessage({ ...EMPTY, answers: records });
    assert.equal(packet.indexOf('_presence', packet.indexOf('_presence') + 1), -1);
    assert.deepEqual(readMessage(packet, LIMITS).answers, records);
  });

  it('leave out records of no use, and those whose data make no sense, and keep the rest', () => {
    const good = wireRecord(wireName('nas', 'local'), TYPE.A, Buffer.from([192, 0, 2, 1]));
    const other = Buffer.from(good);
    other[12] = 3; // another class
    const bad = [
      wireRecord(wireName('nas', 'local'), TYPE.A, Buffer.from([1, 2, 3])),
      wireRecord(wireName('nas', 'local'), TYPE.AAAA, Buffer.from([1, 2, 3, 4])),
      wireRecord(wireName('nas', 'local'), TYPE.SRV, Buffer.from([0, 0, 0, 0, 0])),
      wireRecord(wireName('nas', 'local'), TYPE.SRV, Buffer.concat([wireSrv(1, wireName('x')), Buffer.from([0])])),
      wireRecord(wireName('nas', 'local'), TYPE.PTR, Buffer.alloc(0)),
      wireRecord(wireName('nas', 'local'), TYPE.TXT, Buffer.from([5, 0x61])),
      wireRecord(wireName('nas', 'local'), TYPE.NSEC, wireName('nas')),
      wireRecord(wireName('nas', 'local'), 999, Buffer.alloc(9)),
      wireRecord(Buffer.from([1, 0xff, 0]), TYPE.A, Buffer.from([1, 2, 3, 4])),
      other,
    ];
    for (const one of bad) {
      assert.deepEqual(readMessage(wireMessage({ answers: [one, good] }), LIMITS).answers.map(({ data: of }) => of), [{ type: 'A', address: '192.0.2.1' }]);
    }
    const questions = [wireQuestion(wireName('a'), 999), wireQuestion(Buffer.from([1, 0xff, 0]), TYPE.A), wireQuestion(wireName('a'), TYPE.A)];
    assert.deepEqual(readMessage(wireMessage({ questions }), LIMITS).questions, [{ name: ['a'], type: 'A' }]);
  });

  it('take a question for a unicast answer as a question', () => {
    const question = wireQuestion(wireName('a'), TYPE.PTR);
    question[question.length - 2] = 0x80;
    assert.deepEqual(readMessage(wireMessage({ flags: 0, questions: [question] }), LIMITS).questions, [{ name: ['a'], type: 'PTR' }]);
  });

  it('are refused cut off at any byte', () => {
    for (const last of [ptr('two').data, { type: 'A', address: '192.0.2.1' }, { type: 'TXT', strings: [Buffer.from('a=1'), Buffer.from('b')] }] as const) {
      const packet = writeMessage({ ...EMPTY, answers: [ptr('one'), { ...ptr('one'), data: last }], questions: [{ name: SERVICE, type: 'PTR' }] });
      for (let end = 0; end < packet.length; end += 1) assert.throws(() => readMessage(packet.subarray(0, end), LIMITS), code('malformed'), String(end));
    }
  });

  it('are refused with names that turn in circles, lead forwards or are too long', () => {
    const at = 12;
    const long = wireName(...Array.from({ length: 4 }, () => 'x'.repeat(63)));
    const names = [pointer(at), pointer(at + 1), pointer(at + 40), Buffer.concat([Buffer.from([1, 0x61]), pointer(at)]), long, Buffer.from([0x40, 0])];
    for (const one of names) assert.throws(() => readMessage(wireMessage({ questions: [wireQuestion(one, TYPE.A)] }), LIMITS), code('malformed'));
    const longest = wireName('x'.repeat(63), 'x'.repeat(63), 'x'.repeat(63), 'x'.repeat(61));
    assert.equal(longest.length, 255);
    assert.equal(readMessage(wireMessage({ questions: [wireQuestion(longest, TYPE.A)] }), LIMITS).questions.length, 1);
  });

  it('are read in no time, however their pointers are chained', () => {
    // each name is one label before the former one; then as many names as there may be lead to the last
    const chain: Buffer[] = [Buffer.from([1, 0x61, 0])];
    for (let index = 1, to = 12; index < 120; index += 1, to += index === 2 ? 7 : 8) chain.push(Buffer.concat([Buffer.from([1, 0x61]), pointer(to)]));
    const questions = chain.map((one) => wireQuestion(one, TYPE.A));
    const last = 12 + questions.slice(0, -1).reduce((sum, { length }) => sum + length, 0);
    while (questions.length < LIMITS.records) questions.push(wireQuestion(pointer(last), TYPE.A));
    const read = readMessage(wireMessage({ questions }), LIMITS).questions;
    assert.deepEqual([read.length, read.at(-1)?.name.length], [LIMITS.records, 120]);
  });

  it('are refused over the bounds, and where they are no plain query or response', () => {
    const many = wireMessage({ questions: Array.from({ length: LIMITS.records + 1 }, () => wireQuestion(Buffer.from([0]), TYPE.A)) });
    assert.throws(() => readMessage(many, LIMITS), code('too-large'));
    assert.throws(() => readMessage(Buffer.concat([wireMessage({}), Buffer.alloc(LIMITS.packetBytes)]), LIMITS), code('too-large'));
    for (const flags of [0x8403, 0x0800, 0x7800]) assert.throws(() => readMessage(wireMessage({ flags }), LIMITS), code('malformed'));
  });

  it('are refused or read, and nothing else, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        readMessage(Buffer.from(bytes), LIMITS);
      } catch (error) {
        assert.ok(error instanceof XpmnError);
      }
    }));
    const packet = writeMessage({ ...EMPTY, answers: [ptr('one'), ptr('two')] });
    fc.assert(fc.property(fc.nat(packet.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(packet);
      changed[at] = byte;
      try {
        readMessage(changed, LIMITS);
      } catch (error) {
        assert.ok(error instanceof XpmnError);
      }
    }));
  });
});

describe('packets of DNS messages', () => {
  const many = Array.from({ length: 200 }, (_, index) => ptr(`instance number ${index}`));
  const read = (packets: readonly Buffer[]): DnsMessage[] => packets.map((packet) => readMessage(packet, LIMITS));

  it('hold everything, each in one frame', () => {
    const packets = packResponse(many, [ptr('more')]);
    assert.ok(packets.length > 1 && packets.every(({ length }) => length <= 1_400));
    assert.deepEqual(read(packets).flatMap(({ answers, additionals }) => [...answers, ...additionals]), [...many, ptr('more')]);
  });

  it('hold one record that is larger than a frame', () => {
    const large: DnsRecord = { name: ['a'], ttl: 1, flush: true, data: { type: 'TXT', strings: Array.from({ length: 8 }, () => Buffer.alloc(250, 1)) } };
    assert.deepEqual(read(packResponse([ptr('a'), large, ptr('b')])).map(({ answers }) => answers.length), [1, 1, 1]);
  });

  it('say of known answers that more follow', () => {
    const messages = read(packQuery([{ name: ['x'], type: 'SRV' }, { name: SERVICE, type: 'PTR' }], many));
    assert.ok(messages.length > 1);
    assert.deepEqual(messages.map(({ isTruncated }) => isTruncated), messages.map((_, index) => index < messages.length - 1));
    assert.deepEqual(messages.map(({ questions }) => questions.length), messages.map((_, index) => (index === 0 ? 2 : 0)));
    assert.deepEqual(messages.flatMap(({ answers }) => answers), many);
  });

  it('keep a probe and its records together', () => {
    const probes = many.map((one, index) => ({ question: { name: [`n${index}`], type: 'ANY' as const }, records: [one, one] }));
    for (const { questions, authorities } of read(packProbes(probes))) assert.equal(authorities.length, 2 * questions.length);
  });

  it('answer one asker in one packet, to be kept briefly', () => {
    const [answer] = read([packDirect(7, [{ name: SERVICE, type: 'PTR' }], many, [])]);
    assert.deepEqual([answer?.id, answer?.questions.length, answer?.isTruncated], [7, 1, true]);
    assert.ok(answer?.answers.every(({ ttl }) => ttl === 10));
    const [whole] = read([packDirect(7, [], [ptr('a')], [ptr('b')])]);
    assert.deepEqual([whole?.isTruncated, whole?.additionals.length], [false, 1]);
  });
});
