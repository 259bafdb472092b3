import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createUrlSource } from '../../../../src/app/shared/url-source.ts';
import { systemClock } from '../../../../src/xpmn/kernel/system.ts';
import type { MediaSource } from '../../../../src/xpmn/ports/media-source.ts';
import { gather, readAll } from '../../../compliance/media-source.suite.ts';
import { RawOrigin } from '../../../support/raw-origin.ts';
import { serveBytes } from '../../../support/serve-bytes.ts';
import { settings } from '../../../support/settings.ts';

const signal = new AbortController().signal;
const content = Buffer.from('some film');

describe('a URL of the web as a source', () => {
  let server: Server;
  let answer: RequestListener;
  let port: number;
  let seen: string[];
  /** What names mean, one answer after another; the last one stays. */
  let names: Record<string, string[]>;
  /** Whom the connections were allowed. */
  let allowed: (address: string) => boolean;

  beforeEach(async () => {
    seen = [];
    names = {};
    allowed = () => true;
    answer = serveBytes(content, {});
    server = http.createServer((request, response) => {
      seen.push(`${request.headers.host} ${request.url}`);
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  function source(url: string, options: Partial<typeof settings.feed.shared.url> = {}): MediaSource {
    return createUrlSource({
      clock: systemClock,
      mayConnect: (address) => allowed(address),
      resolve: (name, done) => {
        const address = names[name]?.length === 1 ? names[name][0] : names[name]?.shift();
        if (address === undefined) done(new Error('ENOTFOUND'), []);
        else done(null, address.split(',').map((one) => ({ address: one, family: one.includes(':') ? 6 : 4 })));
      },
    }, { ...settings.feed.shared.url, ...options }, { url: new URL(url) });
  }

  it('is unreachable under a name that nobody has, and says so', async () => {
    const unreachable = { code: 'origin-unreachable', message: /^The name web\.test has no address/ };
    await assert.rejects(source(`http://web.test:${port}/a`).probe({ signal }), unreachable);
    const nobody = `${'x'.repeat(64)}.invalid`;
    const web = createUrlSource({ clock: systemClock, mayConnect: () => true }, settings.feed.shared.url, { url: new URL(`http://${nobody}/a`) });
    await assert.rejects(web.open({ signal }), { code: 'origin-unreachable', message: new RegExp(`^The name ${nobody} has no address`) });
  });

  it('is a radio station that never answers HEAD, and has no length', async () => {
    names = { 'web.test': ['127.0.0.1'] };
    answer = (request, response) => void (request.method === 'GET' && response.writeHead(200, { 'content-type': 'audio/mpeg' }).write(content));
    const { size, type } = await source(`http://web.test:${port}/radio`).probe({ signal });
    assert.deepEqual({ size, type }, { size: undefined, type: 'audio/mpeg' });
  });

  it('is fetched by its name, wherever redirects lead', async () => {
    names = { 'web.test': ['127.0.0.1'], 'cdn.test': ['127.0.0.1'] };
    answer = (request, response) => (request.url === '/a' ? response.writeHead(302, { location: `http://cdn.test:${port}/b` }).end() : serveBytes(content, {})(request, response));
    assert.ok((await readAll(source(`http://web.test:${port}/a`))).equals(content));
    assert.deepEqual(seen, [`web.test:${port} /a`, `cdn.test:${port} /b`]);
  });

  describe('never leads to an address that is not allowed', () => {
    beforeEach(() => (allowed = (address) => address !== '127.0.0.1'));
    const refused = (url: string): Promise<void> => assert.rejects(source(url).open({ signal }), { code: 'not-allowed' }).then(() => assert.deepEqual(seen, []));

    it('that is written in it', () => refused(`http://127.0.0.1:${port}/a`));
    it('that its name has', () => ((names = { 'web.test': ['127.0.0.1'] }), refused(`http://web.test:${port}/a`)));
    it('that its name has beside a good one', () => ((names = { 'web.test': ['192.0.2.1,127.0.0.1'] }), refused(`http://web.test:${port}/a`)));

    it('that its name has got since it was asked for the first time', async () => {
      names = { 'web.test': ['127.0.0.2', '127.0.0.1'] };
      const other = http.createServer(serveBytes(content, {})).listen(port, '127.0.0.2');
      await once(other, 'listening');
      try {
        const web = source(`http://web.test:${port}/a`);
        assert.ok((await readAll(web)).equals(content));
        await assert.rejects(web.open({ signal }), { code: 'not-allowed' });
        assert.deepEqual(seen, []);
      } finally {
        other.closeAllConnections();
        other.close();
      }
    });

    for (const location of ['http://127.0.0.1:PORT/b', 'http://inside.test:PORT/b', '//127.0.0.1:PORT/b']) {
      it(`that it redirects to: ${location}`, async () => {
        names = { 'web.test': ['127.0.0.2'], 'inside.test': ['127.0.0.1'] };
        const other = http.createServer((_request, response) => response.writeHead(307, { location: location.replace('PORT', String(port)) }).end()).listen(port, '127.0.0.2');
        await once(other, 'listening');
        try {
          await assert.rejects(source(`http://web.test:${port}/a`).open({ signal }), { code: 'not-allowed' });
          assert.deepEqual(seen, []);
        } finally {
          other.closeAllConnections();
          other.close();
        }
      });
    }

    it('or to something that is not the web', async () => {
      allowed = () => true;
      answer = (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      await assert.rejects(source(`http://127.0.0.1:${port}/a`).open({ signal }), { code: 'not-allowed' });
    });
  });

  it('is not followed in circles', async () => {
    answer = (_request, response) => response.writeHead(302, { location: '/a' }).end();
    await assert.rejects(source(`http://127.0.0.1:${port}/a`, { redirects: 3 }).open({ signal }), { code: 'origin-broken' });
    assert.equal(seen.length, 4);
  });

  it('gives no page, no error and no packed body as media', async () => {
    const answers: [RequestListener, string][] = [
      [(_request, response) => response.writeHead(500, { 'content-type': 'video/mp4' }).end('oops'), 'origin-broken'],
      [(_request, response) => response.writeHead(403).end('no'), 'not-allowed'],
      [(_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('xx'), 'origin-broken'],
      [(_request, response) => response.writeHead(206, { 'content-range': 'bytes 5-8/9' }).end('film'), 'origin-broken'],
    ];
    for (const [listener, code] of answers) {
      answer = listener;
      await assert.rejects(source(`http://127.0.0.1:${port}/a`).open({ signal }), { code });
    }
  });

  it('says that nobody is there, or nobody answers, or what he says is nonsense', async () => {
    await assert.rejects(source('http://nobody.test/a').open({ signal }), { code: 'origin-unreachable' });
    answer = () => undefined;
    await assert.rejects(source(`http://127.0.0.1:${port}/a`, { answerTimeout: 20 }).open({ signal }), { code: 'origin-unreachable' });
    const raw = await RawOrigin.start((socket) => socket.end('ICY 200 OK\r\n\r\nnoise'));
    await assert.rejects(source(raw.url.href).open({ signal }), { code: 'origin-broken' });
    await raw.stop();
  });

  it('is given up when it stalls, but not when its reader does', async () => {
    const raw = await RawOrigin.start((socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome'));
    const media = await source(raw.url.href, { stallTimeout: 30 }).open({ signal });
    await assert.rejects(media.read(gather(100, () => new Promise((resolve) => void systemClock.after(90, resolve))), { signal }), { code: 'origin-unreachable' });
    await raw.stop();
    const patient = await source(`http://127.0.0.1:${port}/a`, { stallTimeout: 30 }).open({ signal });
    const slow = gather(3, () => new Promise((resolve) => void systemClock.after(60, resolve)));
    await patient.read(slow, { signal });
    assert.ok(slow.result().equals(content));
  });

  it('is not over before it is complete, whatever the framing says', async () => {
    answer = (_request, response) => response.writeHead(206, { 'content-range': 'bytes 0-8/9' }).end('some');
    const media = await source(`http://127.0.0.1:${port}/a`).open({ signal });
    await assert.rejects(media.read(gather(100), { signal }), { code: 'truncated' });
  });

  it('may be live: no size, no ranges', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'audio/mpeg' });
      response.write('noise');
      response.end();
    };
    const radio = source(`http://127.0.0.1:${port}/radio`);
    assert.deepEqual([(await radio.probe({ signal })).size, (await readAll(radio)).toString()], [undefined, 'noise']);
    await assert.rejects(radio.open({ range: { from: 5 }, signal }), { code: 'range-not-satisfiable' });
  });

  it('leaves no connection behind', async () => {
    const web = source(`http://127.0.0.1:${port}/a`);
    (await web.open({ signal })).close();
    await web.probe({ signal });
    await readAll(web);
    const count = (): Promise<number> => new Promise((resolve) => server.getConnections((_error, open) => resolve(open)));
    while ((await count()) > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});
