import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { NS_S5B, destinationOf, formatInfo, formatTransport, parseTransport, priorityOf } from '../../../../src/xpmn/jingle/transports/s5b-codec.ts';
import type { Candidate, S5bTransport } from '../../../../src/xpmn/jingle/transports/s5b-codec.ts';
import { serveBytestream } from '../../../../src/xpmn/jingle/transports/socks5-handshake.ts';
import { xml } from '../../../../src/xpmn/model/xml.ts';
import type { TransportMethod } from '../../../../src/xpmn/ports/transport.ts';
import { settings } from '../../../support/settings.ts';
import { JULIET, ROMEO, at, error, socks5Rig, used } from '../../../support/socks5-rig.ts';

const { connectTimeout, verdictTimeout } = settings.socks5;

describe('SOCKS5 bytestreams', () => {
  const rig = socks5Rig();
  const { own, side, context, facing, negotiated, listening, reach, verdict, until } = rig;

  describe('offers', () => {
    it('has unique ids, no equal priorities across the sides, and always dstaddr', async () => {
      const addresses = ['127.0.0.1', '192.168.7.1', '2001:db8::1', 'fe80::1'];
      const [a, b] = [await side({ addresses }), await side({ addresses })];
      const offered = parseTransport(await own(a.method.offer(context('initiator'))).describe());
      const answered = parseTransport(await own(b.method.accept(context('responder'), formatTransport(offered))).describe());
      assert.deepEqual(offered.candidates.map(({ host }) => host), ['2001:db8::1', '127.0.0.1', '192.168.7.1']);
      const all = [...offered.candidates, ...answered.candidates];
      assert.equal(new Set(all.map(({ priority }) => priority)).size, 6);
      assert.equal(new Set(all.map(({ cid }) => cid)).size, 6);
      assert.deepEqual([...new Set(offered.candidates.map(({ priority }) => priority % 2))], [0]);
      assert.deepEqual([...new Set(answered.candidates.map(({ priority }) => priority % 2))], [1]);
      assert.equal(offered.dstaddr, destinationOf(offered.sid, ROMEO, JULIET));
      assert.equal(answered.dstaddr, destinationOf(offered.sid, JULIET, ROMEO));
      assert.ok(all.every(({ type, priority }) => type === 'direct' && priority >> 16 === 126));
    });

    it('does not offer back what the peer offered, nor more than the limit, nor anything while it does not listen', async () => {
      const addresses = Array.from({ length: 30 }, (_, i) => `10.0.0.${i + 1}`);
      const many = await side({ addresses });
      assert.equal(parseTransport(await own(many.method.offer(context('initiator'))).describe()).candidates.length, settings.socks5.candidates);
      const port = many.listener.port as number;
      const offer = formatTransport({ sid: 's1', dstaddr: undefined, candidates: [at(port, { host: '10.0.0.1' }), at(port, { host: '10.0.0.2', cid: 'x' })] });
      const { method } = await side({ addresses: ['192.168.0.1'] });
      assert.equal(parseTransport(await own(method.accept(context('responder'), offer)).describe()).candidates.length, 1);
      const deaf = await side({ listen: false });
      const described = parseTransport(await own(deaf.method.offer(context('initiator'))).describe());
      assert.deepEqual([described.candidates, deaf.listener.expected], [[], 0]);
    });
  });

  describe('the peer\'s candidates', () => {
    it('are tried by priority, one after another, and the first that works is used', async () => {
      const tried: number[] = [];
      const silent = await listening(() => tried.push(1));
      const works = await listening((socket) => {
        tried.push(2);
        void serveBytestream(socket, (name) => name === destinationOf('s1', ROMEO, JULIET), new AbortController().signal);
      });
      const { negotiation } = await facing([at(works), at(silent, { priority: priorityOf('direct', 2000) })]);
      const connecting = negotiation.connect() as Promise<Socket>;
      await until(() => tried.length === 1);
      assert.deepEqual(tried, [1]);
      await rig.clock.advance(settings.socks5.stagger);
      await until(() => rig.infos.length === 1);
      assert.equal(verdict(), 'candidate-used');
      negotiation.received(error);
      const socket = own(await connecting);
      assert.equal(socket.remotePort, works);
    });

    it('are addressed by the dstaddr of the peer when it gives one', async () => {
      const dstaddr = '0123456789abcdef0123456789abcdef01234567';
      let asked: string | undefined;
      const port = await listening((socket) => void serveBytestream(socket, (name) => (asked = name) !== undefined, new AbortController().signal));
      const { negotiation } = await facing([at(port)], { dstaddr });
      const connecting = negotiation.connect() as Promise<Socket>;
      await until(() => rig.infos.length === 1);
      negotiation.received(error);
      own(await connecting);
      assert.equal(asked, dstaddr);
    });

    it('get nothing but the greeting while they do not speak SOCKS5', async () => {
      const heard: Buffer[] = [];
      const port = await listening((socket) => {
        socket.on('data', (chunk: Buffer) => heard.push(chunk));
        socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
      const mute = await listening((socket) => socket.on('data', (chunk: Buffer) => heard.push(chunk)));
      const { negotiation } = await facing([at(port), at(mute)]);
      const failing = assert.rejects(negotiation.connect(), { code: 'transport-failed' });
      await until(() => heard.length >= 2);
      await rig.clock.advance(connectTimeout);
      assert.equal(verdict(), 'candidate-error');
      negotiation.received(error);
      await failing;
      assert.equal(Buffer.concat(heard).toString('hex'), '050100050100');
    });

    it('are not dialled if they are names, loopback, relays, ourselves, or one too many', async () => {
      let dialled = 0;
      const port = await listening(() => (dialled += 1));
      const { method, listener } = await side({ addresses: ['127.0.0.1', '127.0.0.5'] });
      const own_ = at(listener.port as number);
      const strict = await side({ loopback: false });
      const wrong: readonly (readonly [TransportMethod, readonly Candidate[]])[] = [
        [method, [at(port, { host: 'localhost' }), at(port, { type: 'proxy', cid: 'p' }), at(port, { host: '0.0.0.0', cid: 'z' }), own_, { ...own_, host: '::ffff:127.0.0.5', cid: 'm' }]],
        [strict.method, [at(port), at(port, { host: '::1', cid: 'six' }), at(port, { host: '::ffff:127.0.0.1', cid: 'mapped' }), at(port, { host: 'ff02::1', cid: 'multi' })]],
      ];
      for (const [from, candidates] of wrong) {
        rig.infos.length = 0;
        const negotiation = own(from.accept(context('responder'), formatTransport({ sid: `s${rig.infos.length}`, dstaddr: undefined, candidates })));
        // Our own listener would let us in; nor does a peer that names our addresses keep us from offering them.
        assert.equal(parseTransport(await negotiation.describe()).candidates.length, from === method ? 2 : 0);
        const connecting = negotiation.connect().catch((reason: unknown) => reason);
        await until(() => rig.infos.length === 1);
        assert.equal(verdict(), 'candidate-error');
        negotiation.destroy();
        await connecting;
      }
      const few = await side({ candidates: 2 });
      const worst: number[] = [];
      const ports = await Promise.all([0, 1, 2].map((rank) => listening((socket) => {
        dialled += 1;
        if (rank === 0) worst.push(rank);
        socket.destroy();
      })));
      const limited = own(few.method.accept(context('responder'), formatTransport({ sid: 's1', dstaddr: undefined, candidates: ports.map((each, rank) => at(each, { priority: 1000 + rank })) })));
      const ending = limited.connect().catch((reason: unknown) => reason);
      rig.infos.length = 0;
      await until(() => rig.infos.length === 1);
      limited.destroy();
      await ending;
      assert.deepEqual([dialled, worst], [2, []]);
    });

    it('may come later', async () => {
      const hanging = await listening(() => undefined);
      const works = await listening((socket) => void serveBytestream(socket, () => true, new AbortController().signal));
      const { negotiation } = await facing([at(hanging)]);
      const connecting = negotiation.connect() as Promise<Socket>;
      negotiation.received(formatInfo({ kind: 'candidates', sid: 's1', candidates: [at(works)] }));
      await rig.clock.advance(settings.socks5.stagger);
      await until(() => rig.infos.length === 1);
      assert.equal(verdict(), 'candidate-used');
      negotiation.received(error);
      own(await connecting);
    });
  });

  describe('verdicts', () => {
    it('give up candidates that can not win any more', async () => {
      const hanging = await listening(() => undefined);
      const { negotiation, described } = await facing([at(hanging)]);
      const connecting = negotiation.connect() as Promise<Socket>;
      const best = described.candidates[0] as Candidate;
      const peer = await reach(best);
      negotiation.received(used(best.cid));
      await until(() => rig.infos.length === 1);
      assert.equal(verdict(), 'candidate-error');
      const socket = own(await connecting);
      peer.write('hello');
      await once(socket, 'readable');
      assert.equal(String(socket.read()), 'hello');
    });

    it('are refused for unknown candidates, other bytestreams and relays, and the second time', async () => {
      const { negotiation, described } = await facing([]);
      assert.throws(() => negotiation.received(used('nobody')), { code: 'not-found' });
      assert.throws(() => negotiation.received(formatInfo({ kind: 'candidate-error', sid: 'other' })), { code: 'not-found' });
      assert.throws(() => negotiation.received(formatInfo({ kind: 'activated', sid: 's1', cid: described.candidates[0]?.cid as string })), { code: 'not-found' });
      negotiation.received(error);
      assert.throws(() => negotiation.received(error), { code: 'unexpected-request' });
    });

    it('must come in time', async () => {
      const { negotiation } = await facing([]);
      const failing = assert.rejects(negotiation.connect(), { code: 'timeout' });
      await until(() => rig.infos.length === 1);
      await rig.clock.advance(verdictTimeout);
      await failing;
    });

    it('that can not be delivered fail the transport', async () => {
      const { method } = await side();
      const failing = { ...context('responder'), sendInfo: () => Promise.reject(new Error('no')) };
      const negotiation = own(method.accept(failing, formatTransport({ sid: 's1', dstaddr: undefined, candidates: [] })));
      await assert.rejects(negotiation.connect(), { code: 'transport-failed' });
    });

    it('must be true: a candidate that nobody reached is no connection', async () => {
      const { negotiation, described } = await facing([]);
      negotiation.received(used(described.candidates[0]?.cid as string));
      await assert.rejects(negotiation.connect(), { code: 'transport-failed' });
    });

    it('end in transport-failed when neither side reaches the other, within the bound', async () => {
      const [a, b] = [await side({ listen: false }), await side({ listen: false })];
      const [offer, answer] = await negotiated(a, b);
      await Promise.all([assert.rejects(offer.connect(), { code: 'transport-failed' }), assert.rejects(answer.connect(), { code: 'transport-failed' })]);
    });

    it('leave the choice of two equal candidates to the first byte, when the peer is the initiator', async () => {
      for (const winner of ['incoming', 'outgoing', 'silence'] as const) {
        rig.infos.length = 0;
        let theirs: Socket | undefined;
        const port = await listening((socket) => {
          theirs = socket;
          void serveBytestream(socket, () => true, new AbortController().signal);
        });
        const { method } = await side();
        const priority = priorityOf('direct', 65535);
        const negotiation = own(method.accept(context('responder'), formatTransport({ sid: 's1', dstaddr: undefined, candidates: [at(port, { priority })] })));
        const described = parseTransport(await negotiation.describe());
        const best = described.candidates[0] as Candidate;
        assert.equal(best.priority, priority);
        const peer = await reach(best);
        const connecting = negotiation.connect() as Promise<Socket>;
        negotiation.received(used(best.cid));
        await until(() => rig.infos.length === 1);
        assert.equal(verdict(), 'candidate-used');
        if (winner === 'silence') await rig.clock.advance(verdictTimeout);
        else (winner === 'incoming' ? peer : theirs as Socket).write('first');
        const socket = own(await connecting);
        assert.equal(socket.localPort, winner === 'outgoing' ? theirs?.remotePort : best.port);
        if (winner !== 'silence') assert.equal(String(socket.read()), 'first');
      }
    });
  });

  it('refuses an answer about another bytestream', async () => {
    const { method } = await side();
    const offer = own(method.offer(context('initiator')));
    await offer.describe();
    const other: S5bTransport = { sid: 'other', dstaddr: undefined, candidates: [] };
    for (const wrong of [formatTransport(other), xml('transport', NS_S5B)]) assert.throws(() => offer.answered(wrong), { code: 'malformed' });
  });
});
