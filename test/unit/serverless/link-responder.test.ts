import assert from 'node:assert/strict';
import type { DnsMessage, DnsRecord, QuestionType } from '../../../src/xpmn/serverless/mdns/dns-message.ts';
import { readMessage } from '../../../src/xpmn/serverless/mdns/dns-reader.ts';
import { LinkResponder } from '../../../src/xpmn/serverless/mdns/link-responder.ts';
import { hostClaim, serviceClaim } from '../../../src/xpmn/serverless/mdns/own-records.ts';
import { settings } from '../../support/settings.ts';

const SERVICE = ['_presence', '_tcp', 'local'];
const NAME = ['nas', ...SERVICE];
const HOST = ['xpmn-1', 'local'];
const LINK = { name: 'eth0', loopback: false, addresses: [{ address: '192.0.2.1', prefix: 24 }] };
const START = 1_000_000;

interface Sent {
  readonly at: number;
  readonly message: DnsMessage;
}

/** A responder on a clock of its own; chance is one half. */
class Bench {
  readonly responder = new LinkResponder({ bytes: (count) => Buffer.alloc(count), fraction: () => 0.5 }, (address) => address === '192.0.2.1' || address === '198.51.100.1');
  now = START;

  /** Everything that is sent until `ms` later. */
  run(ms: number): Sent[] {
    const end = this.now + ms;
    const sent: Sent[] = [];
    for (let due = this.responder.nextDue(); due !== undefined && due <= end; due = this.responder.nextDue()) {
      this.now = Math.max(this.now, due);
      const packets = this.responder.due(this.now);
      sent.push(...packets.map((packet) => ({ at: this.now - START, message: readMessage(packet, settings.mdns) })));
    }
    this.now = end;
    return sent;
  }

  /** A responder whose names have stood for a while. */
  static standing(): Bench {
    const bench = new Bench();
    for (const claim of [hostClaim(HOST, LINK), claimOf()]) bench.responder.hold(claim, bench.now);
    bench.run(60_000);
    return bench;
  }

  ask(question: { name: readonly string[]; type: QuestionType }, more: Partial<DnsMessage> = {}, asker = '192.0.2.9'): void {
    this.responder.query({ ...EMPTY, questions: [question], ...more }, asker, this.now);
  }

  get elapsed(): number {
    return this.now - START;
  }
}

const EMPTY: DnsMessage = { id: 0, isResponse: false, isTruncated: false, questions: [], answers: [], authorities: [], additionals: [] };
const BROWSE = { name: SERVICE, type: 'PTR' } as const;

function claimOf(txt = 'a=1', port = 5298) {
  return serviceClaim(SERVICE, HOST, { instance: 'nas', port, strings: [Buffer.from(txt)] });
}

function srvOf(port: number, target: readonly string[] = ['other', 'local'], ttl = 120): DnsRecord {
  return { name: NAME, ttl, flush: true, data: { type: 'SRV', priority: 0, weight: 0, port, target } };
}

const types = (records: readonly DnsRecord[] | undefined): string[] => (records ?? []).map(({ data }) => data.type).sort();
const texts = ({ message }: Sent): string[] => message.answers.flatMap(({ data }) => (data.type === 'TXT' ? data.strings.map(String) : []));
const isProbe = ({ message }: Sent): boolean => message.authorities.length > 0;

describe('a responder on a link', () => {
  it('probes three times, and announces three times', () => {
    const bench = new Bench();
    for (const claim of [hostClaim(HOST, LINK), claimOf()]) bench.responder.hold(claim, bench.now);
    const sent = bench.run(60_000);
    assert.deepEqual(sent.map(({ at }) => at), [125, 375, 625, 875, 1_875, 3_875]);
    assert.deepEqual(sent.map(isProbe), [true, true, true, false, false, false]);
    const [probe, , , announcement] = sent.map(({ message }) => message);
    assert.deepEqual(probe?.questions, [{ name: HOST, type: 'ANY' }, { name: NAME, type: 'ANY' }]);
    assert.deepEqual(types(probe?.authorities), ['A', 'SRV', 'TXT']);
    assert.ok(probe?.authorities.every(({ flush }) => !flush));
    assert.deepEqual(types(announcement?.answers), ['A', 'PTR', 'PTR', 'SRV', 'TXT']);
    assert.deepEqual(announcement?.answers.filter(({ flush }) => flush).map(({ data }) => data.type).sort(), ['A', 'SRV', 'TXT']);
    assert.equal(bench.responder.nextDue(), undefined);
  });

  it('speaks of nothing while it probes', () => {
    const bench = new Bench();
    bench.responder.hold(claimOf(), bench.now);
    bench.run(400);
    bench.ask(BROWSE);
    bench.ask({ name: NAME, type: 'SRV' });
    assert.ok(bench.run(200).every(isProbe));
    assert.deepEqual(bench.responder.release(NAME), []);
  });

  it('answers who browses after a moment, with all that is asked next', () => {
    const bench = Bench.standing();
    bench.ask(BROWSE);
    const from = bench.elapsed;
    const [answer, ...others] = bench.run(60_000);
    assert.deepEqual([answer?.at, others], [from + 70, []]);
    assert.deepEqual([types(answer?.message.answers), types(answer?.message.additionals)], [['PTR'], ['A', 'SRV', 'TXT']]);
  });

  it('answers for its own names at once, also that there is nothing', () => {
    const bench = Bench.standing();
    for (const [type, name, expected] of [['SRV', NAME, ['SRV']], ['TXT', NAME, ['TXT']], ['ANY', NAME, ['SRV', 'TXT']], ['A', HOST, ['A']]] as const) {
      bench.ask({ name, type });
      const from = bench.elapsed;
      const [answer] = bench.run(2_000);
      assert.deepEqual([answer?.at, types(answer?.message.answers)], [from, expected], type);
    }
    const denials: Buffer[] = [];
    for (const [type, name] of [['AAAA', HOST], ['A', NAME]] as const) {
      bench.ask({ name, type });
      denials.push(...bench.responder.due(bench.now));
      bench.run(2_000);
    }
    // The reader makes nothing of NSEC. The bits are those of A, and of TXT and SRV.
    const bits = [[0x40], [0, 0, 0x80, 0, 0x40]].map((bytes) => Buffer.from([0, bytes.length, ...bytes]));
    assert.deepEqual(denials.map((packet, index) => packet.subarray(-(bits[index]?.length ?? 0))), bits);
    bench.ask({ name: ['else', 'local'], type: 'ANY' });
    assert.deepEqual(bench.run(2_000), []);
  });

  it('lists the type for who asks for all types', () => {
    const bench = Bench.standing();
    bench.ask({ name: ['_services', '_dns-sd', '_udp', 'local'], type: 'PTR' });
    const [answer] = bench.run(2_000);
    assert.deepEqual(answer?.message.answers.map(({ data }) => data), [{ type: 'PTR', target: SERVICE }]);
  });

  it('is silent to who knows the answer, but not if that is about to be forgotten', () => {
    const bench = Bench.standing();
    const known = (ttl: number): DnsRecord => ({ name: SERVICE, ttl, flush: false, data: { type: 'PTR', target: NAME } });
    bench.ask(BROWSE, { answers: [known(2_250)] });
    assert.deepEqual(bench.run(5_000), []);
    bench.ask(BROWSE, { answers: [known(2_249)] });
    assert.equal(bench.run(5_000).length, 1);
  });

  it('waits for known answers that follow, from the same asker only', () => {
    const bench = Bench.standing();
    const known: DnsRecord = { name: SERVICE, ttl: 4_500, flush: false, data: { type: 'PTR', target: NAME } };
    bench.ask(BROWSE, { isTruncated: true });
    const from = bench.elapsed;
    bench.run(300);
    bench.responder.query({ ...EMPTY, answers: [known] }, '192.0.2.66', bench.now);
    assert.deepEqual(bench.run(5_000).map(({ at }) => at), [from + 450]);
    bench.ask(BROWSE, { isTruncated: true });
    bench.responder.query({ ...EMPTY, answers: [known] }, '192.0.2.9', bench.now);
    assert.deepEqual(bench.run(5_000), []);
    bench.ask(BROWSE, { isTruncated: true });
    bench.ask(BROWSE, {}, '192.0.2.66');
    bench.responder.query({ ...EMPTY, answers: [known] }, '192.0.2.9', bench.now);
    assert.equal(bench.run(5_000).length, 1);
  });

  it('says the same once a second, however it is asked', () => {
    const bench = Bench.standing();
    let count = 0;
    for (let ms = 0; ms < 10_000; ms += 10) {
      bench.ask(BROWSE);
      bench.ask({ name: NAME, type: 'SRV' });
      count += bench.run(10).reduce((sum, { message }) => sum + message.answers.length + message.additionals.length, 0);
    }
    assert.ok(count <= 11 * 4, String(count));
  });

  it('defends its names sooner', () => {
    const bench = Bench.standing();
    const probe = (): void => bench.ask({ name: NAME, type: 'ANY' }, { authorities: [srvOf(1)] });
    const from = bench.elapsed;
    probe();
    bench.run(10);
    probe();
    assert.deepEqual(bench.run(5_000).map(({ at }) => at), [from + 250]);
  });

  it('gives way in a tie to what is greater, and tries once more', () => {
    for (const [port, delay] of [[5_297, 0], [5_299, 1_000]] as const) {
      const bench = new Bench();
      bench.responder.hold(claimOf('a=1'), bench.now);
      bench.run(200);
      // the SRV record is compared last: its type is greater
      const txt: DnsRecord = { name: NAME, ttl: 1, flush: false, data: { type: 'TXT', strings: [Buffer.from('a=1')] } };
      bench.ask({ name: NAME, type: 'ANY' }, { authorities: [srvOf(port, HOST), txt] });
      const probes = bench.run(10_000).filter(isProbe).map(({ at }) => at);
      assert.deepEqual(probes, delay === 0 ? [375, 625] : [1_200, 1_450, 1_700]);
    }
  });

  it('is not in a tie with itself, whatever link it hears itself by', () => {
    const bench = new Bench();
    for (const claim of [hostClaim(HOST, LINK), claimOf()]) bench.responder.hold(claim, bench.now);
    const [first] = bench.run(200);
    bench.responder.query(first?.message as DnsMessage, '192.0.2.1', bench.now);
    const elsewhere: DnsRecord = { name: HOST, ttl: 120, flush: true, data: { type: 'A', address: '198.51.100.1' } };
    bench.ask({ name: HOST, type: 'ANY' }, { authorities: [elsewhere] });
    assert.deepEqual(bench.responder.response([elsewhere], bench.now), []);
    assert.deepEqual(bench.run(700).map(({ at }) => at), [375, 625, 875]);
    assert.deepEqual(bench.responder.response([elsewhere], bench.now), []);
    assert.ok(bench.run(60_000).every((sent) => !isProbe(sent)));
  });

  it('hears while it probes that a name is taken', () => {
    const bench = new Bench();
    bench.responder.hold(claimOf(), bench.now);
    bench.run(400);
    assert.deepEqual(bench.responder.response([srvOf(1, HOST, 0)], bench.now), [], 'a goodbye');
    assert.deepEqual(bench.responder.response([{ ...srvOf(1), name: ['nas2', ...SERVICE] }], bench.now), [], 'another name');
    assert.deepEqual(bench.responder.response([srvOf(5298, HOST)], bench.now), [], 'the same record');
    assert.deepEqual(bench.responder.response([{ ...srvOf(1), name: ['NAS', ...SERVICE] }], bench.now), [NAME]);
  });

  it('probes again for a name that somebody else uses, and speaks of it no more until then', () => {
    const bench = Bench.standing();
    assert.deepEqual(bench.responder.response([srvOf(1)], bench.now), []);
    bench.ask(BROWSE);
    const sent = bench.run(60_000);
    assert.deepEqual(sent.map(isProbe), [true, true, true, false, false, false]);
  });

  it('says again what somebody lets go of', () => {
    const bench = Bench.standing();
    bench.responder.response([{ name: SERVICE, ttl: 0, flush: false, data: { type: 'PTR', target: NAME } }], bench.now);
    assert.deepEqual(types(bench.run(2_000)[0]?.message.answers), ['PTR']);
    bench.responder.response([srvOf(5298, HOST, 59)], bench.now);
    assert.deepEqual(types(bench.run(2_000)[0]?.message.answers), ['SRV']);
    bench.responder.response([srvOf(5298, HOST, 60)], bench.now);
    assert.deepEqual(bench.run(2_000), []);
  });

  it('says other text at once, then once a second at most, the last of it always', () => {
    const bench = Bench.standing();
    const from = bench.elapsed;
    for (let change = 1; change <= 30; change += 1) {
      bench.responder.change(claimOf(`a=${change}`), bench.now);
      bench.run(0);
    }
    const sent = bench.run(60_000);
    assert.deepEqual(sent.map(({ at }) => at - from), [1_000, 2_000, 4_000]);
    assert.ok(sent.every((one) => texts(one).join() === 'a=30'));
    bench.ask({ name: NAME, type: 'TXT' });
    assert.deepEqual(texts(bench.run(1_000)[0] as Sent), ['a=30']);
  });

  it('says the former text no more, also to who asked before', () => {
    const bench = Bench.standing();
    bench.ask({ name: NAME, type: 'TXT' });
    bench.run(0);
    bench.ask({ name: NAME, type: 'TXT' });
    bench.responder.change(claimOf('a=2'), bench.now);
    assert.ok(bench.run(60_000).every((one) => texts(one).join() === 'a=2'));
  });

  it('probes together for what is claimed at about the same time', () => {
    const bench = new Bench();
    bench.responder.hold(hostClaim(HOST, LINK), bench.now);
    bench.run(100);
    bench.responder.hold(claimOf(), bench.now);
    assert.deepEqual(bench.run(700).map(({ at, message }) => [at, message.questions.length]), [[125, 2], [375, 2], [625, 2]]);
  });

  it('says other text of a name that it probes for once it has that', () => {
    const bench = new Bench();
    bench.responder.hold(claimOf('a=1'), bench.now);
    bench.run(400);
    bench.responder.change(claimOf('a=2'), bench.now);
    assert.ok(bench.run(60_000).filter((one) => !isProbe(one)).every((one) => texts(one).join() === 'a=2'));
  });

  it('says goodbye to what it released, and nothing more', () => {
    const bench = Bench.standing();
    bench.ask(BROWSE);
    const goodbye = bench.responder.release(NAME);
    assert.deepEqual([types(goodbye), goodbye.every(({ ttl }) => ttl === 0)], [['PTR', 'SRV', 'TXT'], true]);
    assert.deepEqual([bench.run(5_000), bench.responder.release(NAME)], [[], []]);
    bench.ask(BROWSE);
    assert.deepEqual(bench.run(5_000), []);
  });

  it('knows its own instances as who browses does', () => {
    assert.deepEqual(Bench.standing().responder.pointers().map(({ data }) => data), [{ type: 'PTR', target: NAME }]);
    const probing = new Bench();
    probing.responder.hold(claimOf(), probing.now);
    assert.deepEqual(probing.responder.pointers(), []);
  });
});
