import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { settings } from '../../../support/settings.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { aborted, CountingSink, mediaFrom, never, openPair, type End } from './oob-rig.ts';

const { window } = settings.outOfBand;

describe('out-of-band session: silence', () => {
  let ends: End[] = [];
  afterEach(() => {
    for (const end of ends) end.session.destroy(new XpmnError('aborted', 'Test.'));
    ends = [];
  });

  async function open(options?: Parameters<typeof openPair>[0]): Promise<{ a: End; b: End }> {
    const { initiator, responder } = await openPair(options);
    ends.push(initiator, responder);
    return { a: initiator, b: responder };
  }

  it('takes a session for lost that brings nothing though bytes are awaited, however long a sink that is full may hold still', async () => {
    const clock = new FakeClock();
    const { awaitInterval, awaitTime } = settings.outOfBand;
    assert.ok(awaitTime > settings.upnp.origin.stallTimeout, 'a sender gives its source up before it is given up itself');
    const { a, b } = await open({ clock });
    const full = new CountingSink({ holding: true }).attach(b.session, 'full', 2 * window);
    const sending = a.session.send('full', mediaFrom(randomBytes(2 * window)), { signal: never });
    sending.catch(() => undefined);
    await full.reached(window);
    await clock.advance(10 * (awaitInterval + awaitTime));
    assert.ok(!b.session.closed.aborted, 'it is the sink that holds still');
    const waiting = new CountingSink().attach(b.session, 'waiting', 1);
    waiting.done.promise.catch(() => undefined);
    full.done.promise.catch(() => undefined);
    await clock.advance(awaitTime - 1);
    assert.ok(!b.session.closed.aborted);
    await clock.advance(awaitInterval + 1);
    assert.equal((await aborted(b.session.closed)).code, 'connection-lost');
    await assert.rejects(waiting.done.promise, { code: 'connection-lost' });
    await settle();
    assert.equal(clock.pending, 0);
  });

  it('doubts the path when the peer is silent while streams are under way, on either side, and goes on', async () => {
    const clock = new FakeClock();
    const { awaitInterval, awaitTime } = settings.outOfBand;
    const { a, b } = await open({ clock });
    const full = new CountingSink({ holding: true }).attach(b.session, 'full', 2 * window);
    full.done.promise.catch(() => undefined);
    a.session.send('full', mediaFrom(randomBytes(2 * window)), { signal: never }).catch(() => undefined);
    await full.reached(window);
    await clock.advance(awaitInterval);
    assert.deepEqual([a.doubts.count, b.doubts.count], [1, 0], 'the receiver has all that may come');
    await clock.advance(awaitTime + awaitInterval);
    assert.deepEqual([a.doubts.count, a.session.closed.aborted], [2, false]);
    new CountingSink().attach(b.session, 'waiting', 1).done.promise.catch(() => undefined);
    await clock.advance(2 * awaitInterval);
    assert.equal(b.doubts.count, 1);
  });

  it('ends on a path that is known to be dead, but not if the peer has been heard since', async () => {
    const clock = new FakeClock();
    const { a, b } = await open({ clock });
    const sink = new CountingSink().attach(b.session, 'x', 2);
    sink.done.promise.catch(() => undefined);
    await clock.advance(settings.outOfBand.awaitInterval);
    void a.session.sendBytes('x', Buffer.from('ab'), { signal: never });
    await sink.done.promise;
    const other = new CountingSink().attach(b.session, 'y', 2);
    other.done.promise.catch(() => undefined);
    b.session.suspect();
    assert.ok(!b.session.closed.aborted, 'it has not been doubted since it was heard');
    await clock.advance(2 * settings.outOfBand.awaitInterval);
    b.session.suspect();
    assert.equal((await aborted(b.session.closed)).code, 'connection-lost');
    const idle = await open();
    idle.a.session.suspect();
    assert.ok(idle.a.session.closed.aborted, 'and one that nobody uses is no loss');
  });
});
