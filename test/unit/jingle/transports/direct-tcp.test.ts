import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { DirectListener, dialDirect } from '../../../../src/xpmn/jingle/transports/direct-tcp.ts';
import type { DirectListenerOptions } from '../../../../src/xpmn/jingle/transports/direct-tcp.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';

const { directTcp } = settings;
const never = (): AbortSignal => new AbortController().signal;

describe('direct TCP', () => {
  let clock: FakeClock;
  let listener: DirectListener;
  let sockets: Socket[];

  async function listen(options: Partial<DirectListenerOptions> = {}): Promise<number> {
    const onSocket = (socket: Socket): void => void sockets.push(socket);
    listener = new DirectListener({ log: silentLogger, onSocket }, { ...directTcp.listener, host: '127.0.0.1', ...options });
    await listener.listen();
    return listener.port as number;
  }

  const dial = async (port: number): Promise<Socket> => {
    const socket = await dialDirect({ clock }, [{ host: '127.0.0.1', port }], directTcp, never());
    sockets.push(socket);
    return socket;
  };

  /** A port of loopback on which nothing listens. */
  async function deadPort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  }

  beforeEach(async () => {
    clock = new FakeClock();
    sockets = [];
    await listen();
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
    listener.close();
    assert.deepEqual([listener.port, clock.pending], [undefined, 0]);
  });

  it('takes the first address that answers', async () => {
    const targets = [{ host: '127.0.0.1', port: await deadPort() }, { host: '127.0.0.1', port: listener.port as number }];
    const socket = await dialDirect({ clock }, targets, directTcp, never());
    sockets.push(socket);
    assert.equal(socket.remotePort, listener.port);
    for (const event of ['data', 'readable', 'connect', 'close']) assert.equal(socket.listenerCount(event), 0, event);
  });

  it('fails when no address answers, for names, and without any', async () => {
    for (const targets of [[{ host: '127.0.0.1', port: await deadPort() }], [{ host: 'localhost', port: listener.port as number }], []]) {
      await assert.rejects(dialDirect({ clock }, targets, directTcp, never()), { code: 'transport-failed' });
    }
  });

  it('tries no more addresses than the limit', async () => {
    const dead = { host: '127.0.0.1', port: await deadPort() };
    const targets = [dead, dead, { host: '127.0.0.1', port: listener.port as number }];
    await assert.rejects(dialDirect({ clock }, targets, { ...directTcp, targets: 2 }, never()), { code: 'transport-failed' });
  });

  it('rejects with the reason when aborted, before and while it dials', async () => {
    const reason = new Error('stop');
    const target = [{ host: '127.0.0.1', port: listener.port as number }];
    await assert.rejects(dialDirect({ clock }, target, directTcp, AbortSignal.abort(reason)), reason);
    const abort = new AbortController();
    const dialling = dialDirect({ clock }, target, directTcp, abort.signal);
    abort.abort(reason);
    await assert.rejects(dialling, reason);
  });

  it('refuses connections beyond its limits, and takes more when some have closed', async () => {
    for (const options of [{ connections: 2 }, { connectionsPerAddress: 2 }]) {
      listener.close();
      const port = await listen(options);
      await dial(port);
      await dial(port);
      await once((await dial(port)).resume(), 'end');
      assert.equal(listener.connections, 2);
      for (const socket of sockets) socket.destroy();
      for (let i = 0; i < 5000 && listener.connections > 0; i += 1) await settle(1);
      await dial(port);
      for (let i = 0; i < 5000 && listener.connections < 1; i += 1) await settle(1);
      assert.equal(listener.connections, 1);
    }
  });
});
