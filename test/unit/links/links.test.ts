import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { FakeChannel, FakeSession } from '../../fakes/fake-dialer.ts';
import { settle } from '../../support/fake-clock.ts';
import { LinksRig, gone, peer } from '../../support/links-rig.ts';

const never = new AbortController().signal;

describe('links to peers', () => {
  let rig: LinksRig;

  beforeEach(() => (rig = new LinksRig()));
  afterEach(async () => {
    await rig.close();
    assert.deepEqual(rig.failures, []);
  });

  const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));
  const caught = <T>(promise: Promise<T>): Promise<T> => (promise.catch(() => undefined), promise);

  describe('channels', () => {
    it('are dialled once for all who wait, and then used', async () => {
      const waiting = Array.from({ length: 5 }, () => rig.link.channel({ signal: never }));
      await settle();
      assert.deepEqual(rig.dialer.asked, ['channel']);
      const channel = new FakeChannel();
      rig.dialer.succeed('channel', channel);
      for (const one of await Promise.all(waiting)) assert.equal(one, channel.channel);
      assert.equal(await rig.link.channel({ signal: never }), channel.channel);
      assert.deepEqual(rig.dialer.asked, ['channel']);
      assert.deepEqual(rig.began, [channel.channel]);
    });

    it('do not end for the others when the first caller leaves', async () => {
      const leave = new AbortController();
      const first = caught(rig.link.channel({ signal: leave.signal }));
      const second = rig.link.channel({ signal: never });
      leave.abort(new XpmnError('aborted', 'Enough.'));
      await rejects(first, 'aborted');
      assert.ok(!rig.dialer.newest('channel').signal.aborted);
      const channel = new FakeChannel();
      rig.dialer.succeed('channel', channel);
      assert.equal(await second, channel.channel);
    });

    it('are not dialled for a caller who has left before', async () => {
      await rejects(rig.link.channel({ signal: AbortSignal.abort(gone) }), 'peer-unavailable');
      await rejects(rig.link.byteStreams({ signal: AbortSignal.abort(gone) }), 'peer-unavailable');
      assert.deepEqual([rig.dialer.asked, rig.known], [[], 0]);
    });

    it('fail for all who wait, and are dialled anew after that', async () => {
      const waiting = [caught(rig.link.channel({ signal: never })), caught(rig.link.channel({ signal: never }))];
      await settle();
      rig.dialer.fail('channel', gone);
      for (const one of waiting) await rejects(one, 'peer-unavailable');
      assert.equal(rig.known, 0);
      void caught(rig.link.channel({ signal: never }));
      await settle();
      assert.deepEqual(rig.dialer.asked, ['channel', 'channel']);
    });

    it('can\'t be had where nobody reaches the peer', async () => {
      rig.dialer.reachable = false;
      await rejects(rig.link.channel({ signal: never }), 'peer-unavailable');
      await settle();
      assert.equal(rig.known, 0);
    });

    it('are dialled another way where the first does not work, and made better that way', async () => {
      rig.otherDialer.reachable = true;
      const opening = rig.link.channel({ signal: never });
      await settle();
      assert.deepEqual([rig.dialer.asked, rig.otherDialer.asked], [['channel'], []]);
      rig.dialer.fail('channel', new XpmnError('not-trusted', 'Somebody else is there.'));
      await settle();
      const first = new FakeChannel();
      rig.otherDialer.succeed('channel', first, 'in-band');
      assert.equal(await opening, first.channel);
      await settle();
      assert.deepEqual([rig.dialer.asked, rig.otherDialer.asked], [['channel'], ['channel', 'upgrade']]);
    });

    it('are dialled a way that has come up while the first was tried', async () => {
      rig.otherDialer.reachable = false;
      const opening = rig.link.channel({ signal: never });
      await settle();
      rig.otherDialer.reachable = true;
      rig.dialer.fail('channel', new XpmnError('not-trusted', 'Somebody else is there.'));
      await settle();
      const first = new FakeChannel();
      rig.otherDialer.succeed('channel', first, 'in-band');
      assert.equal(await opening, first.channel);
    });

    it('fail with what the last way says', async () => {
      rig.otherDialer.reachable = true;
      const opening = caught(rig.link.channel({ signal: never }));
      await settle();
      rig.dialer.fail('channel', new XpmnError('not-trusted', 'Somebody else is there.'));
      await settle();
      rig.otherDialer.fail('channel', new XpmnError('timeout', 'Nobody answers.'));
      await rejects(opening, 'timeout');
      assert.equal(rig.known, 0);
    });

    it('are dialled no other way when they are not wanted any more', async () => {
      rig.otherDialer.reachable = true;
      const opening = caught(rig.link.channel({ signal: never }));
      await settle();
      rig.links.peerGone(peer, gone);
      rig.dialer.fail('channel', gone);
      await rejects(opening, 'peer-unavailable');
      await settle();
      assert.deepEqual(rig.otherDialer.asked, []);
    });

    it('take the local link before any other path out of the process', async () => {
      const direct = await rig.openChannel('direct');
      const local = await rig.openChannel('link-local');
      assert.equal(await rig.link.channel({ signal: never }), local.channel);
      assert.equal(rig.links.find(peer)?.path, 'link-local');
      await rig.openChannel('direct');
      assert.equal(await rig.link.channel({ signal: never }), local.channel);
      local.destroy(gone);
      assert.notEqual(await rig.link.channel({ signal: never }), local.channel);
      assert.ok(!direct.closed.aborted);
    });

    it('take the best path, and among equals the newest', async () => {
      const inBand = await rig.openChannel('in-band');
      const direct = await rig.openChannel('direct');
      assert.equal(await rig.link.channel({ signal: never }), direct.channel);
      const later = await rig.openChannel('in-band');
      assert.equal(await rig.link.channel({ signal: never }), direct.channel);
      assert.deepEqual(rig.links.find(peer)?.openChannels, [direct.channel, later.channel, inBand.channel]);
      const newer = await rig.openChannel('direct');
      assert.equal(await rig.link.channel({ signal: never }), newer.channel);
      newer.destroy(gone);
      direct.destroy(gone);
      assert.equal(await rig.link.channel({ signal: never }), later.channel);
      assert.equal(rig.links.find(peer)?.path, 'in-band');
    });

    it('are upgraded by who opened the first one, in the background', async () => {
      const waiting = rig.link.channel({ signal: never });
      const first = new FakeChannel();
      rig.dialer.succeed('channel', first, 'in-band');
      assert.equal(await waiting, first.channel);
      await settle();
      assert.deepEqual(rig.dialer.asked, ['channel', 'upgrade']);
      const better = new FakeChannel();
      rig.dialer.succeed('upgrade', better, 'direct');
      await settle();
      assert.equal(await rig.link.channel({ signal: never }), better.channel);
      assert.deepEqual(rig.began, [first.channel, better.channel]);
      better.destroy(gone);
      assert.equal(await rig.link.channel({ signal: never }), first.channel);
    });

    it('serve on when there is no better path', async () => {
      for (const outcome of ['none', 'failed'] as const) {
        const waiting = rig.link.channel({ signal: never });
        const first = new FakeChannel();
        rig.dialer.succeed('channel', first, 'in-band');
        await waiting;
        await settle();
        if (outcome === 'none') rig.dialer.succeed('upgrade', undefined);
        else rig.dialer.fail('upgrade', gone);
        await settle();
        assert.equal(await rig.link.channel({ signal: never }), first.channel);
        first.destroy(gone);
      }
      await rig.openChannel('in-band');
      await settle();
      assert.deepEqual(rig.dialer.asked, ['channel', 'upgrade', 'channel', 'upgrade'], 'not by who was called');
    });

    it('are kept though the first one ends while a better one opens', async () => {
      const waiting = rig.link.channel({ signal: never });
      const first = new FakeChannel();
      rig.dialer.succeed('channel', first, 'in-band');
      await waiting;
      await settle();
      first.destroy(gone);
      assert.equal(rig.known, 1);
      const better = new FakeChannel();
      rig.dialer.succeed('upgrade', better, 'direct');
      await settle();
      assert.equal(await rig.link.channel({ signal: never }), better.channel);
    });
  });

  describe('the same stream twice', () => {
    it('counts once, begins once, and leaves nothing of itself behind', async () => {
      const waiting = rig.link.channel({ signal: never });
      const shared = new FakeChannel();
      // A tie-break: what we open is what the peer opened, and comes both ways.
      rig.link.addChannel({ application: shared, path: 'in-band' });
      rig.dialer.succeed('channel', shared, 'in-band');
      await waiting;
      await settle();
      assert.deepEqual(rig.began, [shared.channel]);
      assert.equal(rig.links.find(peer)?.openChannels.length, 1);
      const other = await rig.openChannel('in-process');
      shared.destroy(gone);
      assert.deepEqual(rig.links.find(peer)?.openChannels, [other.channel]);
      other.destroy(gone);
      rig.dialer.succeed('upgrade', undefined);
      await settle();
      assert.equal(rig.known, 0);
    });

    it('is ignored when it has ended already', async () => {
      const channel = new FakeChannel();
      channel.destroy(gone);
      rig.link.addChannel({ application: channel, path: 'direct' });
      const session = new FakeSession();
      session.destroy(gone);
      rig.link.addBytes({ application: session, path: 'direct' });
      await settle();
      assert.deepEqual([rig.began, rig.known], [[], 0]);
    });

    it('counts once for sessions, too', async () => {
      const session = new FakeSession();
      rig.link.addBytes({ application: session, path: 'direct' });
      rig.link.addBytes({ application: session, path: 'direct' });
      session.destroy(gone);
      assert.deepEqual([rig.link.openByteStreams, rig.known], [undefined, 0]);
    });
  });

  describe('a link', () => {
    it('is forgotten when nothing is open any more, and whoever kept it goes on with the next one', async () => {
      const channel = await rig.openChannel();
      const session = rig.addSession();
      assert.equal(rig.known, 1);
      channel.destroy(gone);
      assert.equal(rig.known, 1);
      session.destroy(gone);
      assert.equal(rig.known, 0);
      const again = await rig.openChannel();
      assert.equal(rig.known, 1);
      assert.deepEqual(rig.links.find(peer)?.openChannels, [again.channel]);
    });

    it('is not forgotten while something is being opened', async () => {
      const waiting = rig.link.byteStreams({ signal: never });
      await settle();
      const channel = new FakeChannel();
      rig.dialer.succeed('channel', channel);
      await settle();
      channel.destroy(gone);
      assert.equal(rig.known, 1);
      const session = new FakeSession();
      rig.dialer.succeed('bytes', session);
      assert.equal(await waiting, session);
      assert.equal(rig.links.find(peer)?.openByteStreams !== undefined, true);
    });

    it('costs nothing until it is used', () => {
      rig.links.to(parseJid('a@b/c'));
      assert.deepEqual([rig.known, rig.links.to(peer).openByteStreams, rig.links.to(peer).abortedByPeer('x')], [0, undefined, false]);
    });

    it('ends what is idle or goes through the server, when that says that the peer is gone', async () => {
      const [inBand, direct] = [await rig.openChannel('in-band'), await rig.openChannel('direct')];
      const [idle, busy, slow] = [rig.addSession('direct'), rig.addSession('direct'), rig.addSession('in-band')];
      busy.isIdle = false;
      slow.isIdle = false;
      rig.links.peerGone(peer, gone);
      const ended = [inBand, direct, idle, busy, slow].map(({ closed }) => closed.aborted);
      assert.deepEqual(ended, [true, false, true, false, true]);
      assert.equal(rig.known, 1);
    });

    it('asks the streams that go on for a sign of life', async () => {
      const [direct, other] = [await rig.openChannel('direct'), await rig.openChannel('direct')];
      rig.links.peerGone(peer, gone);
      assert.deepEqual([direct.doubts, other.doubts], [1, 1]);
    });

    it('suspects the sessions on a path on which a stream has died, and no others', async () => {
      const [direct, ordered, inBand] = [await rig.openChannel('direct'), await rig.openChannel('direct'), await rig.openChannel('in-band')];
      const [fast, slow] = [rig.addSession('direct'), rig.addSession('in-band')];
      ordered.destroy(new XpmnError('aborted', 'The stream has ended in order.'));
      assert.deepEqual([fast.suspected, slow.suspected], [0, 0]);
      direct.destroy(new XpmnError('connection-lost', 'The peer has gone silent.'));
      assert.deepEqual([fast.suspected, slow.suspected], [1, 0]);
      inBand.destroy(new XpmnError('connection-lost', 'The peer has gone silent.'));
      assert.deepEqual([fast.suspected, slow.suspected], [1, 1]);
    });

    it('goes on opening what a channel of its own carries, and nothing without one', async () => {
      const direct = await rig.openChannel('direct');
      const waiting = caught(rig.link.byteStreams({ signal: never }));
      await settle();
      rig.links.peerGone(peer, gone);
      assert.ok(!rig.dialer.newest('bytes').signal.aborted);
      direct.destroy(gone);
      rig.links.peerGone(peer, gone);
      assert.ok(rig.dialer.newest('bytes').signal.aborted);
      const late = new FakeSession();
      rig.dialer.succeed('bytes', late);
      await rejects(waiting, 'peer-unavailable');
      await settle();
      assert.ok(late.closed.aborted, 'what opens too late is not kept');
      assert.equal(rig.known, 0);
      rig.links.peerGone(peer, gone);
    });

    it('ends a channel, and a better one, that open too late', async () => {
      const waiting = caught(rig.link.channel({ signal: never }));
      await settle();
      rig.links.peerGone(peer, gone);
      const late = new FakeChannel();
      rig.dialer.succeed('channel', late, 'in-band');
      await rejects(waiting, 'peer-unavailable');
      await settle();
      assert.deepEqual([late.closed.aborted, rig.dialer.asked, rig.began], [true, ['channel'], []]);
      const second = rig.link.channel({ signal: never });
      rig.dialer.succeed('channel', new FakeChannel(), 'in-band');
      await second;
      await settle();
      rig.links.peerGone(peer, gone);
      const better = new FakeChannel();
      rig.dialer.succeed('upgrade', better, 'direct');
      await settle();
      assert.deepEqual([better.closed.aborted, rig.known], [true, 0]);
    });

    it('closes in order: sessions, then channels', async () => {
      const channel = await rig.openChannel();
      const session = rig.addSession();
      const order: string[] = [];
      session.closed.addEventListener('abort', () => order.push('session'));
      channel.closed.addEventListener('abort', () => order.push('channel'));
      await rig.links.close({ signal: never });
      assert.deepEqual([order, rig.known], [['session', 'channel'], 0]);
    });

    it('opens nothing when the device is closing', async () => {
      const waiting = caught(rig.link.channel({ signal: never }));
      await settle();
      const closing = rig.tasks.close();
      assert.ok(rig.dialer.newest('channel').signal.aborted);
      rig.dialer.fail('channel', gone);
      await rejects(waiting, 'peer-unavailable');
      await closing;
      await rejects(rig.link.channel({ signal: never }), 'aborted');
      assert.equal(rig.dialer.attempts.length, 1);
    });

    it('is another one for each peer', async () => {
      await rig.openChannel();
      assert.equal(rig.links.find(parseJid('romeo@home.test/tv')), undefined);
      rig.links.peerGone(parseJid('romeo@home.test/tv'), gone);
      assert.equal(rig.known, 1);
    });
  });
});
