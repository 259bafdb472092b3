import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createHash, randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { deferred } from '../../../../../src/xpmn/kernel/tasks.ts';
import { bareJid } from '../../../../../src/xpmn/model/jid.ts';
import { settle } from '../../../../support/fake-clock.ts';
import { serverHello, serverHelloDone, serverKeyExchange } from '../../../../support/raw-tls.ts';
import { juliet, pumpEnd, pumpPair, romeo, splitWire } from '../../../../support/srp-rig.ts';
import type { PumpEnd } from '../../../../support/srp-rig.ts';
import { duplexWire } from '../../../../support/wire.ts';
import type { Tap } from '../../../../compliance/security.suite.ts';

const HANDSHAKE = 22;
const ALERT = 21;

async function opened({ client, server }: { client: PumpEnd; server: PumpEnd }): Promise<{ client: PumpEnd; server: PumpEnd }> {
  const [ours, theirs] = await Promise.all([client.established, server.established]);
  assert.deepEqual(ours, theirs);
  assert.ok(ours.master.some((byte) => byte !== 0) && ours.clientRandom.some((byte) => byte !== 0) && ours.serverRandom.some((byte) => byte !== 0));
  return { client, server };
}

async function received(stream: Duplex, length: number): Promise<string> {
  const hash = createHash('sha256');
  let left = length;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if ((left -= chunk.length) <= 0) break;
  }
  assert.equal(left, 0);
  return hash.digest('hex');
}

async function bytesBothWays({ client, server }: { client: PumpEnd; server: PumpEnd }, length: number): Promise<void> {
  const [up, down] = [randomBytes(length), randomBytes(length + 1)];
  const got = Promise.all([received(server.application, up.length), received(client.application, down.length)]);
  client.application.write(up);
  server.application.write(down);
  assert.deepEqual(await got, [up, down].map((bytes) => createHash('sha256').update(bytes).digest('hex')));
}

/** Keeps what passed, by direction; `hold` decides what goes on. */
function recording(change: (direction: 'up' | 'down', chunk: Buffer) => Buffer = (_, chunk) => chunk): { tap: Tap; up: Buffer[]; down: Buffer[] } {
  const passed = { up: [] as Buffer[], down: [] as Buffer[] };
  return { ...passed, tap: (direction, chunk) => (passed[direction].push(chunk), change(direction, chunk)) };
}

/** The types of the records in there, and their lengths. */
function records(bytes: Buffer): (readonly [type: number, length: number])[] {
  const found: (readonly [number, number])[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) found.push([bytes.readUInt8(at), bytes.readUInt16BE(at + 3)]);
  return found;
}

describe('the TLS-SRP pump', () => {
  it('opens with the right PIN, burns first, and has the same keys on both ends', async () => {
    const pair = await opened(pumpPair());
    await bytesBothWays(pair, 100_000);
    assert.deepEqual([pair.client.events, pair.server.events], [['burn', 'established'], ['burn', 'established']]);
  });

  for (const name of [romeo, bareJid(romeo)]) {
    it(`derives the verifier for whichever name of the initiator arrives: ${name}`, async () => {
      await opened(pumpPair({ names: [name] }, { names: [romeo, bareJid(romeo)] }));
    });
  }

  for (const size of [1, 2, 3, 5, 37]) {
    it(`takes input that is split into pieces of ${size}`, async () => {
      const pair = await opened(pumpPair({}, {}, splitWire(size)));
      await bytesBothWays(pair, 5000);
      pair.client.application.end();
      pair.server.application.resume().once('end', () => pair.server.application.end());
      await once(pair.client.application.resume(), 'end');
    });
  }

  for (const bufferBytes of [1, 7, 600]) {
    it(`goes on with what OpenSSL takes and gives in pieces of ${bufferBytes}`, async () => {
      const pair = await opened(pumpPair({ bufferBytes }, { bufferBytes: 8 - (bufferBytes % 8) }));
      await bytesBothWays(pair, 5000);
      assert.deepEqual([pair.client.events, pair.server.events], [['burn', 'established'], ['burn', 'established']]);
    });
  }

  it('stops the writer of a reader that stalls, within a bound, and loses nothing', async () => {
    const highWaterMark = 4096;
    const { client, server } = await opened(pumpPair({ highWaterMark, bufferBytes: 4096 }, { highWaterMark, bufferBytes: 4096 }, duplexWire(undefined, highWaterMark)));
    const hash = createHash('sha256');
    let taken = 0;
    const write = (): void => {
      for (let room = true; room; ) {
        const piece = randomBytes(1000);
        hash.update(piece);
        taken += piece.length;
        room = client.application.write(piece);
      }
    };
    client.application.on('drain', write);
    write();
    for (let before = -1; before !== taken; await settle(50)) before = taken;
    assert.ok(taken > 10_000 && taken < 120_000, `${taken} bytes`);
    // Nothing of the other direction waits for it.
    server.application.write('still here');
    assert.equal(String((await once(client.application, 'data'))[0]), 'still here');
    client.application.off('drain', write);
    assert.equal(await received(server.application, taken), hash.digest('hex'));
  });

  it('ends both ways: after an end one may still answer', async () => {
    const { client, server } = await opened(pumpPair());
    client.application.end('question');
    let question = '';
    for await (const chunk of server.application.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) question += String(chunk);
    server.application.end('answer');
    let answer = '';
    for await (const chunk of client.application as AsyncIterable<Buffer>) answer += String(chunk);
    assert.deepEqual([question, answer], ['question', 'answer']);
    assert.deepEqual([client.events.at(-1), server.events.at(-1)], ['closed', 'closed']);
  });

  it('knows a stream that ends without a close_notify for one that was cut', async () => {
    const [up, down] = duplexWire();
    const { server } = await opened(pumpPair({}, {}, [up, down]));
    server.application.resume().once('end', () => assert.fail('a clean end'));
    up.end();
    await server.failed;
    assert.equal(server.events.at(-1), 'cut');
  });

  it('has an end after the last byte, however late that is read', async () => {
    const highWaterMark = 4096;
    const [up, down] = duplexWire();
    const { client, server } = await opened(pumpPair({}, { highWaterMark }, [up, down]));
    const sent = randomBytes(30_000);
    client.application.end(sent);
    await once(up, 'finish');
    for (let before = -1; before !== down.readableLength; await settle(20)) before = down.readableLength;
    assert.deepEqual(server.events, ['burn', 'established']);
    assert.equal(await received(server.application, sent.length), createHash('sha256').update(sent).digest('hex'));
    await once(server.application.resume(), 'end');
    assert.equal(server.events.at(-1), 'closed');
  });

  it('needs no close_notify after its own', async () => {
    const [up, down] = duplexWire();
    const { client } = await opened(pumpPair({}, {}, [up, down]));
    client.application.end();
    await once(up, 'finish');
    down.push(null);
    up.push(null);
    await once(client.application.resume(), 'end');
    assert.deepEqual(client.events, ['burn', 'established', 'closed']);
  });

  it('lets nothing of a tampered record through', async () => {
    let isArmed = false;
    const { tap } = recording((direction, chunk) => {
      if (isArmed && direction === 'up') chunk[chunk.length - 1] = (chunk.at(-1) as number) ^ 1;
      return chunk;
    });
    const { client, server } = await opened(pumpPair({}, {}, duplexWire(tap)));
    isArmed = true;
    server.application.on('data', () => assert.fail('a byte came'));
    client.application.write('pay Mallory');
    assert.match((await server.failed).message, /bad record mac/);
    assert.match((await client.failed).message, /alert bad record mac/);
  });

  it('fails on both ends with a wrong PIN; both have burnt', async () => {
    const { client, server } = pumpPair({ pin: '000000' });
    await Promise.all([client.failed, server.failed]);
    assert.deepEqual([client.events, server.events], [['burn', 'failed'], ['burn', 'failed']]);
  });

  it('answers an unknown user like a wrong PIN, record by record', async () => {
    const seen: unknown[] = [];
    for (const changes of [{ pin: '000000' }, { names: [juliet] }]) {
      const { tap, down } = recording();
      const { client } = pumpPair(changes, {}, duplexWire(tap));
      const reason = (await client.failed).message;
      // The salt is random, and so is the public value, which has no leading zeroes.
      const lengths = records(Buffer.concat(down)).map(([type, length]) => [type, length > 780 && length < 810 ? 'key exchange' : length]);
      seen.push({ reason, lengths, alert: Buffer.concat(down).subarray(-7) });
    }
    assert.deepEqual(seen[1], seen[0]);
  });

  it('sends of an initiator nothing but the ClientHello before the attempt is burnt', async () => {
    const { tap, up } = recording();
    const gate = deferred();
    const { client } = pumpPair({ burn: () => gate.promise }, {}, duplexWire(tap));
    await settle(50);
    assert.deepEqual(client.events, ['burn']);
    assert.deepEqual(records(Buffer.concat(up)).map(([type]) => type), [HANDSHAKE]);
    gate.resolve();
    await client.established;
  });

  it('looks as a responder at nothing that comes after its first flight before the attempt is burnt', async () => {
    const { tap, down } = recording();
    const gate = deferred();
    // A wrong PIN: an answer would tell so.
    const { client, server } = pumpPair({ pin: '000000' }, { burn: () => gate.promise }, duplexWire(tap));
    await settle(50);
    assert.deepEqual([client.events, server.events], [['burn'], ['burn']]);
    assert.deepEqual([...new Set(records(Buffer.concat(down)).map(([type]) => type))], [HANDSHAKE]);
    gate.resolve();
    await client.failed;
  });

  for (const side of ['client', 'server'] as const) {
    it(`sends nothing that could be tested when the burning fails (${side})`, async () => {
      const { tap, up, down } = recording();
      const burn = (): Promise<void> => Promise.reject(new Error('the disk is full'));
      const pair = pumpPair(side === 'client' ? { burn } : { pin: '000000' }, side === 'server' ? { burn } : {}, duplexWire(tap));
      assert.equal((await pair[side].failed).message, 'the disk is full');
      await settle(20);
      const sent = records(Buffer.concat(side === 'client' ? up : down)).map(([type]) => type);
      assert.ok(sent.length > 0 && sent.every((type) => type === HANDSHAKE), sent.join());
    });
  }

  it('lets no second flight out by breaking', async () => {
    const sent: Buffer[] = [];
    let written = (): void => undefined;
    // A wire that takes nothing for now: what OpenSSL has made waits inside.
    const wire = new Duplex({ highWaterMark: 1, read: () => undefined, write: (chunk: Buffer, _, done) => (sent.push(chunk), (written = done)) });
    const client = pumpEnd('initiator', wire);
    wire.push(Buffer.concat([serverHello(), serverKeyExchange(), serverHelloDone]));
    await settle(20);
    wire.emit('error', new Error('broken'));
    await client.failed;
    written();
    await settle(20);
    assert.deepEqual([sent.length, client.events], [1, ['failed']]);
  });

  it('refuses a group that is too small: an alert, and nothing to be tested is sent or burnt', async () => {
    for (const groupBits of [1024, 1536, 2048]) {
      const { tap, up } = recording();
      const { client, server } = pumpPair({}, { groupBits }, duplexWire(tap));
      assert.match((await client.failed).message, /insufficient security|srp/i);
      await server.failed;
      assert.deepEqual([client.events, server.events], [['failed'], ['failed']], String(groupBits));
      assert.deepEqual(records(Buffer.concat(up)).map(([type]) => type), [HANDSHAKE, ALERT]);
    }
    await opened(pumpPair({}, { groupBits: 4096 }));
  });

  it('takes a peer that hangs up before the point of no return for no attempt', async () => {
    const [up, down] = duplexWire();
    const server = pumpEnd('responder', down);
    up.end();
    await server.failed;
    assert.deepEqual(server.events, ['cut']);
    const [near, far] = duplexWire();
    const client = pumpEnd('initiator', near);
    far.resume().end();
    await client.failed;
    assert.deepEqual(client.events, ['cut']);
  });

  it('offers nothing to be resumed: no session id, no ticket', async () => {
    const { tap, down, up } = recording();
    await opened(pumpPair({}, {}, duplexWire(tap)));
    const hello = Buffer.concat(down);
    assert.equal(hello[5], 2);
    assert.equal(hello[5 + 4 + 2 + 32], 0, 'an empty session id in the ServerHello');
    const ticket = Buffer.from([0, 35, 0, 0]);
    assert.ok(!(up[0] as Buffer).includes(ticket) && !hello.subarray(0, 100).includes(ticket), 'session_ticket is extension 35');
  });

  it('sets up no end with a name or PIN that C would read differently', () => {
    for (const pin of ['', '\0', '49\x0030']) assert.throws(() => pumpEnd('initiator', duplexWire()[0], { pin }), JSON.stringify(pin));
    assert.throws(() => pumpEnd('initiator', duplexWire()[0], { names: [] }));
    assert.throws(() => pumpEnd('initiator', duplexWire()[0], { names: ['x'.repeat(256)] }));
  });
});
