import assert from 'node:assert/strict';
import { deferred } from '../../../../../src/xpmn/kernel/tasks.ts';
import { settle } from '../../../../support/fake-clock.ts';
import {
  ALERT, G, HANDSHAKE, N, RawTls, clientHello, clientKeyExchange, record, serverHello, serverHelloDone, serverKeyExchange, twice,
} from '../../../../support/raw-tls.ts';
import { pumpEnd, romeo } from '../../../../support/srp-rig.ts';
import type { PumpEnd, PumpEndOptions } from '../../../../support/srp-rig.ts';
import { duplexWire } from '../../../../support/wire.ts';

const ILLEGAL_PARAMETER = 47;
const UNKNOWN_PSK_IDENTITY = 115;
const SERVER_HELLO_DONE = 14;

/** What is 0 modulo N, and would make the secret one that everybody knows. */
const ZEROES: Readonly<Record<string, Buffer>> = { '0': Buffer.from([0]), 'nothing at all': Buffer.alloc(0), 'N': N, '2 N': twice(N) };

describe('TLS-SRP against a client that bends the rules', () => {
  function attacked(options: PumpEndOptions = {}): { server: PumpEnd; client: RawTls } {
    const [up, down] = duplexWire();
    return { server: pumpEnd('responder', down, options), client: new RawTls(up) };
  }

  for (const [name, a] of Object.entries(ZEROES)) {
    it(`refuses ${name} as the client's public value, and counts it as an attempt`, async () => {
      const { server, client } = attacked();
      client.stream.write(clientHello(romeo));
      await client.until(SERVER_HELLO_DONE);
      client.stream.write(clientKeyExchange(a));
      assert.equal(await client.alert(), ILLEGAL_PARAMETER);
      assert.deepEqual([(await server.failed).name, server.events], ['Error', ['burn', 'failed']]);
    });
  }

  it('finds nothing wrong with an honest value', async () => {
    const { server, client } = attacked();
    client.stream.write(clientHello(romeo));
    await client.until(SERVER_HELLO_DONE);
    client.stream.write(clientKeyExchange(G));
    await settle(20);
    assert.deepEqual(server.events, ['burn']);
    assert.ok(!client.records.some(({ type }) => type === ALERT));
  });

  it('burns before it looks at a key exchange that came together with the hello', async () => {
    const gate = deferred();
    const { server, client } = attacked({ burn: () => gate.promise });
    client.stream.write(Buffer.concat([clientHello(romeo), clientKeyExchange(Buffer.from([0]))]));
    await settle(20);
    assert.deepEqual(server.events, ['burn']);
    assert.ok(client.records.every(({ type }) => type === HANDSHAKE), 'no answer yet');
    gate.resolve();
    assert.equal(await client.alert(), ILLEGAL_PARAMETER);
  });

  it('burns also when warnings come first', async () => {
    const { server, client } = attacked();
    client.stream.write(clientHello(romeo));
    await client.until(SERVER_HELLO_DONE);
    client.stream.write(Buffer.concat([record(ALERT, Buffer.from([1, 90])), clientKeyExchange(G)]));
    await settle(20);
    assert.deepEqual(server.events, ['burn']);
  });

  it('takes a client that refuses our answer for no attempt', async () => {
    const { server, client } = attacked();
    client.stream.write(clientHello(romeo));
    await client.until(SERVER_HELLO_DONE);
    client.stream.write(record(ALERT, Buffer.from([2, 71])));
    await server.failed;
    assert.deepEqual(server.events, ['failed']);
  });

  it('refuses a client without a user name', async () => {
    const { server, client } = attacked();
    client.stream.write(clientHello(undefined));
    assert.equal(await client.alert(), UNKNOWN_PSK_IDENTITY);
    assert.deepEqual([(await server.failed).name, server.events], ['Error', ['failed']]);
  });

  for (const [name, bytes] of Object.entries({
    'XML': Buffer.from('<stream:stream xmlns="jabber:client">'.repeat(20)),
    'a record that is too long': Buffer.concat([Buffer.from([HANDSHAKE, 3, 3, 0xff, 0xff]), Buffer.alloc(0xffff)]),
    'a hello that is too long': record(HANDSHAKE, Buffer.concat([Buffer.from([1, 0xff, 0xff, 0xff]), Buffer.alloc(100)])),
    'application data': record(23, Buffer.alloc(100)),
    'a Finished': record(HANDSHAKE, Buffer.concat([Buffer.from([20, 0, 0, 12]), Buffer.alloc(12)])),
  })) {
    it(`ends when ${name} comes instead of a hello`, async () => {
      const { server, client } = attacked();
      client.stream.write(bytes);
      await server.failed;
      assert.deepEqual(server.events, ['failed']);
      client.stream.destroy();
    });
  }
});

describe('TLS-SRP against a server that bends the rules', () => {
  async function attacked(...flight: readonly Buffer[]): Promise<{ client: PumpEnd; server: RawTls }> {
    const [up, down] = duplexWire();
    const client = pumpEnd('initiator', up);
    const server = new RawTls(down);
    await server.until(1);
    server.stream.write(Buffer.concat([...flight, serverHelloDone]));
    return { client, server };
  }

  it('gives an honest-looking one the second flight, burnt before', async () => {
    const { client, server } = await attacked(serverHello(), serverKeyExchange());
    await server.until(16);
    assert.deepEqual(client.events, ['burn']);
  });

  const other = Buffer.from(N);
  other[200] = (other[200] as number) ^ 1;
  const bent: Readonly<Record<string, readonly Buffer[]>> = {
    ...Object.fromEntries(Object.entries(ZEROES).map(([name, b]) => [`${name} as the server's public value`, [serverHello(), serverKeyExchange({ b })]])),
    'a group of its own': [serverHello(), serverKeyExchange({ n: other })],
    'a group with another generator': [serverHello(), serverKeyExchange({ g: Buffer.from([2]) })],
    'a tiny group': [serverHello(), serverKeyExchange({ n: Buffer.from([23]), g: Buffer.from([5]) })],
    'TLS 1.1': [serverHello({ version: 0x0302 }), serverKeyExchange()],
    'a suite that was not offered': [serverHello({ suite: 0x002f }), serverKeyExchange()],
    'no key exchange': [serverHello()],
  };
  for (const [name, flight] of Object.entries(bent)) {
    it(`refuses ${name}: nothing that could be tested is sent or burnt`, async () => {
      const { client, server } = await attacked(...flight);
      await client.failed;
      assert.deepEqual(client.events, ['failed']);
      await server.alert();
      assert.deepEqual(server.records.map(({ type }) => type), [HANDSHAKE, ALERT]);
    });
  }
});
