import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { NS_IBB } from '../../../../src/xpmn/jingle/transports/ibb-codec.ts';
import type { IbbOptions } from '../../../../src/xpmn/jingle/transports/ibb.ts';
import type { IbbVersion } from '../../../../src/xpmn/jingle/transports/ibb-codec.ts';
import { IbbStream } from '../../../../src/xpmn/jingle/transports/ibb-stream.ts';
import type { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { child, elements, xml } from '../../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../../src/xpmn/model/xml.ts';
import type { Role, TransportContext, TransportNegotiation } from '../../../../src/xpmn/ports/transport.ts';
import type { ChannelPair, End } from '../../../support/channel-pair.ts';
import { FakeClock, FakeRandom, settle } from '../../../support/fake-clock.ts';
import { ibbRig } from '../../../support/ibb-rig.ts';
import { settings } from '../../../support/settings.ts';

const { window: WINDOW, receiveLimit, ackTimeout, openTimeout, blockSize: BLOCK } = settings.ibb;

interface Setup {
  readonly clock: FakeClock;
  readonly pair: ChannelPair;
  readonly offer: TransportNegotiation;
  readonly answer: TransportNegotiation;
  readonly sid: string;
  readonly routes: () => number;
}

async function negotiated(version: IbbVersion = 1, options: { a?: Partial<IbbOptions>; b?: Partial<IbbOptions> } = {}): Promise<Setup> {
  const clock = new FakeClock();
  const { pair, initiator, responder, routers } = ibbRig(clock, version, options);
  const context = (role: Role): TransportContext => {
    const [local, peer] = role === 'initiator' ? [pair.a, pair.b] : [pair.b, pair.a];
    return { role, local: local.channel.local, peer: peer.channel.local, sendInfo: () => Promise.resolve(), signal: new AbortController().signal };
  };
  const offer = initiator.offer(context('initiator'));
  const offered = await offer.describe();
  const answer = responder.accept(context('responder'), offered);
  offer.answered(await answer.describe());
  return { clock, pair, offer, answer, sid: offered.attrs['sid'] as string, routes: () => routers.reduce((sum, { size }) => sum + size, 0) };
}

async function connected(version: IbbVersion = 1, options: { a?: Partial<IbbOptions>; b?: Partial<IbbOptions> } = {}): Promise<Setup & { a: Duplex; b: Duplex }> {
  const setup = await negotiated(version, options);
  const [b, a] = await Promise.all([setup.answer.connect(), setup.offer.connect()]);
  return { ...setup, a, b };
}

function ofKind(pair: ChannelPair, from: End, name: string): XmlElement[] {
  return pair.sent.filter((entry) => entry.from === from).flatMap(({ stanza }) => elements(stanza)).filter((payload) => payload.ns === NS_IBB && payload.name === name);
}

/** What `to` answers to a request that its peer (or somebody else) makes: `result`, or the name of the condition. */
async function ask(pair: ChannelPair, to: End, payload: XmlElement, from = pair[to === 'a' ? 'b' : 'a'].channel.local as string): Promise<string | undefined> {
  const id = `test-${pair.sent.length}`;
  pair.inject(to, xml('iq', 'jabber:client', { type: 'set', id, from, to: pair[to].channel.local }, payload));
  await settle(2);
  const answer = pair.sent.find((entry) => entry.from === to && entry.stanza.attrs['id'] === id)?.stanza;
  if (!answer) return undefined;
  const error = child(answer, 'error');
  return error ? elements(error)[0]?.name : answer.attrs['type'];
}

const data = (sid: string, seq: number, text = 'x'): XmlElement => xml('data', NS_IBB, { sid, seq }, Buffer.from(text).toString('base64'));
const open = (sid: string, blockSize = BLOCK): XmlElement => xml('open', NS_IBB, { 'sid': sid, 'block-size': blockSize });
const failure = async (stream: Duplex): Promise<unknown> => (stream.errored ? stream.errored : ((await once(stream, 'error')) as unknown[])[0]);

describe('in-band stream: opening', () => {
  it('opens with a stanza in version 1, without in version 0', async () => {
    assert.equal(ofKind((await connected(1)).pair, 'a', 'open').length, 1);
    assert.equal(ofKind((await connected(0)).pair, 'a', 'open').length, 0);
  });

  it('uses the smaller block size of both', async () => {
    for (const options of [{ b: { blockSize: 1000 } }, { a: { blockSize: 1000 } }]) {
      const { a, b, pair } = await connected(1, options);
      a.write(Buffer.alloc(2500));
      b.write(Buffer.alloc(1001));
      await settle();
      assert.equal(ofKind(pair, 'a', 'open')[0]?.attrs['block-size'], '1000');
      assert.deepEqual([ofKind(pair, 'a', 'data').length, ofKind(pair, 'b', 'data').length], [3, 2]);
    }
  });

  it('takes a larger block size in the answer as the offered one', async () => {
    const { initiator, pair } = ibbRig(new FakeClock(), 1);
    const offer = initiator.offer({ role: 'initiator', local: pair.a.channel.local, peer: pair.b.channel.local, sendInfo: () => Promise.resolve(), signal: new AbortController().signal });
    const { ns, attrs } = await offer.describe();
    offer.answered(xml('transport', ns, { ...attrs, 'block-size': '60000' }));
    const connecting = offer.connect().catch(() => undefined);
    await settle();
    assert.equal(ofKind(pair, 'a', 'open')[0]?.attrs['block-size'], String(BLOCK));
    await connecting;
  });

  it('refuses another block size, and still opens with the right one', async () => {
    const { pair, sid, answer } = await negotiated();
    const connecting = answer.connect();
    assert.equal(await ask(pair, 'b', open(sid, 2048)), 'resource-constraint');
    assert.equal(await ask(pair, 'b', open(sid)), 'result');
    await connecting;
  });

  it('refuses a second open, and any in version 0 or at the initiator', async () => {
    const one = await connected(1);
    assert.equal(await ask(one.pair, 'b', open(one.sid)), 'not-acceptable');
    assert.equal(await ask(one.pair, 'a', open(one.sid)), 'not-acceptable');
    const zero = await connected(0);
    assert.equal(await ask(zero.pair, 'b', open(zero.sid)), 'not-acceptable');
    assert.equal(one.b.destroyed || zero.b.destroyed, false);
  });

  it('knows no blocks before the open', async () => {
    const { pair, sid, answer, offer } = await negotiated();
    assert.equal(await ask(pair, 'b', data(sid, 0)), 'item-not-found');
    const [b] = await Promise.all([answer.connect(), offer.connect()]);
    assert.equal(await ask(pair, 'b', data(sid, 0, 'first')), 'result');
    assert.equal(String(b.read()), 'first');
  });

  it('sends the first blocks with the open, and waits for no answer to it', async () => {
    const { pair, sid, offer, answer } = await negotiated();
    pair.hold('b');
    const a = await offer.connect();
    a.write('first');
    await settle();
    assert.deepEqual([ofKind(pair, 'a', 'open').length, ofKind(pair, 'a', 'data').length], [1, 1]);
    pair.release('b');
    const b = await answer.connect();
    await settle();
    assert.equal(String(b.read()), 'first', sid);
  });

  it('fails when the open is refused, or does not come', async () => {
    const refused = await negotiated();
    refused.answer.destroy();
    assert.equal(((await failure(await refused.offer.connect())) as XpmnError).code, 'transport-failed');
    const unanswered = await negotiated();
    unanswered.pair.hold('b');
    const lost = unanswered.offer.connect().then(failure);
    await unanswered.clock.advance(openTimeout);
    assert.equal(((await lost) as XpmnError).code, 'transport-failed');
    unanswered.answer.destroy();
    const silent = await negotiated();
    const waiting = assert.rejects(silent.answer.connect(), { code: 'timeout' });
    await silent.clock.advance(openTimeout);
    await waiting;
    silent.offer.destroy();
    assert.deepEqual([refused.routes(), unanswered.routes(), silent.routes(), silent.clock.pending], [0, 0, 0, 0]);
  });

  it('refuses a sid that the same peer uses already', async () => {
    const { responder, pair } = ibbRig(new FakeClock(), 1);
    const accept = (peer: string) => responder.accept(
      { role: 'responder', local: pair.b.channel.local, peer: parseJid(peer), sendInfo: () => Promise.resolve(), signal: new AbortController().signal },
      xml('transport', responder.namespace, { 'sid': 's', 'block-size': '4096' }),
    );
    accept('romeo@montague.lit/orchard');
    accept('romeo@montague.lit/garden');
    assert.throws(() => accept('romeo@montague.lit/orchard'), { code: 'conflict' });
  });
});

describe('in-band stream: blocks', () => {
  it('keeps a window of blocks on their way', async () => {
    const { a, pair } = await connected();
    pair.hold('b');
    a.write(Buffer.alloc(BLOCK * WINDOW * 3));
    await settle();
    assert.equal(ofKind(pair, 'a', 'data').length, WINDOW);
  });

  it('holds acknowledgements back while nobody reads', async () => {
    const { a, b, pair } = await connected();
    const total = settings.ibb.receiveBuffer + BLOCK * WINDOW * 3;
    const answers = (): number => pair.sent.filter(({ from, stanza }) => from === 'b' && stanza.attrs['type'] === 'result').length;
    a.write(Buffer.alloc(total));
    await settle(20);
    const stalled = answers();
    await settle(20);
    assert.equal(answers(), stalled);
    assert.ok(b.readableLength <= settings.ibb.receiveBuffer + BLOCK * WINDOW);
    let got = 0;
    for await (const chunk of b.iterator({ destroyOnReturn: false })) {
      got += (chunk as Buffer).length;
      if (got === total) break;
    }
    assert.equal(got, total);
  });

  it('fails a sender that does not wait for acknowledgements', async () => {
    const { b, pair, sid } = await connected();
    const error = failure(b);
    const block = 'x'.repeat(BLOCK);
    let answer: string | undefined;
    for (let seq = 0; answer !== 'resource-constraint' && seq < 1000; seq += 1) answer = await ask(pair, 'b', data(sid, seq, block));
    assert.equal(answer, 'resource-constraint');
    assert.equal(((await error) as { code?: string }).code, 'transport-failed');
    assert.ok(b.readableLength <= receiveLimit);
  });

  it('begins again at 0 after 65535', () => {
    const deps = { channel: ibbRig(new FakeClock(), 1).pair.a.channel, random: new FakeRandom(), peer: parseJid('p@example.org/r'), sid: 's', onGone: () => undefined };
    const stream = new IbbStream(deps, settings.ibb);
    stream.markOpen();
    for (let i = 0; i < 65_538; i += 1) stream.blockReceived({ sid: 's', seq: i % 65_536, base64: 'eA==' })?.catch(() => undefined);
    assert.deepEqual([stream.readableLength, stream.destroyed], [65_538, false]);
    assert.throws(() => stream.blockReceived({ sid: 's', seq: 65_535, base64: 'eA==' }), { code: 'unexpected-request' });
    assert.equal(stream.destroyed, true);
  });

  const hostile: readonly (readonly [string, string, (sid: string) => XmlElement])[] = [
    ['a gap', 'unexpected-request', (sid) => data(sid, 2)],
    ['a repeated block', 'unexpected-request', (sid) => data(sid, 0)],
    ['a block that is too large', 'bad-request', (sid) => data(sid, 1, 'x'.repeat(BLOCK + 1))],
    ['what is not base64', 'bad-request', (sid) => xml('data', NS_IBB, { sid, seq: 1 }, '!!!!')],
  ];
  for (const [what, condition, payload] of hostile) {
    it(`answers ${what} with ${condition}, and fails both ends`, async () => {
      const { a, b, pair, sid, routes } = await connected();
      const errors = failure(b);
      a.write('fine');
      await settle();
      b.read();
      const closed = once(a.resume(), 'close');
      assert.equal(await ask(pair, 'b', payload(sid)), condition);
      assert.equal(((await errors) as { code?: string }).code, 'transport-failed');
      await closed;
      assert.equal(routes(), 0);
    });
  }

  it('knows the stream only from the peer itself', async () => {
    const { b, pair, sid } = await connected();
    for (const stranger of ['mallory@example.org/x', 'romeo@montague.lit', 'romeo@montague.lit/other', 'juliet@capulet.lit/balcony']) {
      for (const payload of [data(sid, 0), xml('close', NS_IBB, { sid }), open(sid)]) assert.equal(await ask(pair, 'b', payload, stranger), 'item-not-found');
    }
    assert.equal(await ask(pair, 'b', data('other', 0)), 'item-not-found');
    assert.equal(await ask(pair, 'b', xml('data', NS_IBB, { sid, seq: 'x' })), 'bad-request');
    assert.equal(await ask(pair, 'b', data(sid, 0, 'still fine')), 'result');
    assert.equal(String(b.read()), 'still fine');
  });

  it('fails when a block is not acknowledged in time', async () => {
    const { a, pair, clock } = await connected();
    pair.hold('b');
    const error = failure(a);
    a.write('x');
    await clock.advance(ackTimeout);
    assert.equal(((await error) as { code?: string }).code, 'transport-failed');
    assert.equal(clock.pending, 0);
  });
});

describe('in-band stream: closing', () => {
  it('sends everything, waits for its acknowledgement, and only then closes', async () => {
    const { a, b, pair, routes } = await connected();
    pair.hold('b');
    a.end(Buffer.alloc(10_000));
    await settle();
    assert.equal(ofKind(pair, 'a', 'close').length, 0);
    pair.release('b');
    await settle();
    assert.equal(ofKind(pair, 'a', 'close').length, 1);
    a.resume();
    b.resume();
    await Promise.all([once(a, 'close'), once(b, 'close')]);
    assert.deepEqual([a.errored, b.errored, routes()], [null, null, 0]);
  });

  it('ends without an error when both close at the same time', async () => {
    const { a, b, routes } = await connected();
    const got: Buffer[] = [];
    a.resume();
    b.on('data', (chunk: Buffer) => got.push(chunk));
    const ends = Promise.all([once(a, 'close'), once(b, 'close')]);
    a.end('last words');
    b.end();
    await ends;
    assert.deepEqual([a.errored, b.errored, routes(), Buffer.concat(got).toString()], [null, null, 0, 'last words']);
  });

  it('takes a close that overtakes the acknowledgement of the last block', async () => {
    const { a, b } = await connected();
    a.resume();
    const ends = Promise.all([once(a, 'close'), once(b, 'close')]);
    b.once('data', () => b.end());
    a.write('bye');
    await ends;
    assert.deepEqual([a.errored, b.errored], [null, null]);
  });

  it('still reads what the peer had sent before our close', async () => {
    const { a, b, pair } = await connected();
    pair.hold('b');
    b.write('on its way');
    a.end();
    await settle();
    pair.release('b');
    const got: Buffer[] = [];
    for await (const chunk of a) got.push(chunk as Buffer);
    assert.equal(Buffer.concat(got).toString(), 'on its way');
  });

  it('fails a writer whose peer closes too early, after it has read all', async () => {
    const { a, b, pair } = await connected();
    b.write('first');
    await settle();
    pair.hold('b');
    a.write(Buffer.alloc(BLOCK * WINDOW * 2));
    await settle();
    b.destroy();
    pair.release('b');
    await settle();
    assert.equal(a.errored, null);
    const error = failure(a);
    assert.equal(String(a.read()), 'first');
    a.resume();
    assert.equal(((await error) as { code?: string }).code, 'connection-lost');
  });

  it('answers what comes after the end with item-not-found', async () => {
    const { a, b, pair, sid } = await connected();
    b.resume();
    const ends = Promise.all([once(a.resume(), 'close'), once(b, 'close')]);
    a.end();
    await ends;
    for (const payload of [data(sid, 0), xml('close', NS_IBB, { sid })]) assert.equal(await ask(pair, 'b', payload), 'item-not-found');
  });

  it('lets go of blocks that wait for room when it is destroyed', async () => {
    const { a, b, pair, clock } = await connected();
    a.write(Buffer.alloc(settings.ibb.receiveBuffer + BLOCK * 4));
    await settle(20);
    assert.ok(pair.waiting > 0);
    b.destroy();
    await settle();
    // Answered, and not merely given up by the asker.
    assert.deepEqual([pair.waiting, clock.pending], [0, 0]);
    a.destroy();
  });

  it('says why when its channel is gone', async () => {
    const { a, pair } = await connected();
    const error = failure(a);
    pair.close();
    assert.equal(((await error) as { code?: string }).code, 'connection-lost');
  });
});
