import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { Link } from '../../../src/xpmn/model/link-addresses.ts';
import type { FoundService, ServiceDiscovery } from '../../../src/xpmn/ports/service-discovery.ts';
import { createMdnsDiscovery } from '../../../src/xpmn/serverless/mdns-discovery.ts';
import { ByteBudget } from '../../../src/xpmn/kernel/byte-budget.ts';
import { readMessage } from '../../../src/xpmn/serverless/mdns/dns-reader.ts';
import { RecentPackets } from '../../../src/xpmn/serverless/mdns/recent-packets.ts';
import { FakeMdnsNetwork } from '../../fakes/fake-mdns-network.ts';
import type { FakeMdnsSocket } from '../../fakes/fake-mdns-network.ts';
import { DnsStranger, SERVICE, TYPE, instanceName, recordsOf, wireMessage, wireName, wireQuestion, wireRecord, wireSrv } from '../../support/dns-stranger.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const link = (name: string, address: string): Link => ({ name, loopback: false, addresses: [{ address, prefix: 24 }] });
const ETH = link('eth0', '192.0.2.1');
const WLAN = link('wlan0', '198.51.100.1');
const TV: FoundService = { instance: 'tv', port: 1, txt: { a: '1' }, addresses: ['192.0.2.7'] };

describe('multicast DNS, as a whole', () => {
  let clock: FakeClock;
  let network: FakeMdnsNetwork;
  let opened: ServiceDiscovery[];
  let seed: number;

  beforeEach(() => {
    [clock, network, opened, seed] = [new FakeClock(), new FakeMdnsNetwork(), [], 1];
  });

  afterEach(async () => {
    await Promise.all(opened.map((one) => one.stop()));
    assert.equal(clock.pending, 0);
  });

  async function start(links: readonly Link[] = [ETH], options: Partial<typeof settings.mdns> = {}): Promise<{ discovery: ServiceDiscovery; socket: FakeMdnsSocket }> {
    const socket = network.connect(links);
    const discovery = createMdnsDiscovery({ clock, random: new FakeRandom((seed += 1)), log: silentLogger, socket }, { ...settings.mdns, ...options });
    opened.push(discovery);
    await discovery.start({ signal: new AbortController().signal });
    return { discovery, socket };
  }

  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      await clock.advance(50);
      await settle();
    }
  };
  const hear = (socket: FakeMdnsSocket, data: Buffer, { on = 'eth0', address = '192.0.2.9', port = 5353 } = {}): void =>
    socket.hear({ data, link: on, address, port });
  const announce = (discovery: ServiceDiscovery, instance: string, port = 5298) => discovery.announce({ instance, port, txt: { a: '1' } });
  const says = (text: string) => network.sent.filter(({ data }) => data.includes(text));

  it('answers itself nothing', async () => {
    const { discovery } = await start();
    announce(discovery, 'nas');
    await pass(10_000);
    const before = network.sent.length;
    await pass(6_000);
    const questions = network.sent.slice(before).map(({ data }) => readMessage(data, settings.mdns));
    assert.ok(questions.length > 0 && questions.every(({ isResponse }) => !isResponse));
  });

  it('answers a resolver of the older kind directly, and nobody elsewhere', async () => {
    const { discovery, socket } = await start();
    announce(discovery, 'nas');
    await pass(10_000);
    const question = wireMessage({ flags: 0, questions: [wireQuestion(SERVICE, TYPE.PTR)] });
    question.writeUInt16BE(4711, 0);
    const answers = () => network.sent.filter(({ to }) => to !== 'group');
    hear(socket, question, { port: 40_000 });
    assert.deepEqual(answers().map(({ to }) => to), ['192.0.2.9']);
    const { id, questions, answers: records, additionals } = readMessage(answers()[0]?.data as Buffer, settings.mdns);
    assert.deepEqual([id, questions.length, records.length, additionals.length], [4711, 1, 1, 3]);
    assert.ok([...records, ...additionals].every(({ ttl, flush }) => ttl <= 10 && !flush));
    hear(socket, question, { port: 40_000, address: '203.0.113.1' });
    hear(socket, wireMessage({ flags: 0, questions: [wireQuestion(wireName('else', 'local'), TYPE.A)] }), { port: 40_000 });
    assert.equal(answers().length, 1);
    const heard = network.sent.length;
    await pass(500);
    assert.equal(network.sent.length, heard, 'nothing to the group');
  });

  it('takes no answer from another port', async () => {
    const { discovery, socket } = await start();
    hear(socket, wireMessage({ answers: recordsOf(TV) }), { port: 40_000 });
    await pass(500);
    assert.deepEqual(discovery.services(), []);
    hear(socket, wireMessage({ answers: recordsOf(TV) }));
    await pass(500);
    assert.equal(discovery.services().length, 1);
  });

  it('makes one of what is on two links, and keeps what is left when one goes', async () => {
    const { discovery, socket } = await start([ETH, WLAN]);
    const found: FoundService[] = [];
    const lost: string[] = [];
    discovery.on('found', (service) => found.push(service));
    discovery.on('lost', (instance) => lost.push(instance));
    hear(socket, wireMessage({ answers: recordsOf(TV) }));
    hear(socket, wireMessage({ answers: recordsOf({ ...TV, txt: { a: '2' }, addresses: ['198.51.100.7', 'fe80::7', '192.0.2.7'] }) }), { on: 'wlan0', address: '198.51.100.9' });
    await pass(500);
    assert.deepEqual(found, [{ ...TV, txt: found[0]?.txt, addresses: ['192.0.2.7', '198.51.100.7', 'fe80::7%wlan0'] }]);
    await pass(60_000);
    hear(socket, wireMessage({ answers: recordsOf({ ...TV, txt: { a: '3' } }) }));
    await pass(500);
    assert.deepEqual(discovery.services()[0]?.txt, { a: '3' }, 'the latest counts');
    hear(socket, wireMessage({ answers: recordsOf({ ...TV, txt: { a: '4' }, addresses: ['198.51.100.7'] }) }), { on: 'wlan0', address: '198.51.100.9' });
    hear(socket, wireMessage({ answers: recordsOf({ ...TV, txt: { a: '3' } }) }));
    await pass(500);
    assert.deepEqual(discovery.services()[0]?.txt, { a: '4' }, 'on whatever link, also if another one repeats the old');
    socket.setLinks([WLAN]);
    await pass(500);
    assert.deepEqual(discovery.services(), [{ ...TV, txt: { a: '4' }, addresses: ['198.51.100.7', 'fe80::7%wlan0'] }]);
    socket.setLinks([]);
    await pass(500);
    assert.deepEqual([discovery.services(), lost], [[], ['tv']]);
  });

  it('has each link its own addresses, and says so when they change', async () => {
    const { discovery, socket } = await start([ETH, WLAN]);
    announce(discovery, 'nas');
    await pass(10_000);
    const addresses = (on: string): string[] => [...new Set(network.sent.filter(({ link: by }) => by === on).flatMap(({ data }) =>
      readMessage(data, settings.mdns)).flatMap(({ answers }) => answers).flatMap(({ data }) => ('address' in data ? [data.address] : [])))];
    assert.deepEqual([addresses('eth0'), addresses('wlan0')], [['192.0.2.1'], ['198.51.100.1']]);
    socket.setLinks([link('eth0', '192.0.2.5'), WLAN]);
    await pass(2_000);
    assert.deepEqual([addresses('eth0'), addresses('wlan0')], [['192.0.2.1', '192.0.2.5'], ['198.51.100.1']]);
  });

  it('asks who is there when a link has other addresses', async () => {
    const { socket } = await start();
    await pass(60_000);
    network.sent.length = 0;
    socket.setLinks([link('eth0', '192.0.2.5')]);
    await pass(1_500);
    assert.equal(network.sent.filter(({ data }) => readMessage(data, settings.mdns).questions.some(({ type }) => type === 'PTR')).length, 2);
  });

  it('keeps to its bound on all links together, and to those it knew first', async () => {
    const { discovery, socket } = await start([ETH, WLAN], { instances: 6 });
    const say = async (first: number, on: string): Promise<void> => {
      for (let index = first; index < first + 4; index += 1) {
        hear(socket, wireMessage({ answers: recordsOf({ ...TV, instance: `i${index}`, addresses: ['192.0.2.7', '198.51.100.7'] }) }), { on });
      }
      await pass(200);
    };
    await say(4, 'wlan0');
    await say(0, 'eth0');
    assert.deepEqual(discovery.services().map(({ instance }) => instance), ['i4', 'i5', 'i6', 'i7', 'i0', 'i1']);
  });

  it('leaves room for another program of this machine, whatever it announces itself', async () => {
    const { discovery, socket } = await start([ETH], { instancesPerSender: 2 });
    for (let index = 0; index < 4; index += 1) announce(discovery, `own ${index}`);
    await pass(10_000);
    hear(socket, wireMessage({ answers: recordsOf(TV) }), { address: '192.0.2.1' });
    await pass(500);
    assert.deepEqual(discovery.services().map(({ instance }) => instance), ['tv']);
  });

  it('knows itself when it is repeated in other words', async () => {
    const { discovery, socket } = await start();
    announce(discovery, 'nas');
    await pass(10_000);
    for (const { data } of says('nas')) {
      const repeated = Buffer.from(data);
      repeated[1] = 1;
      hear(socket, repeated);
    }
    await pass(10_000);
    assert.deepEqual(discovery.services(), []);
    assert.equal(says('nas-2').length, 0);
  });

  it('takes its former name back on links where nobody else has it', async () => {
    const { discovery, socket } = await start([ETH, WLAN]);
    announce(discovery, 'nas');
    await pass(10_000);
    const theirs = wireMessage({ answers: [wireRecord(instanceName('nas'), TYPE.SRV, wireSrv(9, wireName('x', 'local')), { flush: true })] });
    hear(socket, theirs);
    await pass(300);
    network.sent.length = 0;
    hear(socket, theirs);
    const goodbyes = network.sent.filter(({ data }) => readMessage(data, settings.mdns).answers.some(({ ttl }) => ttl === 0));
    assert.deepEqual(goodbyes.map(({ link: on }) => on), ['wlan0']);
    await pass(5_000);
    assert.deepEqual(new Set(says('nas-2').map(({ link: on }) => on)), new Set(['eth0', 'wlan0']));
  });

  it('does not fight itself where two of its links are one', async () => {
    const { discovery } = await start([ETH, link('eth1', '192.0.2.2')]);
    // what is sent on one is heard on the other, as on one switch
    const carry = network.carry.bind(network);
    network.carry = (packet) => {
      for (const on of ['eth0', 'eth1']) carry({ ...packet, link: on });
    };
    announce(discovery, 'nas');
    await pass(30_000);
    assert.deepEqual([says('nas-2').length, discovery.services()], [0, []]);
    const names = new Set(network.sent.flatMap(({ data }) => [...data.toString('latin1').matchAll(/xpmn-[0-9a-f]{10}/g)].map(([name]) => name)));
    assert.equal(names.size, 1);
  });

  it('is on another host when somebody has its own, and says so', async () => {
    const { discovery, socket } = await start();
    announce(discovery, 'nas');
    await pass(10_000);
    const [host = ''] = /xpmn-[0-9a-f]{10}/.exec(says('nas')[0]?.data.toString('latin1') ?? '') ?? [];
    const other = wireRecord(wireName(host, 'local'), TYPE.A, Buffer.from([192, 0, 2, 99]), { flush: true });
    const defend = new DnsStranger(async () => hear(socket, wireMessage({ answers: [other] })));
    await defend.say(TV);
    const before = network.sent.length;
    for (let ms = 0; ms < 2_000; ms += 50) {
      await pass(50);
      if (network.sent.slice(before).some(({ data }) => readMessage(data, settings.mdns).questions.some(({ name }) => name[0] === host))) hear(socket, wireMessage({ answers: [other] }));
    }
    await pass(5_000);
    const answers = network.sent.slice(-1).map(({ data }) => data.toString('latin1'));
    const late = network.sent.slice(before).map(({ data }) => readMessage(data, settings.mdns)).flatMap((message) => [...message.answers, ...message.additionals]);
    const targets = late.flatMap(({ data }) => (data.type === 'SRV' ? [data.target[0]] : []));
    assert.ok(targets.length > 0 && targets.at(-1) !== host && /^xpmn-/.test(targets.at(-1) ?? ''), `${host} ${targets.join()} ${answers.length}`);
    assert.ok(late.some(({ name, data }) => name[0] === targets.at(-1) && data.type === 'A'));
  });

  it('tries other names more slowly when all are taken, and takes the first that is free', async () => {
    const { discovery, socket } = await start();
    announce(discovery, 'nas', 5298);
    let taken = 0;
    let isOver = false;
    const times: number[] = [];
    for (let ms = 0; ms < 60_000 && !isOver; ms += 50) {
      await pass(50);
      for (const { data } of network.sent.splice(0)) {
        for (const { name, type } of readMessage(data, settings.mdns).questions) {
          if (type !== 'ANY' || !name[0]?.startsWith('nas') || isOver) continue;
          taken += 1;
          times.push(clock.monotonic());
          hear(socket, wireMessage({ answers: [wireRecord(instanceName(name[0]), TYPE.SRV, wireSrv(9, wireName('x', 'local')), { flush: true })] }));
        }
      }
      isOver = taken >= 20;
    }
    assert.equal(taken, 20);
    assert.ok((times[19] as number) - (times[15] as number) >= 4 * 5_000);
    await pass(10_000);
    network.sent.length = 0;
    hear(socket, wireMessage({ flags: 0, questions: [wireQuestion(SERVICE, TYPE.PTR)] }));
    await pass(1_000);
    assert.equal(says('nas-21').length, 1);
  });

  it('reads so much in a second, and all again later', async () => {
    const { discovery, socket } = await start([ETH], { bytesPerSecond: 1_000 });
    for (let index = 0; index < 40; index += 1) hear(socket, wireMessage({ answers: [wireRecord(wireName('x'.repeat(60)), TYPE.A, Buffer.from([1, 2, 3, 4]))] }));
    hear(socket, wireMessage({ answers: recordsOf(TV) }));
    await pass(100);
    assert.deepEqual(discovery.services(), []);
    await pass(1_000);
    hear(socket, wireMessage({ answers: recordsOf(TV) }));
    await pass(100);
    assert.equal(discovery.services().length, 1);
  });

  it('says what is new ten times a second at most, and the last of it always', async () => {
    const { discovery, socket } = await start();
    const found: FoundService[] = [];
    discovery.on('found', (service) => found.push(service));
    for (let index = 0; index < 1_000; index += 1) {
      hear(socket, wireMessage({ answers: recordsOf({ ...TV, txt: { index: String(index) } }) }));
      await clock.advance(1);
    }
    await pass(200);
    assert.ok(found.length >= 5 && found.length <= 12, String(found.length));
    assert.deepEqual(found.at(-1)?.txt, { index: '999' });
  });

  it('is silent once somebody who heard of something has stopped it', async () => {
    const { discovery, socket } = await start();
    const found: string[] = [];
    discovery.on('found', ({ instance }) => {
      found.push(instance);
      void discovery.stop();
    });
    for (const instance of ['one', 'two']) hear(socket, wireMessage({ answers: recordsOf({ ...TV, instance }) }));
    await pass(500);
    assert.equal(found.length, 1);
  });

  it('takes no harm from what is no packet', async () => {
    const { discovery, socket } = await start();
    for (const data of [Buffer.alloc(0), Buffer.alloc(12), Buffer.alloc(20_000), Buffer.alloc(100, 0xff), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) hear(socket, data);
    socket.hear({ data: wireMessage({ answers: recordsOf(TV) }), link: 'nowhere', address: '192.0.2.9', port: 5353 });
    hear(socket, wireMessage({ answers: recordsOf(TV) }));
    await pass(500);
    assert.equal(discovery.services().length, 1);
  });

  it('says goodbye on every link when it stops', async () => {
    const { discovery } = await start([ETH, WLAN]);
    announce(discovery, 'nas');
    await pass(10_000);
    network.sent.length = 0;
    await discovery.stop();
    assert.deepEqual(network.sent.map(({ link: on }) => on).sort(), ['eth0', 'wlan0']);
    assert.ok(network.sent.every(({ data }) => readMessage(data, settings.mdns).answers.every(({ ttl }) => ttl === 0)));
  });
});

describe('recent packets', () => {
  it('are the last ones, each once', () => {
    const recent = new RecentPackets(2);
    for (const text of ['a', 'b', 'a', 'c']) recent.add(Buffer.from(text));
    assert.deepEqual(['a', 'b', 'c'].map((text) => recent.has(Buffer.from(text))), [true, false, true]);
  });
});

describe('a budget of bytes', () => {
  it('is spent, and fills up to that of two seconds', () => {
    const budget = new ByteBudget(100, 0);
    assert.deepEqual([budget.take(150, 0), budget.take(51, 0), budget.take(50, 0), budget.take(1, 0)], [true, false, true, false]);
    assert.deepEqual([budget.take(60, 500), budget.take(50, 500)], [false, true]);
    assert.deepEqual([budget.take(201, 1e9), budget.take(200, 1e9)], [false, true]);
  });
});
