import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { IncomingSockets } from '../../../../src/xpmn/jingle/transports/incoming-sockets.ts';

describe('incoming sockets', () => {
  let sockets: Socket[];

  /** Both ends of a connection to `host`: theirs, ours. */
  async function pair(host: string): Promise<readonly [Socket, Socket]> {
    const server = createServer({ allowHalfOpen: true }).listen(0, host);
    await once(server, 'listening');
    const theirs = connect({ host, port: (server.address() as AddressInfo).port });
    const [ours] = (await once(server, 'connection')) as [Socket];
    server.close();
    sockets.push(theirs, ours);
    return [theirs, ours];
  }

  beforeEach(() => {
    sockets = [];
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
  });

  it('are told apart by the address they arrived at', async () => {
    const incoming = new IncomingSockets();
    const [[, first], [, second]] = [await pair('127.0.0.1'), await pair('127.0.0.2')];
    incoming.add(first);
    incoming.add(second);
    assert.equal(incoming.at('127.0.0.1'), first);
    assert.equal(incoming.at('::ffff:127.0.0.2'), second);
  });

  it('are taken newest first where the address says nothing, as behind a NAT', async () => {
    const incoming = new IncomingSockets();
    const [[, first], [theirs, second]] = [await pair('127.0.0.1'), await pair('127.0.0.1')];
    incoming.add(first);
    incoming.add(second);
    assert.equal(incoming.at('192.0.2.1'), second);
    const gone = new Promise((resolve) => second.on('close', resolve));
    theirs.end();
    await gone;
    assert.deepEqual([incoming.at('192.0.2.1'), incoming.size], [first, 1]);
  });

  it('leave without a listener and with their bytes', async () => {
    const incoming = new IncomingSockets();
    const [theirs, ours] = await pair('127.0.0.1');
    const before = ours.listenerCount('close');
    incoming.add(ours);
    theirs.write('early');
    await once(ours, 'readable');
    incoming.release(ours);
    assert.deepEqual([ours.listenerCount('readable'), ours.listenerCount('close') - before, incoming.size], [0, 0, 0]);
    assert.equal(String(ours.read()), 'early');
  });
});
