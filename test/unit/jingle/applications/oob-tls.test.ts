import { waitUntil } from '../../../peers/wait.ts';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { brandSecured } from '../../../../src/xpmn/ports/security.ts';
import { issueCertificate } from '../../../../src/xpmn/trust/certificate.ts';
import { privateKeyPem } from '../../../../src/xpmn/trust/keys.ts';
import { testKey } from '../../../support/keys.ts';
import { securedPair, type SecuredPair } from '../../../support/secured-pair.ts';
import { aborted, CountingSink, mediaFrom, never, openPair, sha256 } from './oob-rig.ts';

/** As they come off the security layer on the fast path: TLS directly on TCP. */
async function tlsPair(): Promise<SecuredPair> {
  const key = await testKey('oob-tls');
  const certificate = issueCertificate({ clock: systemClock, random: systemRandom }, { certificateYears: 1 }, key, { commonName: 'x', jid: parseJid('a@b/c') });
  const server = createServer({ key: privateKeyPem(key), cert: certificate.pem, minVersion: 'TLSv1.3', noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  const [[far]] = (await Promise.all([once(server, 'secureConnection'), once(near, 'secureConnect')])) as [[TLSSocket], unknown[]];
  server.close();
  for (const socket of [near, far]) socket.on('error', () => undefined);
  const plain = securedPair();
  plain.initiator.stream.destroy();
  return { initiator: brandSecured({ ...plain.initiator, stream: near }), responder: brandSecured({ ...plain.responder, stream: far }) };
}

describe('out-of-band session over TLS', () => {
  it('reuses its buffers without ever changing what is on its way', async () => {
    const { initiator: a, responder: b } = await openPair({ pair: await tlsPair() });
    // Some sinks keep what they are given: no slice may change under them.
    const contents = Array.from({ length: 12 }, (_, i) => randomBytes(700_000 + i * 100_001));
    await Promise.all(contents.map(async (content, i) => {
      const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
      const kept: Buffer[] = [];
      const done = new Promise<void>((resolve, reject) => {
        const stream = to.session.receive(`s${i}`, {
          write: (chunk) => { kept.push(chunk); stream.consumed(chunk.length); },
          end: resolve, fail: reject,
        }, { size: content.length });
      });
      await from.session.send(`s${i}`, mediaFrom(content), { signal: never });
      await done;
      assert.equal(sha256(Buffer.concat(kept)), sha256(content));
    }));
    assert.ok(a.pool.usage.idle > 0 && b.pool.usage.idle > 0, 'buffers came back');
    // The socket says that it has done with a buffer after the peer has read what was in it.
    await waitUntil('all buffers are back', () => a.pool.usage.lent === 0 && b.pool.usage.lent === 0);
    await a.session.close({ signal: never });
    assert.equal((await aborted(b.session.closed)).code, 'aborted');
  });

  it('gives the pool back what a dead socket holds', async () => {
    const { initiator: a, responder: b } = await openPair({ pair: await tlsPair() });
    b.secured.stream.pause();
    const sends = Array.from({ length: 20 }, (_, i) => {
      new CountingSink().attach(b.session, `s${i}`);
      return a.session.send(`s${i}`, mediaFrom(randomBytes(1_000_000)), { signal: never });
    });
    const rejected = Promise.all(sends.map((send) => assert.rejects(send, { code: 'internal' })));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(a.pool.usage.lent > 0);
    a.session.destroy(new XpmnError('internal', 'Test.'));
    await rejected;
    assert.deepEqual([a.pool.usage.lent, a.pool.usage.streams], [0, 0]);
    b.secured.stream.resume();
    assert.equal((await aborted(b.session.closed)).code, 'connection-lost');
  });
});
