import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { createOutOfBand } from '../../../../src/xpmn/jingle/applications/oob.ts';
import { SendPool } from '../../../../src/xpmn/jingle/applications/oob-pool.ts';
import { WindowBudget } from '../../../../src/xpmn/jingle/applications/oob-window.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';
import { aborted, CountingSink, frame, mediaFrom, never, openAgainstBytes, openPair, sha256 } from './oob-rig.ts';

const options = settings.outOfBand;

describe('out-of-band session without flow control', () => {
  const done: (() => void)[] = [];
  afterEach(() => done.splice(0).forEach((end) => end()));

  async function peer(clock?: FakeClock) {
    const end = await openAgainstBytes({ flow: false, ...(clock && { clock }) });
    done.push(() => end.session.destroy(new XpmnError('aborted', 'Test.')));
    return end;
  }

  it('carries one stream after another, both ways', async () => {
    const { initiator: a, responder: b } = await openPair({ flow: false });
    done.push(() => a.session.destroy(new XpmnError('aborted', 'Test.')));
    for (const [i, [from, to]] of [[a, b], [b, a], [a, b]].entries() as IterableIterator<[number, [typeof a, typeof a]]>) {
      const content = randomBytes(2_000_000 + i);
      const sink = new CountingSink().attach(to.session, `s${i}`, content.length);
      await from.session.send(`s${i}`, mediaFrom(content), { signal: never });
      await sink.done.promise;
      assert.equal(sink.digest(), sha256(content));
    }
    await a.session.close({ signal: never });
    assert.equal((await aborted(b.session.closed)).code, 'aborted');
  });

  it('says nothing of readiness or credit, and speaks the published grammar', async () => {
    const { session, seen } = await peer();
    await session.send('x', mediaFrom(randomBytes(0x4000 + 0xa00)), { signal: never });
    await seen.until(() => seen.frames.includes('x.'));
    assert.deepEqual(seen.frames, ['x:16384', `x:${0x9ff}`, 'x:1', 'x.']);
  });

  it('sends one stream at a time', async () => {
    const { session, wire } = await peer();
    wire.pause();
    const first = session.send('x', mediaFrom(randomBytes(5_000_000)), { signal: never });
    assert.equal(session.canSend, false);
    await assert.rejects(session.send('y', mediaFrom(randomBytes(1)), { signal: never }), { code: 'resource-limit' });
    wire.resume();
    await first;
    assert.equal(session.canSend, true);
  });

  it('stops reading for a stream that nobody has claimed, until it is', async () => {
    const { session, wire, secured } = await peer();
    wire.write(frame('x', Buffer.alloc(10_000, 1)));
    await settle();
    assert.ok(secured.stream.isPaused());
    const sink = new CountingSink().attach(session, 'x');
    await sink.reached(10_000);
    assert.ok(!secured.stream.isPaused());
    wire.write('0 x\r\n\r\n');
    await sink.done.promise;
  });

  it('reads on after it gave an unclaimed stream up', async () => {
    const clock = new FakeClock();
    const { session, wire, secured, givenUp } = await peer(clock);
    wire.write(frame('x', 'hello'));
    await settle();
    await clock.advance(options.unclaimedTime);
    assert.deepEqual(givenUp, ['x']);
    assert.ok(!secured.stream.isPaused());
    wire.write(frame('x', 'more'));
    wire.write('0 x\r\n\r\n');
    await settle();
    assert.ok(session.isIdle && !session.closed.aborted);
  });

  it('stops reading while a sink has a window full, and goes on when half of it is used', async () => {
    const { session, wire, secured } = await peer();
    const sink = new CountingSink({ holding: true }).attach(session, 'x');
    let written = 0;
    while (!wire.writableNeedDrain) {
      wire.write(frame('x', Buffer.alloc(60_000)));
      written += 60_000;
      await settle();
    }
    assert.ok(secured.stream.isPaused());
    assert.ok(sink.bytes <= options.window + options.plainChunk);
    const before = sink.bytes;
    sink.use(sink.lying - options.window / 2);
    await sink.reached(Math.min(written, before + 1));
    sink.holding = false;
    sink.use(sink.lying);
    await sink.reached(written);
  });

  it('is not stopped for good by a congested stream that is cancelled or ends', async () => {
    const { session, wire, secured } = await peer();
    const sink = new CountingSink({ holding: true }).attach(session, 'x');
    while (!secured.stream.isPaused()) {
      wire.write(frame('x', Buffer.alloc(60_000)));
      await settle();
    }
    sink.stream?.cancel();
    assert.ok(!secured.stream.isPaused());
    wire.write('0 x\r\n\r\n');
    const next = new CountingSink().attach(session, 'y');
    wire.write(Buffer.concat([frame('y', 'hello'), Buffer.from('0 y\r\n\r\n')]));
    await next.done.promise;
  });

  it('takes chunks up to 64 KiB, and not one byte more', async () => {
    const { session, wire } = await peer();
    const sink = new CountingSink().attach(session, 'x');
    wire.write(frame('x', Buffer.alloc(options.plainChunk)));
    await sink.reached(options.plainChunk);
    wire.write(`${(options.plainChunk + 1).toString(16)} x\r\n`);
    assert.equal((await aborted(session.closed)).code, 'too-large');
  });

  it('answers under the alias in the alias', () => {
    const deps = { clock: new FakeClock(), pool: new SendPool(options), budget: new WindowBudget(1), givenUp: () => undefined };
    const method = createOutOfBand(deps, options, 'urn:xmpp:jingle:apps:oob:0');
    assert.equal(method.namespace, 'urn:xmpp:jingle:apps:oob:0');
    assert.equal(method.describe().ns, 'urn:xmpp:jingle:apps:oob:0');
  });
});
