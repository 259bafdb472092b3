import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { ServerResponse } from 'node:http';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { ResponseSink } from '../../../src/xpmn/media/response-sink.ts';
import { settle } from '../../support/fake-clock.ts';

describe('an HTTP response as a sink', () => {
  let server: http.Server;
  let player: Socket;
  let response: ServerResponse;
  let seen: { consumed: number; ended: number; failed: XpmnError | undefined; reports: number };
  let sink: ResponseSink;

  beforeEach(async () => {
    server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const asked = once(server, 'request') as Promise<[unknown, ServerResponse]>;
    player = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
    player.pause();
    player.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    [, response] = await asked;
    response.on('error', () => undefined);
    seen = { consumed: 0, ended: 0, failed: undefined, reports: 0 };
    sink = new ResponseSink(response, {
      consumed: (count) => ((seen.consumed += count), (seen.reports += 1)),
      ended: () => (seen.ended += 1),
      failed: (error) => (seen.failed = error),
    });
  });
  afterEach(() => {
    player.destroy();
    server.closeAllConnections();
    server.close();
  });

  it('hands over every byte, and then the end', async () => {
    const content = randomBytes(300_000);
    response.writeHead(200, { 'Content-Length': content.length });
    for (let at = 0; at < content.length; at += 10_000) sink.write(content.subarray(at, at + 10_000));
    assert.equal(seen.consumed, 0, 'not before it has gone out');
    sink.end();
    assert.equal(seen.ended, 1);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of player) {
      parts.push(part as Buffer);
      size += (part as Buffer).length;
      if (size > content.length + 50 && Buffer.concat(parts).includes(content.subarray(-100))) break;
    }
    const all = Buffer.concat(parts);
    assert.ok(all.subarray(all.indexOf('\r\n\r\n') + 4).equals(content));
    // What left after the end gives nobody credit: the stream is over.
    assert.ok(seen.consumed <= content.length);
  });

  it('writes once per turn', async () => {
    response.writeHead(200, { 'Content-Length': 1000 });
    for (let i = 0; i < 10; i += 1) sink.write(Buffer.alloc(10));
    assert.equal(seen.reports, 0);
    await settle();
    assert.deepEqual([seen.consumed, seen.reports], [100, 1]);
  });

  it('counts nothing for a player that takes nothing, until it does', async () => {
    const piece = randomBytes(65_536);
    response.writeHead(200, { 'Content-Length': 1e9 });
    let given = 0;
    // The kernel's buffers take some; then nothing is consumed any more.
    for (let stuck = 0; stuck < 20;) {
      if (seen.consumed === given) {
        sink.write(piece);
        given += piece.length;
        stuck = 0;
      } else stuck += 1;
      await settle(2);
    }
    const lying = given - seen.consumed;
    assert.ok(lying > 0 && lying <= 2 * piece.length, `${lying} bytes lie`);
    player.resume();
    while (seen.consumed < given) await settle(1);
    assert.equal(seen.consumed, given);
  });

  it('does not end for a failure: that is the caller\'s to show', () => {
    sink.fail(new XpmnError('connection-lost', 'Gone.'));
    assert.deepEqual([seen.failed?.code, seen.ended, response.writableEnded], ['connection-lost', 0, false]);
  });

  it('bears that the player has gone', async () => {
    response.writeHead(200, { 'Content-Length': 1e9 });
    sink.write(Buffer.alloc(100_000));
    player.destroy();
    await once(response, 'close');
    sink.write(Buffer.alloc(100_000));
    await settle();
    sink.end();
  });
});
