import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemBusAddress } from '../../../src/dbus/bus-address.ts';
import { createMessageBus } from '../../../src/dbus/message-bus.ts';
import type { MessageBus } from '../../../src/dbus/bus.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { waitUntil } from '../../peers/wait.ts';
import { settings } from '../../support/settings.ts';
import { TrackedClock } from '../../support/tracked-clock.ts';

/** A header of a message: little endian, of type, with lengths of body and fields. */
function header(type: number, body: number, fields: number, { endian = 'l', version = 1 } = {}): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write(endian, 0);
  bytes[1] = type;
  bytes[3] = version;
  bytes.writeUInt32LE(body, 4);
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(fields, 12);
  return bytes;
}

describe('a bus that is none', function () {
  this.timeout(10_000);
  let folder: string;
  let server: Server;
  let clock: TrackedClock;
  let bus: MessageBus;
  /** What it says, once somebody has greeted it. */
  let speech: (socket: Socket) => void;
  let connections: number;
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-no-bus-'));
    [clock, connections] = [new TrackedClock(), 0];
    server = createServer((socket) => {
      connections += 1;
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => speech(socket));
    }).listen(join(folder, 'bus'));
    await once(server, 'listening');
    const options = { ...settings.dbus, connectTimeout: 150, backOff: { first: 10, factor: 1, max: 10 } };
    bus = createMessageBus({ clock, random: systemRandom, log: silentLogger }, { ...options, address: `unix:path=${join(folder, 'bus')}` });
  });

  afterEach(async () => {
    await bus.stop();
    assert.equal(clock.pending, 0);
    server.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await rm(folder, { recursive: true, force: true });
  });

  const welcome = (then: Buffer) => (socket: Socket): void => {
    socket.write('OK 0123456789abcdef0123456789abcdef\r\n');
    socket.on('data', (data) => {
      if (data.includes('BEGIN')) socket.write(then);
    });
  };
  const speeches: Readonly<Record<string, (socket: Socket) => void>> = {
    'says nothing': () => undefined,
    'hangs up': (socket) => socket.destroy(),
    'ends politely': (socket) => socket.end(),
    'lets nobody in': (socket) => socket.write('REJECTED EXTERNAL\r\n'),
    'speaks HTTP': (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'says nothing after its welcome': welcome(Buffer.alloc(0)),
    'answers with noise': welcome(Buffer.alloc(4_096, 0xa5)),
    'answers with zeros': welcome(Buffer.alloc(4_096)),
    'promises more than is allowed': welcome(header(2, 0xfffffff0, 0xfffffff0)),
    'is of another version': welcome(header(2, 0, 8, { version: 9 })),
    'has fields that make no sense': welcome(Buffer.concat([header(2, 0, 24), Buffer.alloc(24, 0xff)])),
    'has a body that is cut': welcome(Buffer.concat([header(2, 8, 16), Buffer.from([8, 1, 0x67, 0, 2, 0x61, 0x79, 0, 5, 1, 0x75, 0, 1, 0, 0, 0]), Buffer.alloc(8, 0xff)])),
  };
  for (const [what, say] of Object.entries(speeches)) {
    it(`is no bus when it ${what}, and is tried again`, async () => {
      speech = say;
      await bus.start({ signal: new AbortController().signal });
      assert.equal(bus.isConnected, false);
      await waitUntil('tried again', () => connections >= 2);
    });
  }

  it('is no bus at another kind of address', async () => {
    for (const address of ['tcp:host=127.0.0.1,port=1', 'unixexec:path=/bin/false', 'nonsense', '']) {
      const none = createMessageBus({ clock, random: systemRandom, log: silentLogger }, { ...settings.dbus, address });
      await none.start({ signal: new AbortController().signal });
      assert.equal(none.isConnected, false);
      await none.stop();
    }
  });

  it('is where the environment says', () => {
    assert.equal(systemBusAddress({}), 'unix:path=/run/dbus/system_bus_socket');
    assert.equal(systemBusAddress({ DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/tmp/x' }), 'unix:path=/tmp/x');
  });
});
