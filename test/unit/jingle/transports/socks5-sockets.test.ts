import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import type { Candidate } from '../../../../src/xpmn/jingle/transports/s5b-codec.ts';
import { serveBytestream } from '../../../../src/xpmn/jingle/transports/socks5-handshake.ts';
import { systemClock, systemRandom } from '../../../../src/xpmn/kernel/system.ts';
import { issueCertificate } from '../../../../src/xpmn/trust/certificate.ts';
import { privateKeyPem } from '../../../../src/xpmn/trust/keys.ts';
import { settle } from '../../../support/fake-clock.ts';
import { testKey } from '../../../support/keys.ts';
import { settings } from '../../../support/settings.ts';
import { JULIET, at, error, socks5Rig, used } from '../../../support/socks5-rig.ts';

describe('SOCKS5 bytestreams: sockets', () => {
  const rig = socks5Rig();
  const { own, side, facing, negotiated, listening, reach, until } = rig;

  it('are handed over bare: no listener of ours, not flowing, with what the peer sent already', async () => {
    const [offer, answer] = await negotiated(await side(), await side());
    const [b, a] = (await Promise.all([answer.connect(), offer.connect()])) as [Socket, Socket];
    own(a);
    own(b);
    await settle(1);
    for (const socket of [a, b]) {
      for (const event of ['data', 'readable', 'timeout', 'connect', 'drain']) assert.equal(socket.listenerCount(event), 0, event);
      assert.notEqual(socket.readableFlowing, true);
    }
    offer.destroy();
    answer.destroy();
    assert.deepEqual([a.destroyed, b.destroyed], [false, false]);
  });

  it('do not end the process when they are reset before their new owner listens', async () => {
    const { negotiation, described } = await facing([]);
    const connecting = negotiation.connect() as Promise<Socket>;
    const best = described.candidates[0] as Candidate;
    const peer = await reach(best);
    negotiation.received(used(best.cid));
    const socket = own(await connecting);
    peer.resetAndDestroy();
    socket.read();
    // Not events.once, which would listen for the error.
    await new Promise((resolve) => socket.on('close', resolve));
    assert.equal(socket.errored?.name, 'Error');
  });

  it('carry TLS directly, with bytes that arrived before it', async () => {
    const key = await testKey('tls-over-s5b');
    const certificate = issueCertificate({ clock: systemClock, random: systemRandom }, { certificateYears: 1 }, key, { commonName: 'x', jid: JULIET });
    const { negotiation, described } = await facing([]);
    const connecting = negotiation.connect() as Promise<Socket>;
    const best = described.candidates[0] as Candidate;
    const peer = await reach(best);
    negotiation.received(used(best.cid));
    // The initiator begins TLS while the responder still negotiates: its ClientHello waits in the socket.
    const client = own(tls.connect({ socket: peer, rejectUnauthorized: false, minVersion: 'TLSv1.3' }));
    client.on('error', () => undefined);
    client.write('over TLS');
    const socket = own(await connecting);
    await until(() => socket.readableLength > 0 || socket.bytesRead > 60);
    const server = tls.createServer({ key: privateKeyPem(key), cert: certificate.pem, minVersion: 'TLSv1.3' });
    const secured = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
    server.emit('connection', socket);
    const [stream] = await secured;
    own(stream);
    await once(stream, 'readable');
    assert.equal(String(stream.read()), 'over TLS');
  });

  it('that lose are closed, and nothing is expected any more', async () => {
    const [a, b] = [await side(), await side()];
    const [offer, answer] = await negotiated(a, b);
    const [first, second] = (await Promise.all([answer.connect(), offer.connect()])) as [Socket, Socket];
    own(first);
    own(second);
    assert.deepEqual([a.listener.expected, b.listener.expected], [0, 0]);
    assert.equal(first.remotePort, second.localPort);
  });

  it('that we opened are closed when the peer\'s is nominated', async () => {
    let ended: Promise<unknown> | undefined;
    const port = await listening((socket) => {
      ended = serveBytestream(socket, () => true, new AbortController().signal).then(() => once(socket.resume(), 'end'));
    });
    const { negotiation, described } = await facing([at(port)]);
    const best = described.candidates[0] as Candidate;
    const connecting = negotiation.connect() as Promise<Socket>;
    await until(() => rig.infos.length === 1);
    await reach(best);
    negotiation.received(used(best.cid));
    assert.equal(own(await connecting).localPort, best.port);
    await ended;
  });

  it('of one peer are kept to the limit, and closed with the negotiation', async () => {
    const { negotiation, described, listener } = await facing([]);
    const best = described.candidates[0] as Candidate;
    const kept = await Promise.all(Array.from({ length: settings.socks5.incoming }, () => reach(best)));
    await assert.rejects(reach(best), { code: 'not-allowed' });
    kept[0]?.destroy();
    await until(() => (negotiation as unknown as { incoming: { size: number } }).incoming.size === settings.socks5.incoming - 1);
    await reach(best);
    const closed = Promise.all(kept.slice(1).map((socket) => once(socket.resume(), 'close')));
    negotiation.destroy();
    await closed;
    assert.equal(listener.expected, 0);
  });

  it('serve 200 sessions over one listener', async () => {
    const [a, b] = [await side({ listen: false }), await side()];
    const sessions = await Promise.all(Array.from({ length: 200 }, () => negotiated(a, b)));
    // Accepted in waves: more half-open connections of one address than the limit would be an attack.
    const wave = settings.socks5.listener.halfOpenPerAddress;
    for (let start = 0; start < sessions.length; start += wave) {
      await Promise.all(sessions.slice(start, start + wave).map(async ([offer, answer], i) => {
        const [responder, initiator] = (await Promise.all([answer.connect(), offer.connect()])) as [Socket, Socket];
        own(responder);
        own(initiator).write(`session ${start + i}`);
        await once(responder, 'readable');
        assert.equal(String(responder.read()), `session ${start + i}`);
      }));
    }
    assert.deepEqual([b.listener.expected, b.listener.halfOpen], [0, 0]);
  });

  it('are not given away by a listener that was closed', async () => {
    const { negotiation, listener, described } = await facing([]);
    await listener.close();
    await assert.rejects(reach(described.candidates[0] as Candidate));
    negotiation.received(error);
    await assert.rejects(negotiation.connect(), { code: 'transport-failed' });
  });
});
