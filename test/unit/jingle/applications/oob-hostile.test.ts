import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { xml } from '../../../../src/xpmn/model/xml.ts';
import { createOutOfBand } from '../../../../src/xpmn/jingle/applications/oob.ts';
import { SendPool } from '../../../../src/xpmn/jingle/applications/oob-pool.ts';
import { WindowBudget } from '../../../../src/xpmn/jingle/applications/oob-window.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { securedPair } from '../../../support/secured-pair.ts';
import { settings } from '../../../support/settings.ts';
import { aborted, CountingSink, frame, mediaFrom, never, openAgainstBytes, watch } from './oob-rig.ts';

const options = settings.outOfBand;
const { window, maxStreams, maxUnclaimed } = options;

describe('out-of-band session against a hostile peer', () => {
  let end: Awaited<ReturnType<typeof openAgainstBytes>>;
  beforeEach(async () => (end = await openAgainstBytes()));
  afterEach(() => end.session.destroy(new XpmnError('aborted', 'Test.')));

  it('says ready first, as the responder', async () => {
    await end.seen.until(() => end.seen.frames.length > 0);
    assert.deepEqual(end.seen.frames, ['ready.']);
  });

  it('takes exactly its credit, and not one byte more', async () => {
    const sink = new CountingSink({ holding: true }).attach(end.session, 'x');
    end.wire.write(frame('x', Buffer.alloc(window - 1)));
    end.wire.write(frame('x', 'b'));
    await sink.reached(window - 1);
    await settle();
    assert.ok(!end.session.closed.aborted);
    end.wire.write(frame('x', 'c'));
    assert.equal((await aborted(end.session.closed)).code, 'flow-control');
    await assert.rejects(sink.done.promise, { code: 'flow-control' });
    assert.ok(sink.bytes <= window);
  });

  it('takes as much as it granted after half a window was used, and no more', async () => {
    const sink = new CountingSink({ holding: true }).attach(end.session, 'x');
    end.wire.write(frame('x', Buffer.alloc(window)));
    await sink.reached(window);
    sink.use(window / 2 - 1);
    await settle();
    assert.deepEqual(end.seen.frames, ['ready.']);
    sink.use(1);
    await end.seen.until(() => end.seen.frames.length > 1);
    assert.equal(Buffer.concat(end.seen.payload.get('credit') ?? []).toString(), `x ${(window / 2).toString(16)}\r\n`);
    end.wire.write(frame('x', Buffer.alloc(window / 2)));
    end.wire.write(frame('x', 'c'));
    assert.equal((await aborted(end.session.closed)).code, 'flow-control');
  });

  it('holds unclaimed bytes to the window, and not one more', async () => {
    end.wire.write(frame('x', Buffer.alloc(window)));
    await settle();
    assert.ok(!end.session.closed.aborted);
    end.wire.write(frame('x', 'c'));
    assert.equal((await aborted(end.session.closed)).code, 'flow-control');
  });

  it('stops reading when many streams are unclaimed, and goes on as they are claimed or given up', async () => {
    const count = 3 * maxUnclaimed;
    for (let i = 0; i < count; i += 1) {
      end.wire.write(frame(`s${i}`, 'hello'));
      end.wire.write(`0 s${i}\r\n\r\n`);
      await settle(1);
    }
    assert.deepEqual(end.givenUp, []);
    const sinks = Array.from({ length: count }, (_, i) => new CountingSink().attach(end.session, `s${i}`));
    await Promise.all(sinks.map(({ done }) => done.promise));
    for (const sink of sinks) assert.equal(sink.bytes, 5);
  });

  it('holds unclaimed streams to their number, gives up the next and forgets none that it holds', async () => {
    // In one piece: what has been read can't be left unread.
    end.wire.write(Buffer.concat(Array.from({ length: maxUnclaimed + 1 }, (_, i) => frame(`s${i}`, 'hello'))));
    await settle();
    assert.deepEqual(end.givenUp, [`s${maxUnclaimed}`]);
    const sinks = Array.from({ length: maxUnclaimed }, (_, i) => new CountingSink().attach(end.session, `s${i}`));
    await settle();
    for (const sink of sinks) assert.equal(sink.bytes, 5);
    assert.throws(() => end.session.receive(`s${maxUnclaimed}`, new CountingSink()), { code: 'not-found' });
    end.wire.write(frame(`s${maxUnclaimed}`, 'more'));
    end.wire.write(`0 s${maxUnclaimed}\r\n\r\n`);
    await settle();
    assert.ok(!end.session.closed.aborted);
  });

  it('remembers a bounded number of ids of ended streams that nobody wanted, and bothers nobody with them', async () => {
    for (let i = 0; i < 5000; i += 1) end.wire.write(`0 e${i}\r\n\r\n`);
    await settle(20);
    assert.deepEqual(end.givenUp, []);
    assert.ok(!end.session.closed.aborted);
  });

  it('refuses one stream more at a time than agreed, claimed or not, cancelled or not', async () => {
    for (let i = 0; i < maxStreams; i += 1) {
      const sink = new CountingSink().attach(end.session, `s${i}`);
      if (i % 2 === 0) sink.stream?.cancel();
      end.wire.write(frame(`s${i}`, 'x'));
    }
    await settle(20);
    assert.ok(!end.session.closed.aborted);
    end.wire.write(frame('more', 'x'));
    assert.equal((await aborted(end.session.closed)).code, 'protocol-violation');
  });

  it('holds crumbs at no more than their weight while the sink is busy', async () => {
    const sink = new CountingSink({ holding: true }).attach(end.session, 'x');
    const crumbs = Buffer.concat(Array.from({ length: 40_000 }, (_, i) => frame('x', String.fromCharCode(i % 256))));
    for (let at = 0; at < crumbs.length; at += 60_000) end.wire.write(crumbs.subarray(at, at + 60_000));
    await settle(50);
    assert.ok(sink.writes <= 4096 + 40_000 / 4096, `${sink.writes} writes`);
    sink.holding = false;
    sink.use(sink.lying);
    end.wire.write('0 x\r\n\r\n');
    await sink.done.promise;
    assert.equal(sink.bytes, 40_000);
  });

  it('does not let a cancelled stream exceed its credit either', async () => {
    const sink = new CountingSink().attach(end.session, 'x');
    end.wire.write(frame('x', Buffer.alloc(window - 1)));
    await sink.reached(window - 1);
    const granted = window; // what is consumed comes back in halves: at most a window is out
    sink.stream?.cancel();
    for (let sent = 0; sent <= granted && !end.wire.destroyed; sent += 50_000) end.wire.write(frame('x', Buffer.alloc(50_000)));
    assert.equal((await aborted(end.session.closed)).code, 'flow-control');
  });

  const deadly: Record<string, [string | Buffer, string]> = {
    'ready from the TLS client': ['0 ready\r\n\r\n', 'protocol-violation'],
    'a stream called ready': [frame('ready', 'x'), 'protocol-violation'],
    'the end of credit': ['0 credit\r\n\r\n', 'protocol-violation'],
    'a grant without a size': [frame('credit', 'x\r\n'), 'malformed'],
    'a grant that is not hexadecimal': [frame('credit', 'x -5\r\n'), 'malformed'],
    'a grant with two spaces': [frame('credit', 'x  5\r\n'), 'malformed'],
    'a grant without CR': [frame('credit', 'x 5\n'), 'malformed'],
    'a grant over two chunks': [Buffer.concat([frame('credit', 'x 5'), frame('credit', '0\r\n')]), 'malformed'],
    'a long line of credit': [frame('credit', 'x'.repeat(100)), 'malformed'],
    'a grant above 2^31': [frame('credit', 'x 80000001\r\n'), 'flow-control'],
    'an end of what it ended': ['0 x\r\n\r\n0 x\r\n\r\n', 'protocol-violation'],
    'more of what it ended': [Buffer.concat([Buffer.from('0 x\r\n\r\n'), frame('x', 'y')]), 'protocol-violation'],
  };
  for (const [what, [bytes, code]] of Object.entries(deadly)) {
    it(`ends the session on ${what}, failing what is open`, async () => {
      const sink = new CountingSink().attach(end.session, 'open');
      const sending = end.session.send('out', mediaFrom(randomBytes(2 * window)), { signal: never });
      const rejected = assert.rejects(sending, { code });
      end.wire.write(bytes);
      assert.equal((await aborted(end.session.closed)).code, code);
      await assert.rejects(sink.done.promise, { code });
      await rejected;
      assert.ok(end.secured.stream.destroyed);
      assert.equal(end.pool.usage.lent, 0);
    });
  }

  it('ends the session when grants add up to more than 2^31', async () => {
    const sending = end.session.send('out', mediaFrom(randomBytes(2 * window)), { signal: never });
    const rejected = assert.rejects(sending, { code: 'flow-control' });
    await settle();
    end.wire.write(frame('credit', 'out 7fffffff\r\nout 7fffffff\r\n'));
    assert.equal((await aborted(end.session.closed)).code, 'flow-control');
    await rejected;
  });

  it('ignores credit for streams that it does not send', async () => {
    end.wire.write(frame('credit', 'a 1\r\nready 5\r\ncredit 5\r\n'));
    await settle();
    assert.ok(!end.session.closed.aborted);
  });

  it('keeps one number per stream for a peer that does not read its grants', async () => {
    const sinks = Array.from({ length: 8 }, (_, i) => new CountingSink().attach(end.session, `s${i}`));
    end.wire.pause();
    for (let round = 0; round < 4; round += 1) {
      for (let i = 0; i < 8; i += 1) end.wire.write(frame(`s${i}`, Buffer.alloc(window / 4)));
      await settle();
    }
    for (const sink of sinks) assert.equal(sink.bytes, window);
    assert.ok(end.secured.stream.writableLength <= settings.inProcess.highWaterMark + options.maxChunk);
  });

  function openInitiator(clock: FakeClock, signal = never) {
    const pair = securedPair();
    const method = createOutOfBand({ clock, pool: new SendPool(options), budget: new WindowBudget(1), givenUp: () => undefined }, options);
    const seen = watch(pair.responder.stream);
    return { opening: method.open(pair.initiator, method.describe(), { signal }), wire: pair.responder.stream, stream: pair.initiator.stream, seen };
  }

  it('says nothing as the initiator before it hears ready, and gives up after its time', async () => {
    const clock = new FakeClock();
    const { opening, stream, seen } = openInitiator(clock);
    const rejected = assert.rejects(opening, { code: 'timeout' });
    await clock.advance(options.readyTime - 1);
    assert.deepEqual(seen.frames, []);
    assert.ok(!stream.destroyed);
    await clock.advance(1);
    await rejected;
    assert.ok(stream.destroyed);
    assert.equal(clock.pending, 0);
  });

  for (const [what, bytes] of Object.entries({ 'data': frame('x', 'y'), 'an end': '0 x\r\n\r\n', 'credit': frame('credit', 'x 1\r\n') })) {
    it(`refuses a responder that begins with ${what}`, async () => {
      const { opening, wire } = openInitiator(new FakeClock());
      wire.write(bytes);
      await assert.rejects(opening, { code: 'protocol-violation' });
    });
  }

  it('takes what comes right behind ready', async () => {
    const { opening, wire } = openInitiator(new FakeClock());
    wire.write(Buffer.concat([Buffer.from('0 ready\r\n\r\n'), frame('x', 'hello'), Buffer.from('0 x\r\n\r\n')]));
    const session = await opening;
    const sink = new CountingSink().attach(session, 'x', 5);
    await sink.done.promise;
    assert.equal(sink.bytes, 5);
    session.destroy(new XpmnError('aborted', 'Test.'));
  });

  it('refuses a description that makes no sense, and destroys the stream', async () => {
    const pair = securedPair();
    const method = createOutOfBand({ clock: new FakeClock(), pool: new SendPool(options), budget: new WindowBudget(1), givenUp: () => undefined }, options);
    await assert.rejects(method.open(pair.initiator, xml('description', 'urn:x'), { signal: never }), { code: 'malformed' });
    assert.ok(pair.initiator.stream.destroyed);
  });
});
