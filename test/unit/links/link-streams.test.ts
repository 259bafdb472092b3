import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import type { MediaSink } from '../../../src/xpmn/ports/peer-link.ts';
import { FakeChannel, FakeSession } from '../../fakes/fake-dialer.ts';
import { settle } from '../../support/fake-clock.ts';
import { HEAD_START, LinksRig, gone } from '../../support/links-rig.ts';

const never = new AbortController().signal;
const noMedia = { entity: { size: 0, type: 'a/b', etag: '' }, range: undefined, read: () => Promise.resolve(), close: () => undefined };

describe('byte streams of a link', () => {
  let rig: LinksRig;

  beforeEach(() => (rig = new LinksRig()));
  afterEach(async () => {
    await rig.close();
    assert.deepEqual(rig.failures, []);
  });

  const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));
  const caught = <T>(promise: Promise<T>): Promise<T> => (promise.catch(() => undefined), promise);

  it('are negotiated over a channel, once for all who wait', async () => {
    const waiting = [rig.link.byteStreams({ signal: never }), rig.link.byteStreams({ signal: never })];
    await settle();
    rig.dialer.succeed('channel', new FakeChannel());
    await settle();
    assert.deepEqual(rig.dialer.asked, ['channel', 'bytes']);
    const session = new FakeSession();
    rig.dialer.succeed('bytes', session);
    assert.deepEqual(await Promise.all(waiting), [session, session]);
    assert.equal(await rig.link.byteStreams({ signal: never }), session);
  });

  it('have room for one more: another session is opened when the open ones are full', async () => {
    await rig.openChannel();
    const full = rig.addSession('direct');
    full.canSend = false;
    const roomy = rig.addSession('in-band');
    assert.equal(await rig.link.byteStreams({ signal: never }), roomy);
    roomy.canSend = false;
    const waiting = rig.link.byteStreams({ signal: never });
    await settle();
    const third = new FakeSession();
    rig.dialer.succeed('bytes', third);
    assert.equal(await waiting, third);
    assert.equal(rig.link.openByteStreams?.canSend, true);
    await rig.link.openByteStreams?.send('x', noMedia, { signal: never });
    await rig.link.openByteStreams?.sendBytes('y', Buffer.alloc(1), { signal: never });
    assert.deepEqual([full.sent, third.sent], [[], ['x', 'y']]);
  });

  describe('of which there is more than one way', () => {
    const failed = new XpmnError('transport-failed', 'Nobody answers there.');
    let waiting: Promise<unknown>;

    beforeEach(async () => {
      rig.dialer.byteWays = ['bytes', 'more bytes'];
      await rig.openChannel('in-band');
      waiting = caught(rig.link.byteStreams({ signal: never }));
      await rig.clock.advance(HEAD_START - 1);
      assert.deepEqual(rig.dialer.asked, ['bytes']);
    });

    it('take the better, if it opens within its head start', async () => {
      const direct = new FakeSession();
      rig.dialer.succeed('bytes', direct, 'direct');
      assert.equal(await waiting, direct);
      await rig.clock.advance(10 * HEAD_START);
      assert.deepEqual([rig.dialer.asked, rig.clock.pending], [['bytes'], 0]);
    });

    it('begin on the surer one after it; the better one serves what comes later', async () => {
      await rig.clock.advance(1);
      const [inBand, direct] = [new FakeSession(), new FakeSession()];
      rig.dialer.succeed('more bytes', inBand, 'in-band');
      assert.equal(await waiting, inBand);
      assert.equal(rig.link.openByteStreams?.canSend, true);
      assert.ok(!rig.dialer.newest('bytes').signal.aborted, 'it goes on');
      rig.dialer.succeed('bytes', direct, 'direct');
      await settle();
      assert.equal(await rig.link.byteStreams({ signal: never }), direct);
      assert.ok(!inBand.closed.aborted, 'what runs on it runs on');
    });

    it('give up the surer one when the better opens while it is under way', async () => {
      await rig.clock.advance(1);
      const [direct, inBand] = [new FakeSession(), new FakeSession()];
      rig.dialer.succeed('bytes', direct, 'direct');
      assert.equal(await waiting, direct);
      assert.ok(rig.dialer.newest('more bytes').signal.aborted);
      rig.dialer.succeed('more bytes', inBand, 'in-band');
      await settle();
      assert.ok(inBand.closed.aborted, 'nobody wants it any more');
    });

    it('begin on the surer one at once, when the better has failed', async () => {
      rig.dialer.fail('bytes', failed);
      await settle();
      const inBand = new FakeSession();
      rig.dialer.succeed('more bytes', inBand, 'in-band');
      assert.equal(await waiting, inBand);
    });

    it('wait for the better one, when the surer has failed; and fail as the surer did', async () => {
      await rig.clock.advance(1);
      rig.dialer.fail('more bytes', new XpmnError('not-trusted', 'Somebody else.'));
      await settle();
      rig.dialer.fail('bytes', failed);
      await rejects(waiting, 'not-trusted');
      assert.equal(rig.clock.pending, 0);
    });

    it('take what the peer has opened meanwhile, when both have failed', async () => {
      await rig.clock.advance(1);
      const theirs = rig.addSession('in-band');
      rig.dialer.fail('more bytes', failed);
      rig.dialer.fail('bytes', failed);
      assert.equal(await waiting, theirs);
    });
  });

  it('fail where there is no way to carry them', async () => {
    rig.dialer.byteWays = [];
    await rig.openChannel('in-band');
    await rejects(rig.link.byteStreams({ signal: never }), 'transport-failed');
  });

  it('fail when no channel can be had', async () => {
    const waiting = caught(rig.link.byteStreams({ signal: never }));
    await settle();
    rig.dialer.fail('channel', gone);
    await rejects(waiting, 'peer-unavailable');
    await settle();
    assert.equal(rig.known, 0);
  });

  it('are ended by id, on whichever session', () => {
    assert.equal(rig.link.abortedByPeer('x'), false);
    const [one, two] = [rig.addSession(), rig.addSession()];
    void one.send('x');
    void two.send('y');
    assert.deepEqual([rig.link.abortedByPeer('x'), rig.link.abortedByPeer('y'), rig.link.abortedByPeer('z')], [true, true, false]);
  });

  describe('received', () => {
    let heard: string[];
    const sink: MediaSink = { write: (chunk) => heard.push(chunk.toString()), end: () => heard.push('end'), fail: (error) => heard.push(error.code) };
    beforeEach(() => (heard = []));
    const claimOn = (session: FakeSession): { sink: MediaSink; size: number | undefined; consumed: number; cancelled: boolean } => {
      const claim = session.claimed.get('id');
      assert.ok(claim);
      return claim;
    };

    it('are found on whichever session they come', () => {
      const [one, two] = [rig.addSession(), rig.addSession()];
      const stream = rig.link.openByteStreams?.receive('id', sink, { size: 3 });
      assert.deepEqual([claimOn(one).size, claimOn(two).size], [3, 3]);
      stream?.consumed(0);
      claimOn(one).sink.write(Buffer.from('a'));
      stream?.consumed(1);
      assert.deepEqual([claimOn(one).consumed, claimOn(two).consumed, claimOn(one).cancelled, claimOn(two).cancelled], [1, 0, false, true]);
      two.destroy(gone);
      claimOn(two).sink.fail(gone);
      claimOn(one).sink.write(Buffer.from('b'));
      claimOn(one).sink.end();
      assert.deepEqual(heard, ['a', 'b', 'end']);
    });

    it('are found on a session that opens after they were claimed, until the first byte', () => {
      const one = rig.addSession();
      rig.link.openByteStreams?.receive('id', sink, {});
      const two = rig.addSession();
      claimOn(two).sink.write(Buffer.from('a'));
      assert.ok(claimOn(one).cancelled);
      assert.equal(rig.addSession().claimed.size, 0);
      claimOn(two).sink.end();
      assert.deepEqual(heard, ['a', 'end']);
    });

    it('may be empty', () => {
      const [one, two] = [rig.addSession(), rig.addSession()];
      rig.link.openByteStreams?.receive('id', sink, { size: 0 });
      claimOn(two).sink.end();
      assert.deepEqual([heard, claimOn(one).cancelled], [['end'], true]);
    });

    it('have failed when a session goes on which they could have come', () => {
      const [one, two] = [rig.addSession(), rig.addSession()];
      rig.link.openByteStreams?.receive('id', sink, {});
      claimOn(one).sink.fail(new XpmnError('connection-lost', ''));
      assert.deepEqual([heard, claimOn(two).cancelled], [['connection-lost'], true]);
      claimOn(two).sink.write(Buffer.from('late'));
      claimOn(two).sink.end();
      assert.deepEqual(heard, ['connection-lost']);
    });

    it('have failed when a session that opens late has given them up', () => {
      const one = rig.addSession();
      rig.link.openByteStreams?.receive('id', sink, {});
      const late = new FakeSession();
      late.receive = () => {
        throw new XpmnError('not-found', 'Given up.');
      };
      rig.link.addBytes({ application: late, path: 'direct' });
      assert.deepEqual([heard, claimOn(one).cancelled], [['not-found'], true]);
    });

    it('are cancelled everywhere, before and after the first byte', () => {
      for (const first of [false, true]) {
        const [one, two] = [rig.addSession(), rig.addSession()];
        const stream = rig.link.openByteStreams?.receive('id', sink, {});
        if (first) claimOn(one).sink.write(Buffer.from('a'));
        stream?.cancel();
        stream?.cancel();
        assert.deepEqual([claimOn(one).cancelled, claimOn(two).cancelled], [true, true]);
        assert.equal(rig.addSession().claimed.size, 0);
        for (const session of [one, two]) session.destroy(gone);
      }
    });

    it('are nowhere if one of the sessions knows that they were given up', () => {
      const [one, two] = [rig.addSession(), rig.addSession()];
      one.receive = () => {
        throw new XpmnError('not-found', 'Given up.');
      };
      assert.throws(() => rig.link.openByteStreams?.receive('id', sink, {}), { code: 'not-found' });
      assert.ok(claimOn(two).cancelled);
      assert.equal(rig.addSession().claimed.size, 0);
    });
  });
});
