import assert from 'node:assert/strict';
import type { Link } from '../../../src/xpmn/model/link-addresses.ts';
import { nameKey } from '../../../src/xpmn/serverless/mdns/dns-message.ts';
import type { DnsData, DnsRecord } from '../../../src/xpmn/serverless/mdns/dns-message.ts';
import { LinkBrowser } from '../../../src/xpmn/serverless/mdns/link-browser.ts';
import { settings } from '../../support/settings.ts';

const SERVICE = ['_presence', '_tcp', 'local'];
const NAME = ['tv', ...SERVICE];
const HOST = ['host', 'local'];
const LINK: Link = { name: 'eth0', loopback: false, addresses: [{ address: '192.0.2.1', prefix: 24 }] };
const SENDER = '192.0.2.9';
const START = 1_000_000;

/** A browser on a clock of its own; chance is none. */
class Bench {
  readonly browser: LinkBrowser;
  now = START;

  constructor(limits: Partial<typeof settings.mdns> = {}) {
    this.browser = new LinkBrowser(LINK, SERVICE, { ...settings.mdns, ...limits }, { bytes: (count) => Buffer.alloc(count), fraction: () => 0 }, this.now);
  }

  /** What is asked until `ms` later: `time TYPE first-label`, and with how many known answers. */
  run(ms: number): string[] {
    const end = this.now + ms;
    const asked: string[] = [];
    for (let due = this.browser.nextDue(); due !== undefined && due <= end; due = this.browser.nextDue()) {
      this.now = Math.max(this.now, due);
      this.browser.expire(this.now);
      const { questions, known } = this.browser.questions(this.now, []);
      for (const { name, type } of questions) asked.push(`${this.now - START} ${type} ${name[0]}${known.length > 0 && type === 'PTR' ? ` knowing ${known.length}` : ''}`);
    }
    this.now = end;
    return asked;
  }

  hear(...records: readonly DnsRecord[]): boolean {
    return this.browser.heard(records, SENDER, this.now);
  }

  get labels(): string[] {
    return this.browser.services().map(({ instance }) => instance);
  }

  get addresses(): readonly string[] | undefined {
    return this.browser.services()[0]?.addresses;
  }
}

function record(name: readonly string[], data: DnsData, ttl = 120, flush = data.type !== 'PTR'): DnsRecord {
  return { name, ttl, flush, data };
}

const ptr = (name: readonly string[] = NAME, ttl = 4_500): DnsRecord => record(SERVICE, { type: 'PTR', target: name }, ttl);
const srv = (name: readonly string[] = NAME, port = 5298, ttl = 120, target: readonly string[] = HOST): DnsRecord =>
  record(name, { type: 'SRV', priority: 0, weight: 0, port, target }, ttl);
const txt = (name: readonly string[] = NAME, text = 'a=1', ttl = 4_500): DnsRecord => record(name, { type: 'TXT', strings: [Buffer.from(text)] }, ttl);
const a = (address = '192.0.2.7', ttl = 120, flush = true): DnsRecord => record(HOST, { type: 'A', address }, ttl, flush);
const all = (): DnsRecord[] => [ptr(), srv(), txt(), a()];

describe('a browser on a link', () => {
  it('asks at once, then less and less often, with what it knows', () => {
    const bench = new Bench();
    const first = bench.run(10_000);
    assert.deepEqual(first, ['20 PTR _presence', '1020 PTR _presence', '3020 PTR _presence', '7020 PTR _presence']);
    bench.hear(ptr(), srv(NAME, 5298, 4_500), txt(), a('192.0.2.7', 4_500));
    assert.deepEqual(bench.run(30_000), ['15020 PTR _presence knowing 1', '31020 PTR _presence knowing 1']);
    const quiet = new Bench();
    quiet.run(10 * 3_600_000);
    assert.ok(quiet.run(3_600_000).length === 1);
  });

  it('takes records in any order', () => {
    for (const records of [all(), all().reverse()]) {
      const bench = new Bench();
      assert.ok(bench.hear(...records));
      const [service] = bench.browser.services();
      assert.deepEqual([service?.instance, service?.addresses, service?.port, service?.txt], ['tv', ['192.0.2.7'], 5298, { a: '1' }]);
    }
  });

  it('asks for what is missing of an instance, and for nothing else', () => {
    const bench = new Bench();
    bench.run(100);
    bench.hear(ptr());
    assert.deepEqual(bench.run(500), ['270 SRV tv', '270 TXT tv'], 'no sooner than a while after the last question');
    bench.hear(srv());
    assert.deepEqual(bench.run(200).filter((one) => !/PTR/.test(one)), ['650 A host', '650 AAAA host']);
    bench.hear(a());
    assert.deepEqual(bench.labels, []);
    bench.hear(txt());
    assert.deepEqual(bench.labels, ['tv']);
    assert.deepEqual(bench.run(60_000).filter((one) => !/PTR/.test(one)), []);
  });

  it('asks for what stays missing less and less often, one packet at a time', () => {
    const bench = new Bench();
    bench.hear(ptr());
    const times = bench.run(60_000).filter((one) => /SRV/.test(one)).map((one) => Number(one.split(' ')[0]));
    assert.ok(times.length === 6 && times.every((time, index) => index === 0 || time - (times[index - 1] as number) >= 1_000 * 2 ** (index - 1)), times.join());
    const flooded = new Bench();
    let asked = 0;
    for (let ms = 0; ms < 10_000; ms += 10) {
      flooded.hear(ptr([`n${ms % 640}`, ...SERVICE]), srv([`n${ms % 640}`, ...SERVICE], 1, 1, [`h${ms}`, 'local']));
      asked += flooded.run(10).length > 0 ? 1 : 0;
    }
    assert.ok(asked <= 41, String(asked));
  });

  it('asks again before it forgets, four times, and then forgets', () => {
    const bench = new Bench();
    bench.hear(...all());
    const asked = bench.run(119_999).filter((one) => /SRV/.test(one));
    assert.deepEqual(asked, ['96000 SRV tv', '102000 SRV tv', '108000 SRV tv', '114000 SRV tv']);
    assert.deepEqual(bench.labels, ['tv']);
    bench.run(1);
    assert.deepEqual(bench.labels, []);
  });

  it('asks no more once it was answered', () => {
    const bench = new Bench();
    bench.hear(...all());
    bench.run(97_000);
    bench.hear(srv(), a());
    assert.deepEqual(bench.run(95_000).filter((one) => /SRV| A /.test(one)), []);
    assert.deepEqual(bench.labels, ['tv']);
  });

  it('browses again from the start when somebody fell silent: all may be back at any time', () => {
    const bench = new Bench();
    bench.hear(ptr(), srv(NAME, 5298, 10_000_000), txt(NAME, 'a=1', 10_000_000), a('192.0.2.7', 10_000_000));
    const browses = (ms: number): string[] => bench.run(ms).filter((one) => /PTR/.test(one));
    const calm = new Bench();
    calm.run(4_500_000);
    browses(4_500_000);
    assert.ok(browses(60_000).length >= 5);
    assert.ok(calm.run(60_000).length <= 1);
  });

  it('does not say that it knows what it has to hear more of', () => {
    const bench = new Bench();
    bench.hear(ptr(), srv());
    assert.deepEqual(bench.run(2_000).filter((one) => /knowing/.test(one)), []);
    bench.hear(txt());
    assert.deepEqual(bench.run(2_000).filter((one) => /knowing 1/.test(one)).length, 1);
  });

  it('keeps for a second what says goodbye, unless it says it is there after all', () => {
    const bench = new Bench();
    bench.hear(...all());
    bench.hear(ptr(NAME, 0));
    bench.run(999);
    assert.deepEqual(bench.labels, ['tv']);
    bench.hear(ptr());
    bench.run(5_000);
    assert.deepEqual(bench.labels, ['tv']);
    bench.hear(ptr(NAME, 0));
    bench.run(1_000);
    assert.deepEqual(bench.labels, []);
    bench.hear(ptr(NAME, 0), srv(NAME, 1, 0), a('192.0.2.7', 0));
    assert.deepEqual(bench.labels, []);
  });

  it('does not ask for what says goodbye', () => {
    const bench = new Bench();
    bench.hear(...all());
    bench.run(95_900);
    bench.hear(srv(NAME, 5298, 0));
    assert.deepEqual(bench.run(999).filter((one) => /SRV/.test(one)), []);
  });

  it('does not take another one\'s goodbye for that of the instance', () => {
    const bench = new Bench();
    bench.hear(...all());
    bench.hear(srv(NAME, 5298, 0, ['other', 'local']));
    bench.run(5_000);
    assert.deepEqual(bench.labels, ['tv']);
    bench.hear(srv(NAME, 5298, 0));
    bench.run(1_000);
    assert.deepEqual(bench.labels, []);
  });

  it('replaces the addresses of a host, but not with what it says in the same breath', () => {
    const bench = new Bench();
    bench.hear(...all());
    bench.run(500);
    bench.hear(a('192.0.2.8'));
    bench.run(2_000);
    assert.deepEqual(bench.addresses, ['192.0.2.7', '192.0.2.8']);
    bench.hear(a('192.0.2.9', 120, false));
    bench.run(2_000);
    assert.deepEqual(bench.addresses, ['192.0.2.7', '192.0.2.8', '192.0.2.9']);
    bench.hear(a('192.0.2.8'), a('192.0.2.10'));
    bench.run(1_000);
    assert.deepEqual(bench.addresses, ['192.0.2.10', '192.0.2.8']);
  });

  it('forgets hosts that nobody names any more', () => {
    const bench = new Bench();
    bench.hear(...all());
    bench.hear(srv(NAME, 5298, 120, ['other', 'local']));
    assert.deepEqual(bench.labels, []);
    bench.hear(a());
    bench.hear(srv());
    assert.deepEqual(bench.labels, []);
    bench.hear(a());
    assert.deepEqual(bench.labels, ['tv']);
  });

  it('believes nothing for longer than the bound', () => {
    const bench = new Bench({ maxLifetime: 60_000 });
    bench.hear(ptr(NAME, 2 ** 31), srv(NAME, 1, 2 ** 31), txt(NAME, 'a=1', 2 ** 31), a('192.0.2.7', 2 ** 31));
    bench.run(60_000);
    assert.deepEqual(bench.labels, []);
  });

  it('takes no instance that is none, of another service, or without a place', () => {
    const bench = new Bench();
    for (const target of [SERVICE, ['local'], [], ['a', 'b', ...SERVICE], ['tab\t', ...SERVICE], ['x', '_http', '_tcp', 'local']]) {
      bench.hear(ptr(target), srv(target), txt(target), a());
    }
    bench.hear(record(['_http', '_tcp', 'local'], { type: 'PTR', target: NAME }), srv(), txt(), a());
    bench.hear(...all().slice(1));
    assert.deepEqual(bench.labels, []);
    bench.hear(ptr(), srv(NAME, 0), txt(), a());
    assert.deepEqual(bench.labels, []);
  });

  it('has room for so many, and of one sender for so many', () => {
    const bench = new Bench({ instances: 6, instancesPerSender: 4, addresses: 2 });
    const say = (label: string, sender: string): boolean => {
      const name = [label, ...SERVICE];
      return bench.browser.heard([ptr(name), srv(name), txt(name), a('192.0.2.7'), a('192.0.2.8'), a('192.0.2.9')], sender, bench.now);
    };
    for (let index = 0; index < 10; index += 1) say(`a${index}`, 'a');
    assert.equal(bench.labels.length, 4);
    for (let index = 0; index < 10; index += 1) say(`b${index}`, 'b');
    assert.deepEqual(bench.labels, ['a0', 'a1', 'a2', 'a3', 'b0', 'b1']);
    assert.deepEqual(bench.addresses, ['192.0.2.7', '192.0.2.8']);
  });

  it('forgets what can\'t be reached when this machine moves, and asks who is there', () => {
    const bench = new Bench();
    bench.hear(...all(), record(HOST, { type: 'AAAA', address: 'fe80::7' }));
    bench.run(600_000);
    bench.hear(...all(), record(HOST, { type: 'AAAA', address: 'fe80::7' }));
    assert.deepEqual(bench.addresses, ['192.0.2.7', 'fe80::7%eth0']);
    bench.browser.moveTo({ ...LINK, addresses: [{ address: '198.51.100.1', prefix: 24 }] }, bench.now);
    assert.deepEqual(bench.addresses, ['fe80::7%eth0']);
    assert.ok(bench.run(1_100).filter((one) => /PTR/.test(one)).length >= 2);
    bench.hear(a('198.51.100.7'));
    assert.deepEqual(bench.addresses, ['198.51.100.7', 'fe80::7%eth0']);
  });

  it('is one instance in either case of its letters', () => {
    const bench = new Bench();
    bench.hear(...all());
    bench.hear(ptr(['TV', ...SERVICE]), txt(['Tv', ...SERVICE], 'a=2'));
    assert.deepEqual([bench.labels, bench.browser.services()[0]?.txt, nameKey(bench.browser.services()[0]?.target ?? [])], [['tv'], { a: '2' }, 'host.local']);
  });
});
