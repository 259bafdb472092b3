import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Socket } from 'node:net';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { MediaListener } from '../../../src/xpmn/media/media-listener.ts';
import { waitUntil } from '../../peers/wait.ts';
import { settings } from '../../support/settings.ts';

const REQUESTS = 2;

describe('a listener for players', () => {
  let listener: MediaListener;
  let sockets: Socket[];
  beforeEach(() => (sockets = []));
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await listener.close();
  });

  const begin = async (isShared: boolean): Promise<void> => {
    listener = await MediaListener.open((_request, response) => void response.end('played'), { host: '127.0.0.1', port: 0, isShared }, { ...settings.mediaPort, requests: REQUESTS }, silentLogger);
  };
  /** Whether the player at that address is answered, on a connection that it keeps. */
  const isAnswered = async (localAddress: string): Promise<boolean> => {
    const socket = net.connect({ ...listener.address, localAddress });
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    return Promise.race([once(socket, 'data').then(() => true, () => false), once(socket, 'close').then(() => false)]);
  };

  it('gives no other machine all of its connections', async () => {
    await begin(true);
    for (let i = 0; i < REQUESTS; i += 1) assert.equal(await isAnswered('127.0.0.2'), true);
    assert.equal(await isAnswered('127.0.0.2'), false);
    assert.equal(await isAnswered('127.0.0.3'), true);
    sockets[0]?.destroy();
    await waitUntil('there is room again', () => isAnswered('127.0.0.2'));
  });

  it('gives this machine as many as there are', async () => {
    await begin(false);
    for (let i = 0; i < 2 * REQUESTS; i += 1) assert.equal(await isAnswered('127.0.0.1'), true);
    assert.equal(await isAnswered('127.0.0.1'), false);
  });
});
