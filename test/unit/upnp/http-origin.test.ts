import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { MediaSource, RangeRequest } from '../../../src/xpmn/ports/media-source.ts';
import { createHttpOrigin } from '../../../src/upnp/http-origin.ts';
import { OriginPool } from '../../../src/upnp/origin-pool.ts';
import type { OriginRequest } from '../../../src/upnp/origin-port.ts';
import { gather, readAll } from '../../compliance/media-source.suite.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { RawOrigin, writeParts } from '../../support/raw-origin.ts';
import type { Answer } from '../../support/raw-origin.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;
const content = randomBytes(3000);
const { origin: options, originPool } = settings.upnp;

describe('HTTP origin and its hostile servers', () => {
  let clock: FakeClock;
  let pool: OriginPool;
  let origin: RawOrigin;
  let others: RawOrigin[];

  beforeEach(() => {
    clock = new FakeClock();
    pool = new OriginPool(clock, originPool);
    others = [];
  });
  afterEach(async () => {
    pool.close();
    for (const one of [origin, ...others]) await one.stop();
    assert.equal(clock.pending, 0, 'a timer is left');
  });

  async function serve(answer: Answer, more: Partial<OriginRequest> = {}): Promise<MediaSource> {
    origin = await RawOrigin.start(answer);
    return createHttpOrigin({ pool, clock }, options, { url: origin.url, allowedHosts: ['127.0.0.1'], type: 'video/mp4', ...more });
  }

  const text = (status: string, headers: Record<string, string | number>): string =>
    `HTTP/1.1 ${status}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const partial = (from: number, to: number, size: number | string = content.length): Record<string, string | number> =>
    ({ 'Content-Type': 'video/mp4', 'Content-Length': to - from + 1, 'Content-Range': `bytes ${from}-${to}/${size}` });
  const all = Buffer.concat([Buffer.from(text('206 Partial', partial(0, content.length - 1))), content]);

  const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));

  it('reads an answer that comes split at every byte of its head, and byte by byte', async () => {
    const head = all.length - content.length;
    let cut = 0;
    const source = await serve((socket) => void writeParts(socket, [all.subarray(0, cut), all.subarray(cut)]));
    for (cut = 1; cut <= head + 2; cut += 1) assert.ok((await readAll(source)).equals(content), `cut at ${cut}`);
    const small = Buffer.concat([Buffer.from(text('206 Partial', partial(0, 99, 100))), content.subarray(0, 100)]);
    const slow = await RawOrigin.start((socket) => void writeParts(socket, [...small].map((byte) => Buffer.from([byte]))));
    others.push(slow);
    const bytewise = createHttpOrigin({ pool, clock }, options, { url: slow.url, allowedHosts: ['127.0.0.1'] });
    assert.ok((await readAll(bytewise)).equals(content.subarray(0, 100)));
  });

  it('asks for the address as it was described, for ranges, and for no encoding', async () => {
    const source = await serve((socket) => socket.write(all));
    await readAll(source);
    assert.match(origin.requests[0] as string, /^GET \/MediaItems\/1\.mp4 HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\nRange: bytes=0-\r\nAccept-Encoding: identity\r\n/);
  });

  const lies: [string, string | Buffer, ErrorCode, RangeRequest?][] = [
    ['another range', text('206 Partial', partial(0, 99)), 'origin-broken', { from: 100, to: 199 }],
    ['a shorter range', text('206 Partial', partial(100, 150)), 'origin-broken', { from: 100, to: 199 }],
    ['a range without saying which', text('206 Partial', { 'Content-Length': 100 }), 'origin-broken', { from: 100, to: 199 }],
    ['a length that is not the range\'s', text('206 Partial', { ...partial(0, 99), 'Content-Length': 50 }), 'origin-broken', { from: 0, to: 99 }],
    ['several ranges in one', text('206 Partial', { 'Content-Type': 'multipart/byteranges; boundary=x', 'Content-Length': 10 }), 'origin-broken'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef', 'origin-broken'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n', 'origin-broken'],
    ['gzip', text('200 OK', { 'Content-Encoding': 'gzip', 'Content-Length': 5 }), 'origin-broken'],
    ['gzip as transfer coding', text('200 OK', { 'Transfer-Encoding': 'gzip, chunked' }), 'origin-broken'],
    ['a page instead of a film', `${text('200 OK', { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': 5 })}<h1/>`, 'origin-broken'],
    ['another protocol', 'ICY 200 OK\r\n\r\n', 'origin-broken'],
    ['nonsense', Buffer.alloc(100, 0), 'origin-unreachable'],
    ['an endless head', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(100_000)}`, 'too-large'],
    ['a head that is too long', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`, 'too-large'],
    ['no content', text('204 No Content', {}), 'origin-broken'],
    ['server errors', text('500 Oops', { 'Content-Length': 0 }), 'origin-broken'],
    ['a redirect to nowhere', text('302 Found', { 'Content-Length': 0 }), 'origin-broken'],
    ['a redirect to nonsense', text('302 Found', { Location: 'http://[', 'Content-Length': 0 }), 'origin-broken'],
    ['a redirect to another host', text('302 Found', { Location: 'http://169.254.169.254/latest' }), 'not-allowed'],
    ['a redirect to another name of this host', text('302 Found', { Location: 'http://localhost:1/' }), 'not-allowed'],
    ['a redirect to a file', text('302 Found', { Location: 'file:///etc/passwd' }), 'not-allowed'],
    ['a redirect to another scheme', text('302 Found', { Location: 'https://127.0.0.1/' }), 'not-allowed'],
    ['a relative redirect that leaves', text('302 Found', { Location: '//example.org/x' }), 'not-allowed'],
    ['gone', text('410 Gone', { 'Content-Length': 0 }), 'not-found'],
    ['forbidden', text('403 Forbidden', { 'Content-Length': 0 }), 'not-allowed'],
  ];
  for (const [what, answer, code, range] of lies) {
    it(`refuses ${what}`, async () => {
      const source = await serve((socket) => socket.end(answer));
      await rejects(source.open({ range, signal: never }), code);
      while (origin.open > 0) await settle();
    });
  }

  it('follows redirects to the same host, any port, and not in circles', async () => {
    const target = await RawOrigin.start((socket) => socket.write(all));
    others.push(target);
    const source = await serve((socket, request) => socket.end(text('302 Found', { Location: request.includes('/1.mp4') ? '/2.mp4' : target.url.href })));
    assert.ok((await readAll(source)).equals(content));
    const circles = await RawOrigin.start((socket) => socket.end(text('301 Moved', { Location: '/again' })));
    others.push(circles);
    await rejects(createHttpOrigin({ pool, clock }, options, { url: circles.url, allowedHosts: ['127.0.0.1'] }).open({ signal: never }), 'origin-broken');
    assert.equal(circles.requests.length, options.redirects + 1);
  });

  it('waits through interim answers', async () => {
    const source = await serve((socket) => socket.write(Buffer.concat([Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n'), all])));
    assert.ok((await readAll(source)).equals(content));
  });

  it('believes a whole file more than what was described, and skips to the range', async () => {
    const source = await serve((socket) => socket.write(Buffer.concat([Buffer.from(text('200 OK', { 'Content-Length': content.length })), content])), { size: 7 });
    assert.deepEqual(await readAll(source, { from: 1000, to: 1099 }), content.subarray(1000, 1100));
    assert.equal((await source.open({ signal: never })).entity.size, content.length);
  });

  it('never delivers a byte beyond the range, whatever the origin adds', async () => {
    const source = await serve((socket) => socket.write(Buffer.concat([Buffer.from(text('206 Partial', partial(0, 99))), content])));
    assert.deepEqual(await readAll(source, { from: 0, to: 99 }), content.subarray(0, 100));
    const longer = await RawOrigin.start((socket) => socket.write(all));
    others.push(longer);
    const generous = createHttpOrigin({ pool, clock }, options, { url: longer.url, allowedHosts: ['127.0.0.1'] });
    assert.deepEqual(await readAll(generous, { from: 0, to: 99 }, 7), content.subarray(0, 100));
  });

  it('does not use a connection again that has brought too much', async () => {
    const source = await serve((socket) => socket.write(Buffer.concat([Buffer.from(text('206 Partial', partial(0, 9))), content.subarray(0, 10), Buffer.from('HTTP/1.1 206 Evil\r\nContent-')])));
    for (let i = 0; i < 3; i += 1) assert.deepEqual(await readAll(source, { from: 0, to: 9 }), content.subarray(0, 10));
    assert.equal(origin.connections, 3);
  });

  it('gives only what looks like a type, and knows a file by what is said of it', async () => {
    let type = 'Video/MP4; codecs="x"';
    const source = await serve((socket) => socket.write(Buffer.concat([Buffer.from(text('206 Partial', { ...partial(0, 9), 'Content-Type': type })), content.subarray(0, 10)])), { type: 'audio/ogg' });
    const typeOf = async (): Promise<string> => (await source.open({ range: { from: 0, to: 9 }, signal: never })).entity.type;
    assert.equal(await typeOf(), 'video/mp4');
    for (type of ['', 'film', 'a/b c', 'x/\u0000', `${'x'.repeat(100)}/y`]) assert.equal(await typeOf(), 'audio/ogg', type);
  });

  for (const [what, ask] of Object.entries({ open: (source: MediaSource) => source.open({ signal: never }), probe: (source: MediaSource) => source.probe({ signal: never }) })) {
    it(`gives up an origin that does not answer (${what}), once`, async () => {
      const asked = deferred();
      const source = await serve(() => asked.resolve());
      const asking = caught<unknown>(ask(source));
      await asked.promise;
      await clock.advance(options.answerTimeout - 1);
      assert.equal(clock.pending, 1);
      await clock.advance(1);
      await rejects(asking, 'origin-unreachable');
      assert.equal(origin.requests.length, 1);
    });
  }

  it('gives up endless interim answers by the same time', async () => {
    const asked = deferred();
    const source = await serve((socket) => {
      asked.resolve();
      const again = (): void => void (!socket.destroyed && socket.write('HTTP/1.1 100 Continue\r\n\r\n', () => setImmediate(again)));
      again();
    });
    const asking = caught(source.open({ signal: never }));
    await asked.promise;
    await clock.advance(options.answerTimeout);
    await rejects(asking, 'origin-unreachable');
  });

  it('gives up an origin that stops in the middle, but waits for a receiver for as long as it takes', async () => {
    const half = Buffer.from(all.subarray(0, all.length - 1000));
    let rest: Socket | undefined;
    const source = await serve((socket) => socket.write(half, () => (rest = socket)));
    const media = await source.open({ signal: never });
    const paused = deferred();
    let pause: Promise<void> | undefined = paused.promise;
    const lease = gather(500, () => pause);
    const reading = caught(media.read(lease, { signal: never }));
    await settle();
    // A film that is paused is nobody's fault.
    await clock.advance(options.stallTimeout * 100);
    assert.equal(clock.pending, 0);
    pause = undefined;
    paused.resolve();
    while (lease.result().length < 2000) await settle();
    await clock.advance(options.stallTimeout - 1);
    rest?.write(Buffer.from([content[2000] as number]));
    while (lease.result().length < 2001) await settle();
    await clock.advance(options.stallTimeout - 1);
    assert.equal(clock.pending, 1);
    await clock.advance(1);
    await rejects(reading, 'origin-unreachable');
    assert.deepEqual(lease.result(), content.subarray(0, 2001));
  });

  it('leaves no timer when it is aborted while the receiver keeps it waiting', async () => {
    const source = await serve((socket) => socket.write(all));
    const media = await source.open({ signal: never });
    const abort = new AbortController();
    const wait = deferred();
    const reading = caught(media.read(gather(500, () => wait.promise), { signal: abort.signal }));
    await settle();
    abort.abort(new XpmnError('aborted', 'Enough.'));
    await rejects(reading, 'aborted');
    wait.resolve();
    await settle();
    assert.equal(clock.pending, 0);
  });

  it('uses a connection again, and another one if it has died meanwhile', async () => {
    const source = await serve((socket) => socket.write(all));
    for (let i = 0; i < 3; i += 1) await readAll(source);
    assert.equal(origin.connections, 1);
    // The origin dies as it gets the next question: nobody can have known.
    const dying = await RawOrigin.start((socket, _request, count) => void (count === 1 ? socket.destroy() : socket.write(all)));
    others.push(dying);
    const again = createHttpOrigin({ pool, clock }, options, { url: dying.url, allowedHosts: ['127.0.0.1'] });
    for (let i = 0; i < 2; i += 1) assert.ok((await readAll(again)).equals(content));
    assert.equal(dying.requests.length, 3);
    assert.equal(dying.connections, 2);
  });

  it('does not ask again on a new connection, nor when something came, nor when time ran out', async () => {
    const source = await serve((socket, _request, count) => void (count === 0 ? socket.write(all) : socket.end('HTTP')));
    await readAll(source);
    await rejects(source.open({ signal: never }), 'origin-unreachable');
    assert.equal(origin.requests.length, 2);
    const fresh = await RawOrigin.start((socket) => socket.destroy());
    others.push(fresh);
    await rejects(createHttpOrigin({ pool, clock }, options, { url: fresh.url, allowedHosts: ['127.0.0.1'] }).open({ signal: never }), 'origin-unreachable');
    assert.equal(fresh.requests.length, 1);
    const asked = deferred();
    const mute = await RawOrigin.start((socket, _request, count) => void (count === 0 ? socket.write(all) : asked.resolve()));
    others.push(mute);
    const silent = createHttpOrigin({ pool, clock }, options, { url: mute.url, allowedHosts: ['127.0.0.1'] });
    await readAll(silent);
    const asking = caught(silent.open({ signal: never }));
    await asked.promise;
    await clock.advance(options.answerTimeout);
    await rejects(asking, 'origin-unreachable');
    assert.equal(mute.requests.length, 2);
  });

  it('drops idle connections in time, and those that speak unasked', async () => {
    let last: Socket | undefined;
    const source = await serve((socket) => (last = socket) && socket.write(all));
    await readAll(source);
    const closed = once(last as unknown as Socket, 'close');
    await clock.advance(originPool.idleTimeout);
    await closed;
    await readAll(source);
    assert.equal(origin.connections, 2);
    const unasked = once(last as unknown as Socket, 'close');
    last?.write('HTTP/1.1 200 OK\r\n\r\n');
    await unasked;
    while (clock.pending > 0) await settle();
    assert.ok((await readAll(source)).equals(content));
    assert.equal(origin.connections, 3);
  });

  it('keeps so many idle connections, and no more', async () => {
    pool.close();
    pool = new OriginPool(clock, { ...originPool, idleConnections: 2 });
    const source = await serve((socket) => socket.write(all));
    const medias = await Promise.all([1, 2, 3, 4].map(() => source.open({ signal: never })));
    await Promise.all(medias.map((media) => media.read(gather(4096), { signal: never })));
    while (origin.open > 2) await settle();
    assert.equal(clock.pending, 2);
  });

  it('closes what was opened and not read', async () => {
    const source = await serve((socket) => socket.write(all));
    const media = await source.open({ signal: never });
    media.close();
    media.close();
    while (origin.open > 0) await settle();
  });

  it('says that nobody is there when nobody listens', async () => {
    const source = await serve(() => undefined);
    await origin.stop();
    await rejects(source.open({ signal: never }), 'origin-unreachable');
    origin = await RawOrigin.start(() => undefined);
  });
});

/** Somebody will look at it later. */
function caught<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
