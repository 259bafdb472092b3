import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createHttpRequester } from '../../src/upnp/http-requester.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { describeRequester } from './requester.suite.ts';
import type { RequesterRig } from './requester.suite.ts';

const limits = { ...settings.upnp.requester, bodyBytes: 65536 };
const signal = new AbortController().signal;

describeRequester('node:http', async () => {
  const clock = new FakeClock();
  let arrived: () => void = () => undefined;
  const rig: { -readonly [K in keyof RequesterRig]: RequesterRig[K] } = {
    requester: createHttpRequester({ clock }, limits),
    origin: '',
    limits,
    answer: () => ({}),
    // its time only passes once the device has the request: whatever is left is the device's
    expire: async () => {
      await new Promise<void>((resolve) => (arrived = resolve));
      await clock.advance(limits.timeout);
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  const server = createHttpServer((request, response) => void handle(request, response));
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
    const headers = request.headers as Record<string, string>;
    const answer = rig.answer({ method: request.method ?? '', path: request.url ?? '', headers, body });
    arrived();
    if (answer.silent) return;
    response.writeHead(answer.status ?? 200, answer.headers);
    if (answer.cut) response.write(answer.body, () => request.socket.destroy());
    else response.end(answer.body);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  rig.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return rig;
});

describe('requester over node:http', () => {
  const requester = createHttpRequester({ clock: new FakeClock() }, limits);
  let server: Server;
  let sockets: Socket[];
  let requests: string[];
  let serve: (socket: Socket, request: string) => void;

  beforeEach(async () => {
    [sockets, requests] = [[], []];
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        requests.push(String(chunk));
        serve(socket, String(chunk));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    requester.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  const ask = (method: 'GET' | 'POST', idempotent: boolean) => {
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return requester.request({ method, url, allowedHosts: ['127.0.0.1'], idempotent, ...(method === 'POST' ? { body: 'x' } : {}) }, { signal });
  };
  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

  it('asks once more, when a kept connection ends with nothing said', async () => {
    serve = (socket) => (requests.length === 2 ? socket.resetAndDestroy() : socket.write(OK));
    await ask('POST', true);
    assert.equal((await ask('POST', true)).body.toString(), 'ok');
    assert.deepEqual([requests.length, sockets.length], [3, 2]);
  });

  it('asks once only, when a fresh connection ends, or the request must not be repeated', async () => {
    serve = (socket) => socket.resetAndDestroy();
    await assert.rejects(ask('GET', true), { code: 'unreachable' });
    await assert.rejects(ask('POST', false), { code: 'unreachable' });
    assert.equal(requests.length, 2);
    serve = (socket) => socket.write(OK);
    await ask('POST', true);
    await ask('POST', false);
    assert.equal(sockets.length, 4);
  });

  it('refuses what is not HTTP, and too many headers', async () => {
    serve = (socket) => socket.end('SSH-2.0-OpenSSH\r\n');
    await assert.rejects(ask('GET', true), { code: 'protocol-violation' });
    serve = (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(limits.headerBytes)}\r\n\r\n`);
    await assert.rejects(ask('GET', true), { code: 'protocol-violation' });
  });

  it('says when nobody listens', async () => {
    const url = new URL('http://127.0.0.1:1/');
    await assert.rejects(requester.request({ method: 'GET', url, allowedHosts: ['127.0.0.1'], idempotent: true }, { signal }), { code: 'unreachable', details: { refused: true } });
    // That is another thing.
    serve = (socket) => socket.resetAndDestroy();
    await assert.rejects(ask('POST', false), { code: 'unreachable', details: {} });
  });

  it('uses the scope id for the socket and keeps it out of Host', async () => {
    // loopback's own address ignores the scope; what is looked at is what was sent
    const six = createServer((socket) => socket.once('data', (chunk) => {
      requests.push(String(chunk));
      socket.end(OK);
    }));
    six.listen(0, '::1');
    await once(six, 'listening');
    const { port } = six.address() as AddressInfo;
    await requester.request({ method: 'GET', url: new URL(`http://[::1]:${port}/`), allowedHosts: ['[::1]'], scope: 'lo', idempotent: false }, { signal });
    six.close();
    assert.match(requests[0] ?? '', new RegExp(`^Host: \\[::1\\]:${port}\r$`, 'm'));
  });
});
