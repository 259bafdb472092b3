import assert from 'node:assert/strict';
import { Duplex, duplexPair } from 'node:stream';
import { requestBytestream, serveBytestream } from '../../../../src/xpmn/jingle/transports/socks5-handshake.ts';
import { settle } from '../../../support/fake-clock.ts';

const HASH = 'a'.repeat(40);
const never = new AbortController().signal;

/** Sends `bytes` one by one, each after everything before was looked at. */
async function drip(stream: Duplex, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    stream.write(Buffer.of(byte));
    await settle(1);
  }
}

const request = Buffer.concat([Buffer.from('0501000501000328', 'hex'), Buffer.from(HASH), Buffer.from('0000', 'hex')]);
const reply = Buffer.concat([Buffer.from('05000500000328', 'hex'), Buffer.from(HASH), Buffer.from('0000', 'hex')]);

function untouched(stream: Duplex): void {
  for (const event of ['readable', 'data', 'close'] as const) assert.equal(stream.listenerCount(event), 0, event);
  assert.notEqual(stream.readableFlowing, true);
}

describe('SOCKS5 handshake', () => {
  it('works between our own two ends', async () => {
    const [a, b] = duplexPair();
    const [, destination] = await Promise.all([requestBytestream(a, HASH, never), serveBytestream(b, (name) => name === HASH, never)]);
    assert.equal(destination, HASH);
    untouched(a);
    untouched(b);
  });

  for (const extra of [0, 1, 50]) {
    it(`serves a request that comes byte by byte and all at once, with ${extra} bytes of the stream behind it`, async () => {
      for (const oneByOne of [true, false]) {
        const [a, b] = duplexPair();
        const serving = serveBytestream(b, () => true, never);
        const bytes = Buffer.concat([request, Buffer.alloc(extra, 'z')]);
        if (oneByOne) await drip(a, bytes);
        else a.write(bytes);
        assert.equal(await serving, HASH);
        await settle(1);
        untouched(b);
        assert.equal(String(b.read() ?? ''), 'z'.repeat(extra));
        assert.deepEqual(a.read(), reply);
      }
    });

    it(`reads a reply that comes byte by byte and all at once, with ${extra} bytes of the stream behind it`, async () => {
      for (const oneByOne of [true, false]) {
        const [a, b] = duplexPair();
        const asking = requestBytestream(a, HASH, never);
        const bytes = Buffer.concat([reply, Buffer.alloc(extra, 'z')]);
        if (oneByOne) await drip(b, bytes);
        else b.write(bytes);
        await asking;
        await settle(1);
        untouched(a);
        assert.equal(String(a.read() ?? ''), 'z'.repeat(extra));
      }
    });
  }

  it('loses nothing of what comes together with the end, wherever that is cut', async () => {
    const rest = Buffer.from('the whole of a short stream');
    for (const [message, run] of [[request, (s: Duplex) => serveBytestream(s, () => true, never)], [reply, (s: Duplex) => requestBytestream(s, HASH, never)]] as const) {
      const bytes = Buffer.concat([message, rest]);
      for (let cut = 0; cut <= message.length; cut += 1) {
        // As a socket does it: the data is there, and the end, before anybody is told of either.
        const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
        const handshake = run(socket);
        if (cut > 0) socket.push(bytes.subarray(0, cut));
        await settle(1);
        // In a turn of its own: from here on the end comes before any promise goes on.
        setImmediate(() => {
          socket.push(bytes.subarray(cut));
          socket.push(null);
        });
        await handshake;
        await settle(1);
        assert.deepEqual(Buffer.concat((await socket.toArray()) as Buffer[]), rest, `cut at ${cut}`);
      }
    }
  });

  it('takes a reply with any type of address', async () => {
    for (const address of ['01c00002010438', `04${'0'.repeat(32)}0438`, '030161ffff']) {
      const [a, b] = duplexPair();
      b.write(Buffer.from(`0500050000${address}`, 'hex'));
      await requestBytestream(a, HASH, never);
    }
  });

  it('says nothing but three bytes to what does not answer like a SOCKS5 server', async () => {
    for (const answer of ['HTTP/1.1 200 OK\r\n\r\n', '220 smtp.example.org\r\n', '\x05\xff', '\x05\x02', '\x04\x00', '\x05']) {
      const [a, b] = duplexPair();
      const asking = requestBytestream(a, HASH, never);
      b.end(Buffer.from(answer, 'latin1'));
      await assert.rejects(asking, (error: { code?: string }) => ['malformed', 'not-allowed', 'connection-lost'].includes(error.code ?? ''));
      assert.equal((b.read() as Buffer).toString('hex'), '050100');
      untouched(a);
    }
  });

  it('fails on every reply but success', async () => {
    for (let status = 1; status < 10; status += 1) {
      const [a, b] = duplexPair();
      b.write(Buffer.from([5, 0, 5, status, 0, 1, 0, 0, 0, 0, 0, 0]));
      await assert.rejects(requestBytestream(a, HASH, never), { code: 'not-allowed' });
    }
  });

  it('refuses clients that ask for something else', async () => {
    const domain = (hash: string): string => `03${hash.length.toString(16).padStart(2, '0')}${Buffer.from(hash).toString('hex')}0000`;
    const table: readonly (readonly [string, string, string])[] = [
      ['only a password method', '050102', '05ff'],
      ['an unknown destination', `050100050100${domain('b'.repeat(40))}`, '0500050200'],
      ['BIND', `050100050200${domain(HASH)}`, '0500050700'],
      ['UDP', `050100050300${domain(HASH)}`, '0500050700'],
      ['an IPv4 address', '050100050100017f0000010050', '0500050200'],
      ['an IPv6 address', `05010005010004${'0'.repeat(32)}0050`, '0500050200'],
    ];
    for (const [what, sent, answered] of table) {
      const [a, b] = duplexPair();
      a.write(Buffer.from(sent, 'hex'));
      await assert.rejects(serveBytestream(b, (name) => name === HASH, never), { code: 'not-allowed' }, what);
      assert.ok((a.read() as Buffer).toString('hex').startsWith(answered), what);
    }
  });

  it('ends when the other side does, or is aborted', async () => {
    for (const [role, run] of [['server', (s: Duplex, signal: AbortSignal) => serveBytestream(s, () => true, signal)], ['client', (s: Duplex, signal: AbortSignal) => requestBytestream(s, HASH, signal)]] as const) {
      const [a, b] = duplexPair();
      const ended = run(a, never);
      b.end(Buffer.of(5));
      await assert.rejects(ended, { code: 'connection-lost' }, role);
      const abort = new AbortController();
      const [c] = duplexPair();
      const running = run(c, abort.signal);
      const reason = new Error('stop');
      abort.abort(reason);
      await assert.rejects(running, reason);
      untouched(c);
    }
  });
});
