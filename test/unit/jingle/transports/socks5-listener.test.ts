import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { requestBytestream } from '../../../../src/xpmn/jingle/transports/socks5-handshake.ts';
import { Socks5Listener } from '../../../../src/xpmn/jingle/transports/socks5-listener.ts';
import type { Expectation, Socks5ListenerOptions } from '../../../../src/xpmn/jingle/transports/socks5-listener.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';

const never = new AbortController().signal;
const hashOf = (n: number): string => n.toString(16).padStart(40, '0');

describe('SOCKS5 listener', () => {
  let clock: FakeClock;
  let listener: Socks5Listener;
  let sockets: Socket[];

  async function start(options: Partial<Socks5ListenerOptions> = {}): Promise<void> {
    listener = new Socks5Listener({ clock, log: silentLogger }, { ...settings.socks5.listener, host: '127.0.0.1', ...options });
    await listener.listen();
  }

  async function dial(host = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ host, port: listener.port as number });
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  function expectation(destination: string, more: Partial<Expectation> = {}): { arrived: Promise<Socket>; forget: () => void } {
    let forget = (): void => undefined;
    const arrived = new Promise<Socket>((resolve) => {
      const onSocket = (socket: Socket): void => {
        sockets.push(socket);
        resolve(socket);
      };
      forget = listener.expect({ destination, alternative: `alternative of ${destination}`, hasRoom: () => true, onSocket, ...more });
    });
    return { arrived, forget };
  }

  const until = async (claim: () => boolean): Promise<void> => {
    for (let i = 0; i < 5000 && !claim(); i += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(claim());
  };
  const gone = (socket: Socket): Promise<unknown> => (socket.closed ? Promise.resolve() : once(socket.resume(), 'close'));

  beforeEach(() => {
    clock = new FakeClock();
    sockets = [];
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await listener.close();
    assert.deepEqual([listener.port, listener.halfOpen, listener.expected, clock.pending], [undefined, 0, 0, 0]);
  });

  it('gives a bytestream to whom expects it, with the bytes that followed the handshake', async () => {
    await start();
    const { arrived } = expectation(hashOf(1));
    const client = await dial();
    client.write(Buffer.concat([Buffer.from('0501000501000328', 'hex'), Buffer.from(hashOf(1)), Buffer.from('0000', 'hex'), Buffer.from('hello')]));
    const socket = await arrived;
    assert.equal(String(socket.read()), 'hello');
    for (const event of ['data', 'readable', 'close', 'timeout']) assert.equal(socket.listenerCount(event), 0, event);
  });

  it('understands upper-case hashes, and both orders of the JIDs', async () => {
    await start();
    const first = expectation('ab'.repeat(20), { alternative: 'cd'.repeat(20) });
    await requestBytestream(await dial(), 'AB'.repeat(20), never);
    await first.arrived;
    first.forget();
    const second = expectation('ab'.repeat(20), { alternative: 'cd'.repeat(20) });
    await requestBytestream(await dial(), 'cd'.repeat(20), never);
    await second.arrived;
  });

  it('prefers a destination to another one\'s alternative', async () => {
    await start();
    expectation(hashOf(1), { alternative: hashOf(2), onSocket: () => assert.fail('the alternative was taken') });
    const { arrived } = expectation(hashOf(2), { alternative: hashOf(1) });
    await requestBytestream(await dial(), hashOf(2), never);
    await arrived;
  });

  it('refuses what nobody expects, expects no more, or has no room for', async () => {
    await start();
    const { forget } = expectation(hashOf(1));
    forget();
    expectation(hashOf(2), { hasRoom: () => false });
    for (const hash of [hashOf(1), hashOf(2), hashOf(3)]) {
      const client = await dial();
      await assert.rejects(requestBytestream(client, hash, never), { code: 'not-allowed' });
      await gone(client);
    }
  });

  it('expects a destination once', async () => {
    await start();
    expectation(hashOf(1));
    const again = { destination: hashOf(1), alternative: hashOf(2), hasRoom: () => true, onSocket: () => undefined };
    assert.throws(() => listener.expect(again), { code: 'conflict' });
  });

  it('ends a handshake that takes too long', async () => {
    await start();
    const silent = await dial();
    const slow = await dial();
    slow.write(Buffer.from('0501', 'hex'));
    await until(() => listener.halfOpen === 2);
    await clock.advance(settings.socks5.listener.handshakeTimeout);
    await Promise.all([gone(silent), gone(slow)]);
    assert.equal(listener.halfOpen, 0);
  });

  it('drops what is no SOCKS5 at its first byte', async () => {
    await start();
    const client = await dial();
    client.write('GET / HTTP/1.1\r\n\r\n');
    await gone(client);
    await until(() => listener.halfOpen === 0);
  });

  it('refuses one handshake too many of one address', async () => {
    await start({ halfOpenPerAddress: 2 });
    const [first, second] = [await dial(), await dial()];
    await until(() => listener.halfOpen === 2);
    await gone(await dial());
    assert.deepEqual([listener.halfOpen, first.destroyed, second.destroyed], [2, false, false]);
  });

  it('ends the oldest handshake when there are too many', async () => {
    await start({ halfOpen: 2 });
    const oldest = await dial();
    await until(() => listener.halfOpen === 1);
    await dial();
    const { arrived } = expectation(hashOf(1));
    const honest = await dial();
    await gone(oldest);
    await requestBytestream(honest, hashOf(1), never);
    await arrived;
    assert.equal(listener.halfOpen, 1);
  });

  it('serves 200 sessions at a time', async () => {
    await start({ halfOpenPerAddress: 200 });
    const arrivals = Array.from({ length: 200 }, (_, n) => expectation(hashOf(n)));
    await Promise.all(arrivals.map(async ({ arrived }, n) => {
      const client = await dial();
      await requestBytestream(client, hashOf(n), new AbortController().signal);
      client.write(`I am ${n}.`);
      const socket = await arrived;
      await once(socket, 'readable');
      assert.equal(String(socket.read()), `I am ${n}.`);
    }));
    for (const { forget } of arrivals) forget();
    assert.deepEqual([listener.expected, listener.halfOpen], [0, 0]);
  });

  it('listens on IPv4 and IPv6 at one port', async () => {
    await start({ host: undefined });
    for (const [n, host] of ['127.0.0.1', '::1'].entries()) {
      const { arrived } = expectation(hashOf(n));
      await requestBytestream(await dial(host), hashOf(n), never);
      await arrived;
    }
  });

  it('closes with handshakes under way; what was given away lives on', async () => {
    await start();
    const { arrived } = expectation(hashOf(1));
    const client = await dial();
    await requestBytestream(client, hashOf(1), never);
    const given = await arrived;
    const halfWay = await dial();
    await until(() => listener.halfOpen === 1);
    const { port } = listener;
    await listener.close();
    await gone(halfWay);
    given.write('still here');
    await once(client, 'readable');
    assert.equal(String(client.read()), 'still here');
    const late = connect({ host: '127.0.0.1', port: port as number });
    const [error] = await once(late, 'error') as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
  });

  it('says when its port is taken', async () => {
    await start();
    const other = new Socks5Listener({ clock, log: silentLogger }, { ...settings.socks5.listener, host: '127.0.0.1', port: listener.port as number });
    await assert.rejects(other.listen(), { code: 'bad-configuration' });
    await other.close();
  });
});
