import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { wiredPair } from '../../../support/secured-pair.ts';
import { settings } from '../../../support/settings.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { aborted, CountingSink, mediaFrom, never, openAgainstBytes, openPair, sha256, type End } from './oob-rig.ts';

const { window, maxStreams, firstChunk } = settings.outOfBand;

describe('out-of-band session', () => {
  let ends: End[] = [];
  afterEach(() => {
    for (const end of ends) end.session.destroy(new XpmnError('aborted', 'Test.'));
    ends = [];
  });

  async function open(options?: Parameters<typeof openPair>[0]): Promise<{ a: End; b: End }> {
    const { initiator, responder } = await openPair(options);
    ends = [initiator, responder];
    return { a: initiator, b: responder };
  }

  function nothingLent(...pools: End[]): void {
    for (const { pool } of pools) assert.deepEqual([pool.usage.lent, pool.usage.streams], [0, 0]);
  }

  it('interleaves eight streams of different lengths, both ways, byte for byte', async () => {
    const { a, b } = await open();
    const contents = [0, 1, 16_384, 16_385, 100_000, window, window + 1, 3_000_017].map((size) => randomBytes(size));
    await Promise.all(contents.map(async (content, i) => {
      const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
      const sink = new CountingSink().attach(to.session, `s${i}`, content.length);
      await Promise.all([from.session.send(`s${i}`, mediaFrom(content, { step: i % 3 === 0 ? 5000 : Infinity }), { signal: never }), sink.done.promise]);
      assert.equal(sink.bytes, content.length);
      assert.equal(sink.digest(), sha256(content));
    }));
    nothingLent(a, b);
    assert.ok(a.session.isIdle && b.session.isIdle);
    assert.equal(a.budget.available, settings.outOfBand.windowBudget);
    assert.equal(b.budget.available, settings.outOfBand.windowBudget);
  });

  it('carries as many streams at a time as agreed, and one more is refused', async () => {
    const { a, b } = await open();
    const content = randomBytes(50_000);
    const media = Array.from({ length: maxStreams }, () => mediaFrom(content));
    const sinks = media.map((_, i) => new CountingSink().attach(b.session, `s${i}`, content.length));
    const sends = media.map((source, i) => a.session.send(`s${i}`, source, { signal: never }));
    assert.equal(a.session.canSend, false);
    const refused = mediaFrom(content);
    await assert.rejects(a.session.send('more', refused, { signal: never }), { code: 'resource-limit' });
    assert.ok(refused.closed);
    await Promise.all(sends);
    await Promise.all(sinks.map((sink) => sink.done.promise));
    for (const sink of sinks) assert.equal(sink.digest(), sha256(content));
    assert.equal(a.session.canSend, true);
    nothingLent(a);
  });

  it('lets a stalled stream stop at its window, while another goes on', async () => {
    const { a, b } = await open();
    const stalled = new CountingSink({ holding: true }).attach(b.session, 'stalled');
    const stalledSource = mediaFrom(randomBytes(2_000_000));
    const sending = a.session.send('stalled', stalledSource, { signal: never });
    await stalled.reached(window);
    const content = randomBytes(5_000_000);
    const other = new CountingSink().attach(b.session, 'other', content.length);
    await a.session.send('other', mediaFrom(content), { signal: never });
    await other.done.promise;
    assert.equal(other.digest(), sha256(content));
    assert.equal(stalled.bytes, window);
    assert.ok(stalledSource.delivered <= window + 3 * settings.outOfBand.largestChunk);
    stalled.holding = false;
    stalled.use(stalled.lying);
    await sending;
    await stalled.done.promise;
    assert.equal(stalled.bytes, 2_000_000);
  });

  it('ends a stream whose length is exactly its credit without any more credit', async () => {
    const { a, b } = await open();
    const sink = new CountingSink({ holding: true }).attach(b.session, 'exact', window);
    await a.session.send('exact', mediaFrom(randomBytes(window)), { signal: never });
    await sink.done.promise;
    assert.equal(sink.bytes, window);
  });

  it('works with a window of one byte and the smallest chunks', async () => {
    const { a, b } = await open({ responder: { window: 1, maxChunk: 80 } });
    const content = randomBytes(200);
    const sink = new CountingSink().attach(b.session, 'tiny', content.length);
    await a.session.send('tiny', mediaFrom(content), { signal: never });
    await sink.done.promise;
    assert.equal(sink.digest(), sha256(content));
  });

  it('waits for an empty socket each time if nothing may wait in it', async () => {
    const { a, b } = await open({ initiator: { writeAhead: 1 }, responder: { writeAhead: 1 } });
    await Promise.all([[a, b], [b, a]].flatMap(([from, to]) => ['x', 'y'].map(async (id) => {
      const content = randomBytes(700_000);
      const sink = new CountingSink().attach((to as End).session, id, content.length);
      await (from as End).session.send(id, mediaFrom(content), { signal: never });
      await sink.done.promise;
      assert.equal(sink.digest(), sha256(content));
    })));
  });

  it('cuts a frame that its source filled before the credit came', async () => {
    const { a, b } = await open({ responder: { window: 20_000 } });
    const content = randomBytes(60_000);
    const sink = new CountingSink({ holding: true }).attach(b.session, 'cut', content.length);
    const media = mediaFrom(content);
    // As a socket does: it asks for the next buffer before it waits.
    const read = media.read;
    media.read = (lease, options) => read({ buffer: () => lease.buffer(), filled: (n) => { const wait = lease.filled(n); lease.buffer(); return wait; } }, options);
    const sending = a.session.send('cut', media, { signal: never });
    await sink.reached(20_000);
    for (let granted = 10_001; sink.bytes < content.length; granted = 10_001) {
      const before = sink.bytes;
      sink.use(Math.min(granted, sink.lying));
      if (before < content.length) await sink.reached(before + 1);
    }
    await sending;
    await sink.done.promise;
    assert.equal(sink.digest(), sha256(content));
    nothingLent(a);
  });

  it('holds what comes before it is claimed, up to its window', async () => {
    const { a, b } = await open();
    const content = randomBytes(window + 1000);
    const media = mediaFrom(content);
    const sending = a.session.send('early', media, { signal: never });
    await settle(50);
    const sink = new CountingSink().attach(b.session, 'early', content.length);
    assert.equal(sink.bytes, 0, 'the caller has its handle before the first byte');
    await sending;
    await sink.done.promise;
    assert.equal(sink.digest(), sha256(content));
  });

  it('holds a whole small stream, even an empty one, until it is claimed', async () => {
    const { a, b } = await open();
    await a.session.sendBytes('small', Buffer.from('hello'), { signal: never });
    await a.session.sendBytes('empty', [], { signal: never });
    await settle();
    const small = new CountingSink().attach(b.session, 'small', 5);
    const empty = new CountingSink().attach(b.session, 'empty', 0);
    await Promise.all([small.done.promise, empty.done.promise]);
    assert.deepEqual([small.bytes, empty.bytes], [5, 0]);
    assert.ok(b.session.isIdle);
  });

  it('gives unclaimed streams up after a while, without credit, and says so', async () => {
    const clock = new FakeClock();
    const { a, b } = await open({ clock });
    const controller = new AbortController();
    const sending = a.session.send('nobody', mediaFrom(randomBytes(2 * window)), { signal: controller.signal });
    sending.catch(() => undefined);
    await settle();
    await clock.advance(settings.outOfBand.unclaimedTime - 1);
    assert.deepEqual(b.givenUp, []);
    await clock.advance(1);
    assert.deepEqual(b.givenUp, ['nobody']);
    assert.throws(() => b.session.receive('nobody', new CountingSink()), { code: 'not-found' });
    assert.equal(a.session.abortedByPeer('nobody'), true);
    await assert.rejects(sending, { code: 'aborted' });
    assert.equal(a.session.abortedByPeer('nobody'), false);
    await settle();
    assert.ok(b.session.isIdle);
    assert.throws(() => b.session.receive('nobody', new CountingSink()), { code: 'not-found' });
    assert.equal(clock.pending, 0);
  });

  it('fails a stream of unknown length when its sender says that it could not send the rest, and goes on', async () => {
    const { a, b } = await open();
    const sink = new CountingSink().attach(b.session, 'x');
    const controller = new AbortController();
    const sending = a.session.send('x', mediaFrom(randomBytes(window * 4), { unknownSize: true }), { signal: controller.signal });
    sending.catch(() => undefined);
    await sink.reached(1);
    assert.equal(b.session.abortedByPeer('x'), true);
    await assert.rejects(sink.done.promise, { code: 'truncated' });
    assert.equal(b.session.abortedByPeer('x'), false);
    controller.abort(new XpmnError('aborted', 'Test.'));
    const next = new CountingSink().attach(b.session, 'y', 3);
    await a.session.sendBytes('y', Buffer.from('abc'), { signal: never });
    await next.done.promise;
  });

  it('ends early when the sender aborts: the receiver sees less than announced, the next stream works', async () => {
    const { a, b } = await open();
    const controller = new AbortController();
    const sink = new CountingSink({ holding: true }).attach(b.session, 'x', 1_000_000);
    const media = mediaFrom(randomBytes(1_000_000));
    const sending = a.session.send('x', media, { signal: controller.signal });
    await sink.reached(window);
    const reason = new XpmnError('not-running', 'Test.');
    controller.abort(reason);
    await assert.rejects(sending, reason);
    await assert.rejects(sink.done.promise, { code: 'truncated' });
    assert.ok(media.closed);
    const next = new CountingSink().attach(b.session, 'y', 3);
    await a.session.sendBytes('y', Buffer.from('abc'), { signal: never });
    await next.done.promise;
    nothingLent(a);
  });

  it('does not begin for a signal that is aborted', async () => {
    const { a } = await open();
    const media = mediaFrom(randomBytes(10));
    const reason = new XpmnError('not-running', 'Test.');
    await assert.rejects(a.session.send('x', media, { signal: AbortSignal.abort(reason) }), reason);
    assert.ok(media.closed && media.delivered === 0);
    nothingLent(a);
  });

  it('passes a failing source on to the sender, and an early end to the receiver', async () => {
    const { a, b } = await open();
    for (const failAt of [0, 1, 100_000]) {
      const id = `fails${failAt}`;
      const sink = new CountingSink().attach(b.session, id, 500_000);
      const media = mediaFrom(randomBytes(500_000), { failAt });
      await assert.rejects(a.session.send(id, media, { signal: never }), /the origin broke/);
      await assert.rejects(sink.done.promise, { code: 'truncated' });
      assert.ok(media.closed && sink.bytes <= failAt);
    }
    nothingLent(a);
  });

  it('does not let a source deliver more, or less, than it announced', async () => {
    const { a, b } = await open();
    for (const [id, to, code] of [['more', 9, 'internal'], ['less', 29, 'truncated']] as const) {
      const sink = new CountingSink().attach(b.session, id, to + 1);
      const media = { ...mediaFrom(randomBytes(20)), range: { from: 0, to } };
      await assert.rejects(a.session.send(id, media, { signal: never }), { code });
      await assert.rejects(sink.done.promise, { code: 'truncated' });
    }
    nothingLent(a);
  });

  it('rejects ids that are in use, reserved or none', async () => {
    const { a, b } = await open();
    new CountingSink({ holding: true }).attach(b.session, 'x');
    const sending = a.session.send('x', mediaFrom(randomBytes(2 * window)), { signal: never });
    sending.catch(() => undefined);
    await assert.rejects(a.session.send('x', mediaFrom(randomBytes(1)), { signal: never }), { code: 'conflict' });
    assert.throws(() => b.session.receive('x', new CountingSink()), { code: 'conflict' });
    for (const id of ['ready', 'credit', '', 'a b', 'x'.repeat(65), 'ä']) {
      await assert.rejects(a.session.send(id, mediaFrom(randomBytes(1)), { signal: never }), { code: 'bad-request' });
    }
  });

  it('discards late chunks of a cancelled stream without credit, and goes on', async () => {
    const { a, b } = await open();
    const sink = new CountingSink().attach(b.session, 'x', 10_000_000);
    const media = mediaFrom(randomBytes(10_000_000));
    const sending = a.session.send('x', media, { signal: never });
    sending.catch(() => undefined);
    await sink.reached(1_000_000);
    b.session.cancel('x');
    const { bytes } = sink;
    const other = new CountingSink().attach(b.session, 'y', 1_000_000);
    await a.session.send('y', mediaFrom(randomBytes(1_000_000)), { signal: never });
    await other.done.promise;
    assert.equal(sink.bytes, bytes, 'a cancelled sink hears nothing');
    assert.ok(!sink.ended && !sink.error && b.givenUp.length === 0);
    assert.ok(media.delivered < 10_000_000);
    a.session.abortedByPeer('x');
    await assert.rejects(sending, { code: 'aborted' });
    await settle();
    assert.ok(b.session.isIdle);
    assert.equal(b.budget.available, settings.outOfBand.windowBudget);
  });

  it('discards a stream that was cancelled before it began', async () => {
    const { a, b } = await open();
    const sink = new CountingSink().attach(b.session, 'x');
    sink.stream?.cancel();
    sink.stream?.cancel();
    assert.ok(b.session.isIdle);
    await a.session.sendBytes('x', Buffer.from('late'), { signal: never });
    await settle();
    assert.ok(b.session.isIdle && sink.bytes === 0 && b.givenUp.length === 0);
  });

  it('gives up a stream whose sink throws, and says so', async () => {
    const { a, b } = await open();
    const failures: unknown[] = [];
    b.session.receive('x', { write: () => { throw new Error('full disk'); }, end: () => assert.fail(), fail: (error) => { failures.push(error); throw error; } });
    const sending = a.session.send('x', mediaFrom(randomBytes(2 * window)), { signal: never });
    const rejected = assert.rejects(sending, { code: 'aborted' });
    await settle(50);
    assert.deepEqual(b.givenUp, ['x']);
    assert.equal(failures.length, 1);
    a.session.abortedByPeer('x');
    await rejected;
    assert.ok(!b.session.closed.aborted);
  });

  it('fails a stream that is longer than announced, and delivers nothing beyond', async () => {
    const { a, b } = await open();
    for (const [id, early] of [['before', false], ['after', true]] as const) {
      const sink = new CountingSink();
      if (!early) sink.attach(b.session, id, 10);
      await a.session.sendBytes(id, Buffer.alloc(11), { signal: never });
      await settle();
      if (early) sink.attach(b.session, id, 10);
      await assert.rejects(sink.done.promise, { code: 'protocol-violation' });
      assert.ok(sink.bytes <= 10);
    }
    assert.ok(!b.session.closed.aborted);
  });

  it('fails every open stream, and frees everything, when the connection is lost', async () => {
    const pair = wiredPair();
    const { a, b } = await open({ pair });
    const sink = new CountingSink({ holding: true }).attach(b.session, 'x', 1_000_000);
    const waiting = new CountingSink().attach(b.session, 'never-began');
    const media = mediaFrom(randomBytes(1_000_000));
    const sending = a.session.send('x', media, { signal: never });
    sending.catch(() => undefined);
    await sink.reached(window);
    pair.cut();
    await assert.rejects(sink.done.promise, { code: 'connection-lost' });
    await assert.rejects(waiting.done.promise, { code: 'connection-lost' });
    await assert.rejects(sending, { code: 'connection-lost' });
    assert.equal((await aborted(a.session.closed)).code, 'connection-lost');
    assert.ok(media.closed);
    nothingLent(a, b);
    await assert.rejects(a.session.send('y', mediaFrom(randomBytes(1)), { signal: never }));
    assert.throws(() => b.session.receive('y', new CountingSink()), { code: 'connection-lost' });
  });

  it('closes in order after what is under way, and takes nothing new', async () => {
    const { a, b } = await open();
    const content = randomBytes(3_000_000);
    const sink = new CountingSink().attach(b.session, 'x', content.length);
    const sending = a.session.send('x', mediaFrom(content), { signal: never });
    const closing = a.session.close({ signal: never });
    await assert.rejects(a.session.send('y', mediaFrom(randomBytes(1)), { signal: never }), { code: 'aborted' });
    await sending;
    await sink.done.promise;
    await closing;
    assert.equal(sink.digest(), sha256(content));
    assert.equal((await aborted(b.session.closed)).code, 'aborted');
  });

  it('takes an end in the middle of a stream for a loss', async () => {
    const { session, wire } = await openAgainstBytes();
    const sink = new CountingSink().attach(session, 'x');
    wire.end('5 x\r\nhello\r\n');
    await assert.rejects(sink.done.promise, { code: 'connection-lost' });
    assert.equal((await aborted(session.closed)).code, 'connection-lost');
  });

  it('keeps the pool within its bound, refusing what would not fit', async () => {
    const sendPool = 2 * 3 * firstChunk;
    const { a, b } = await open({ initiator: { sendPool } });
    const sinks = ['a', 'b'].map((id) => new CountingSink({ holding: true }).attach(b.session, id));
    const sends = ['a', 'b'].map((id) => a.session.send(id, mediaFrom(randomBytes(2 * window)), { signal: never }));
    for (const send of sends) send.catch(() => undefined);
    await assert.rejects(a.session.send('c', mediaFrom(randomBytes(10)), { signal: never }), { code: 'resource-limit' });
    await Promise.all(sinks.map((sink) => sink.reached(window)));
    assert.ok(a.pool.usage.lent <= sendPool);
    a.session.destroy(new XpmnError('aborted', 'Test.'));
    await Promise.all(sends.map((send) => assert.rejects(send, { code: 'aborted' })));
    nothingLent(a);
  });

  it('sends what is made as it goes', async () => {
    const { a, b } = await open();
    const parts = Array.from({ length: 50 }, () => randomBytes(3000));
    const sink = new CountingSink().attach(b.session, 'x');
    await a.session.sendBytes('x', (async function* () { yield* parts; })(), { signal: never });
    await sink.done.promise;
    assert.equal(sink.digest(), sha256(Buffer.concat(parts)));
  });
});
