import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { abortable, deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { LanListeners } from '../../../src/xpmn/media/lan-listeners.ts';
import { MediaListener } from '../../../src/xpmn/media/media-listener.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const signal = new AbortController().signal;
const { mediaPort } = settings;

describe('listeners for the LAN', () => {
  let clock: FakeClock;
  let needed: Set<string>;
  let opened: string[];
  let failing: boolean;
  let gate: Promise<void>;
  let listeners: LanListeners;
  /** Players at 192.0.2.N are reached by 127.0.0.N. */
  beforeEach(() => {
    clock = new FakeClock();
    needed = new Set();
    opened = [];
    failing = false;
    gate = Promise.resolve();
    listeners = new LanListeners({
      clock,
      findRoute: (remote, { signal: until }) => abortable(Promise.resolve({ local: remote.replace('192.0.2.', '127.0.0.'), remote }), until),
      open: async (door, port) => {
        opened.push(door);
        await gate;
        return failing ? Promise.reject(new Error('EADDRNOTAVAIL')) : MediaListener.open((_request, response) => void response.end(), { host: door, port }, mediaPort, silentLogger);
      },
      isNeeded: (door) => needed.has(door),
    }, { ...mediaPort, lanListeners: 2, lanInterval: 1000 });
  });
  afterEach(() => listeners.close());

  async function isOpen({ host, port }: { host: string; port: number }): Promise<boolean> {
    const socket = net.connect(port, host);
    return once(socket, 'connect').then(() => (socket.destroy(), true), () => false);
  }

  it('are opened for the address by which a player is reached, once, and only then', async () => {
    assert.deepEqual(opened, []);
    const [one, other] = await Promise.all(['192.0.2.2', '192.0.2.2'].map((address) => listeners.towards(address, { signal })));
    assert.deepEqual(one, other);
    assert.equal(one?.host, '127.0.0.2');
    assert.equal(one.door, '127.0.0.2');
    await listeners.towards('192.0.2.3', { signal });
    assert.deepEqual(opened, ['127.0.0.2', '127.0.0.3']);
    assert.ok(await isOpen(one));
  });

  it('are closed when nothing there is valid any more, and opened again', async () => {
    const { door, ...address } = await listeners.towards('192.0.2.2', { signal });
    needed.add(door);
    await clock.advance(5000);
    assert.ok(await isOpen(address));
    needed.clear();
    await clock.advance(1000);
    assert.equal(await isOpen(address), false);
    assert.equal(clock.pending, 0, 'nobody looks when there is nothing to look after');
    assert.ok(await isOpen(await listeners.towards('192.0.2.2', { signal })));
    assert.equal(clock.pending, 1);
  });

  it('are so many at most, until one is closed', async () => {
    for (const address of ['192.0.2.2', '192.0.2.3']) await listeners.towards(address, { signal });
    await assert.rejects(listeners.towards('192.0.2.4', { signal }), { code: 'resource-limit' });
    await clock.advance(1000);
    await listeners.towards('192.0.2.4', { signal });
  });

  it('say why there is none, and are tried again', async () => {
    failing = true;
    await assert.rejects(listeners.towards('192.0.2.2', { signal }), { code: 'bad-configuration' });
    failing = false;
    await listeners.towards('192.0.2.2', { signal });
  });

  it('are all closed in the end, also one that is being opened, and none is opened after', async () => {
    const address = await listeners.towards('192.0.2.2', { signal });
    const { promise, resolve } = deferred();
    gate = promise;
    const late = listeners.towards('192.0.2.3', { signal });
    await settle(1);
    const closing = listeners.close();
    resolve();
    await closing;
    await assert.rejects(late, { code: 'not-running' });
    await assert.rejects(listeners.towards('192.0.2.2', { signal }), { code: 'not-running' });
    assert.equal(await isOpen(address), false);
    assert.equal(clock.pending, 0);
  });

  it('wait no longer than whoever asked', async () => {
    const reason = new XpmnError('aborted', 'Enough.');
    await assert.rejects(listeners.towards('192.0.2.2', { signal: AbortSignal.abort(reason) }), reason);
  });
});
