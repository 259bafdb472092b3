import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { MediaPort } from '../../../src/xpmn/media/media-port.ts';
import { FakeRemote } from '../../fakes/fake-remote.ts';
import { settings } from '../../support/settings.ts';

const reference = { device: parseJid('romeo@home.test/nas-abcd'), uid: 'film-1' };
const options = { ...settings.mediaPort, host: '127.0.0.1', port: 0, resume: { ...settings.mediaPort.resume, firstDelay: 1, maxDelay: 2 } };
const never = new AbortController().signal;

describe('media port', () => {
  const content = randomBytes(1_000_003);
  let remote: FakeRemote;
  let port: MediaPort;
  let url: URL;
  let logged: unknown[];

  async function open(changes: Partial<typeof options> = {}): Promise<void> {
    remote = new FakeRemote(content);
    logged = [];
    port = new MediaPort(
      { clock: systemClock, random: systemRandom, log: { ...silentLogger, info: (_message, fields) => void logged.push(fields?.['code']) }, openItem: (_item, request) => remote.open(request) },
      { ...options, ...changes },
    );
    await port.start();
    url = new URL((await port.issue(reference, { signal: never })).url);
    remote.opened.length = 0;
  }

  beforeEach(() => open());
  afterEach(() => port.stop());

  async function ask(headers: Record<string, string> = {}, method = 'GET', path = url.pathname): Promise<{ head: IncomingMessage; body: Buffer }> {
    const request = http.request({ host: url.hostname, port: url.port, path, method, headers, agent: false }).end();
    const [head] = (await once(request, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of head) parts.push(part as Buffer);
    return { head, body: Buffer.concat(parts) };
  }

  it('gives a short URL without a query that ends in an extension', () => {
    assert.match(url.pathname, /^\/m\/[A-Za-z0-9_-]{22}\/media\.mp4$/);
    assert.equal(url.search, '');
  });

  it('answers a plain GET with 200, the length and the bytes', async () => {
    const { head, body } = await ask();
    assert.equal(head.statusCode, 200);
    assert.equal(head.headers['content-length'], String(content.length));
    assert.equal(head.headers['accept-ranges'], 'bytes');
    assert.equal(head.headers['content-type'], 'video/mp4');
    assert.ok(body.equals(content));
  });

  const ranges: [string, number, number][] = [
    ['bytes=0-0', 0, 0],
    ['bytes=1000-1999', 1000, 1999],
    ['bytes=999999-', 999_999, 1_000_002],
    ['bytes=-5', 999_998, 1_000_002],
    ['bytes=0-', 0, 1_000_002],
    ['bytes=5-99999999', 5, 1_000_002],
  ];
  for (const [range, from, to] of ranges) {
    it(`answers ${range} with 206 and exactly that`, async () => {
      const { head, body } = await ask({ range });
      assert.equal(head.statusCode, 206);
      assert.equal(head.headers['content-range'], `bytes ${from}-${to}/${content.length}`);
      assert.equal(head.headers['content-length'], String(to - from + 1));
      assert.ok(body.equals(content.subarray(from, to + 1)));
    });
  }

  it('answers 416 with the size to a range outside', async () => {
    const { head, body } = await ask({ range: 'bytes=2000000-' });
    assert.equal(head.statusCode, 416);
    assert.equal(head.headers['content-range'], `bytes */${content.length}`);
    assert.equal(body.length, 0);
  });

  for (const range of ['bytes=5-1', 'bytes=a-b', 'items=0-5', 'bytes=0-1,5-6', 'bytes=-']) {
    it(`ignores the range ${range}`, async () => {
      const { head, body } = await ask({ range });
      assert.equal(head.statusCode, 200);
      assert.equal(body.length, content.length);
    });
  }

  it('answers HEAD as GET without a body, and without waking the device each time', async () => {
    for (let i = 0; i < 5; i += 1) {
      const { head, body } = await ask({}, 'HEAD');
      assert.equal(head.statusCode, 200);
      assert.equal(head.headers['content-length'], String(content.length));
      assert.equal(body.length, 0);
    }
    assert.equal(remote.opened.length, 0);
  });

  it('honours If-Range and If-None-Match', async () => {
    const etag = `"${remote.etag}"`;
    assert.equal((await ask({ range: 'bytes=0-9', 'if-range': etag })).head.statusCode, 206);
    assert.equal((await ask({ range: 'bytes=0-9', 'if-range': '"other"' })).head.statusCode, 200);
    assert.equal((await ask({ 'if-none-match': etag })).head.statusCode, 304);
    assert.equal((await ask({ 'if-none-match': '"other"' })).head.statusCode, 200);
  });

  it('refuses other methods, and knows no other paths', async () => {
    assert.equal((await ask({}, 'POST')).head.statusCode, 405);
    for (const path of ['/', '/m/', '/m/AAAAAAAAAAAAAAAAAAAAAA/media.mp4', `${url.pathname}x`, `${url.pathname}?a=b`, '/m/../../etc/passwd']) {
      assert.equal((await ask({}, 'GET', path)).head.statusCode, 404, path);
    }
  });

  it('serves an empty file', async () => {
    remote.content = Buffer.alloc(0);
    const { head, body } = await ask();
    assert.equal(head.statusCode, 200);
    assert.equal(head.headers['content-length'], '0');
    assert.equal(body.length, 0);
  });

  it('never delivers an error as media', async () => {
    const expected = { 'not-found': 404, 'peer-unavailable': 504, 'origin-broken': 502, 'not-allowed': 403, 'security-failed': 502 } as const;
    for (const [code, status] of Object.entries(expected)) {
      remote.refusals.push(new XpmnError(code as keyof typeof expected, 'A detail that nobody should read.'));
      const { head, body } = await ask();
      assert.deepEqual([head.statusCode, head.headers['xpmn-error']], [status, code]);
      assert.equal(body.length, 0);
    }
    assert.deepEqual(logged, Object.keys(expected), 'the owner can read why');
  });

  it('goes on when the path breaks, with the same bytes', async () => {
    remote.breakAfter = { bytes: 300_000, error: new XpmnError('connection-lost', 'Gone.') };
    const { body } = await ask();
    assert.ok(body.equals(content));
    assert.ok(remote.opened.length > 3);
    assert.ok(remote.opened.slice(1).every(({ ifMatch }) => ifMatch === remote.etag));
  });

  it('tries again while the device is unreachable, and gives up after some attempts', async () => {
    remote.breakAfter = { bytes: 0, error: new XpmnError('connection-lost', 'Gone.') };
    await assert.rejects(ask(), /aborted|hang up|terminated/);
  });

  it('knows of what it has given out whether its bytes could be had, the last time', async () => {
    const { failure } = await port.issue(reference, { signal: never });
    assert.equal(failure(), undefined);
    remote.breakAfter = { bytes: 0, error: new XpmnError('connection-lost', 'Gone.') };
    await assert.rejects(ask());
    assert.equal(failure()?.code, 'connection-lost');
    remote.breakAfter = undefined;
    await ask({ range: 'bytes=2000000-' });
    assert.equal(failure()?.code, 'connection-lost', 'a wrong range says nothing');
    await ask({ range: 'bytes=0-9' });
    assert.equal(failure(), undefined);
    remote.refusals.push(new XpmnError('not-found', 'Gone.'));
    await ask();
    assert.equal(failure()?.code, 'not-found');
    await port.issue(reference, { signal: never });
    assert.equal(failure(), undefined, 'it begins anew');
    remote.refusals.push(new XpmnError('resource-limit', 'Too many.'));
    await ask();
    assert.equal(failure(), undefined, 'it can be had, only not now');
  });

  it('does not take one of several connections for the item', async () => {
    const { failure } = await port.issue(reference, { signal: never });
    const request = http.request({ host: url.hostname, port: url.port, path: url.pathname, agent: false }).end();
    const [head] = (await once(request, 'response')) as [IncomingMessage];
    remote.refusals.push(new XpmnError('timeout', 'No answer.'));
    assert.equal((await ask({ range: 'bytes=900000-' })).head.statusCode, 504);
    assert.equal(failure(), undefined);
    for await (const _part of head);
  });

  it('breaks off, and mixes nothing, when the entity has changed meanwhile', async () => {
    remote.breakAfter = { bytes: 300_000, error: new XpmnError('connection-lost', 'Gone.') };
    const request = http.request({ host: url.hostname, port: url.port, path: url.pathname, agent: false }).end();
    const [head] = (await once(request, 'response')) as [IncomingMessage];
    remote.content = Buffer.from(content).fill(7, 400_000);
    let got = Buffer.alloc(0);
    await assert.rejects(async () => {
      for await (const part of head) got = Buffer.concat([got, part as Buffer]);
    });
    assert.ok(got.equals(content.subarray(0, got.length)));
    assert.ok(got.length <= 300_000);
  });

  it('breaks off when the bytes differ under the same tag', async () => {
    const tag = remote.etag;
    Object.defineProperty(remote, 'etag', { get: () => tag });
    remote.breakAfter = { bytes: 300_000, error: new XpmnError('connection-lost', 'Gone.') };
    const request = http.request({ host: url.hostname, port: url.port, path: url.pathname, agent: false }).end();
    const [head] = (await once(request, 'response')) as [IncomingMessage];
    remote.content = Buffer.from(content).fill(7, 290_000);
    let got = 0;
    await assert.rejects(async () => {
      for await (const part of head) got += (part as Buffer).length;
    });
    assert.ok(got <= 300_000);
  });

  it('stops the sender when the player stalls, and tells it when the player leaves', async () => {
    remote.content = randomBytes(20_000_000);
    const socket = net.connect(Number(url.port), url.hostname);
    socket.write(`GET ${url.pathname} HTTP/1.0\r\n\r\n`);
    await once(socket, 'readable');
    const before = remote.aborted;
    socket.destroy();
    while (remote.aborted === before) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(remote.mostUnconsumed <= remote.window + 16384);
  });

  it('speaks HTTP/1.0 without keep-alive', async () => {
    const socket = net.connect(Number(url.port), url.hostname);
    socket.write(`GET ${url.pathname} HTTP/1.0\r\nRange: bytes=0-9\r\n\r\n`);
    let text = '';
    for await (const part of socket) text += (part as Buffer).toString('latin1');
    assert.match(text, /^HTTP\/1\.[01] 206 /);
    assert.equal(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1').compare(content.subarray(0, 10)), 0);
  });

  it('limits the requests in progress', async () => {
    await port.stop();
    await open({ requestsPerItem: 2 });
    remote.content = randomBytes(20_000_000);
    const sockets = [1, 2].map(() => net.connect(Number(url.port), url.hostname));
    for (const socket of sockets) socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await Promise.all(sockets.map((socket) => once(socket, 'readable')));
    for (const method of ['GET', 'HEAD']) {
      const { head } = await ask({}, method);
      assert.equal(head.statusCode, 503, method);
      assert.ok(head.headers['retry-after']);
    }
    for (const socket of sockets) socket.destroy();
  });

  it('ends the transfer of an item that can\'t be answered with', async () => {
    remote.type = 'video/mp4\r\nX-Evil: 1';
    const before = remote.aborted;
    const { head, body } = await ask();
    assert.equal(head.statusCode, 502);
    assert.equal(head.headers['x-evil'], undefined);
    assert.equal(body.length, 0);
    assert.equal(remote.aborted, before + 1);
  });

  it('gives a URL for a live source, too', async () => {
    remote.refusals.push(new XpmnError('range-not-satisfiable', 'No ranges.'));
    await port.issue({ ...reference, uid: 'live' }, { signal: never });
    assert.deepEqual(remote.opened.map(({ range }) => range), [{ from: 0, to: 0 }, undefined]);
    remote.refusals.push(new XpmnError('range-not-satisfiable', 'Outside.', { details: { size: 5 } }));
    await assert.rejects(port.issue({ ...reference, uid: 'other' }, { signal: never }), { code: 'range-not-satisfiable' });
  });
});
