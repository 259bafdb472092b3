import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { HttpRequest, Requester } from '../../src/upnp/requester.ts';

/** What reached the device, and what it answers. `cut`: the connection ends after the body, whatever was promised. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly cut?: boolean;
  /** Never answers. */
  readonly silent?: boolean;
}

export interface RequesterRig {
  readonly requester: Requester;
  /** Origin of the device, e.g. `http://127.0.0.1:1234`. */
  readonly origin: string;
  readonly limits: { readonly bodyBytes: number; readonly redirects: number };
  answer: (received: Received) => Answer;
  /** Lets the requester's time limit pass. */
  expire(): Promise<void>;
  close(): Promise<void>;
}

/** The contract of upnp/requester.ts. */
export function describeRequester(name: string, setup: () => Promise<RequesterRig>): void {
  describe(`requester: ${name}`, () => {
    let rig: RequesterRig;
    let seen: Received[];

    beforeEach(async () => {
      rig = await setup();
      seen = [];
    });

    afterEach(async () => {
      rig.requester.close();
      await rig.close();
    });

    const serve = (answer: (received: Received) => Answer): void => {
      rig.answer = (received) => {
        seen.push(received);
        return answer(received);
      };
    };
    const request = (path: string, more: Partial<HttpRequest> = {}): HttpRequest => {
      const url = new URL(path, rig.origin);
      return { method: 'GET', url, allowedHosts: [new URL(rig.origin).hostname], idempotent: true, ...more };
    };
    const get = (path = '/', more: Partial<HttpRequest> = {}) => rig.requester.request(request(path, more), { signal: new AbortController().signal });

    it('asks with the address as host, and gives status, headers and bytes', async () => {
      serve(() => ({ status: 404, headers: { 'X-Test': 'yes' }, body: Buffer.from([0xff, 0x00, 0xfe]) }));
      const response = await get('/a/b?c=%C3%A4', { headers: { 'X-Asked': '1' } });
      assert.deepEqual([response.status, response.headers['x-test'], [...response.body], response.url.href], [404, 'yes', [255, 0, 254], `${rig.origin}/a/b?c=%C3%A4`]);
      assert.deepEqual([seen[0]?.path, seen[0]?.headers.host, seen[0]?.headers['x-asked']], ['/a/b?c=%C3%A4', new URL(rig.origin).host, '1']);
    });

    it('sends bodies with their length in bytes', async () => {
      serve(() => ({}));
      await get('/', { method: 'POST', body: 'ö 日本 🎵' });
      assert.deepEqual([seen[0]?.method, seen[0]?.body, seen[0]?.headers['content-length']], ['POST', 'ö 日本 🎵', String(Buffer.byteLength('ö 日本 🎵'))]);
    });

    it('follows redirects on the allowed host', async () => {
      serve(({ path }) => (path === '/old' ? { status: 301, headers: { Location: '/new?x=1' } } : { body: 'here' }));
      const response = await get('/old');
      assert.deepEqual([response.body.toString(), response.url.pathname], ['here', '/new']);
    });

    it('follows no redirect to another host, scheme or credentials, and none without end', async () => {
      for (const target of ['http://192.0.2.1/', 'https://127.0.0.1/', 'file:///etc/passwd', 'http://a:b@127.0.0.1/', '/again', '//192.0.2.1/']) {
        serve(() => ({ status: 302, headers: { Location: target } }));
        await assert.rejects(get('/again'), { code: 'not-allowed' }, target);
      }
      assert.equal(seen.filter(({ path }) => path === '/again').length, 5 + rig.limits.redirects + 1);
    });

    for (const method of ['POST', 'SUBSCRIBE', 'UNSUBSCRIBE'] as const) {
      it(`gives a redirected ${method} back as it is`, async () => {
        serve(() => ({ status: 307, headers: { Location: '/elsewhere' } }));
        assert.equal((await get('/', { method, ...(method === 'POST' ? { body: 'x' } : {}) })).status, 307);
        assert.deepEqual(seen.map((one) => [one.method, one.path]), [[method, '/']]);
      });
    }

    it('sends subscriptions without a body, and says so', async () => {
      serve(() => ({ headers: { SID: 'uuid:1' } }));
      const { headers } = await get('/', { method: 'SUBSCRIBE', idempotent: false, headers: { NT: 'upnp:event' } });
      assert.deepEqual([headers.sid, seen[0]?.headers.nt, seen[0]?.body], ['uuid:1', 'upnp:event', '']);
      assert.ok([undefined, '0'].includes(seen[0]?.headers['content-length']) && seen[0]?.headers['transfer-encoding'] === undefined);
    });

    it('asks nobody who is not allowed', async () => {
      serve(() => ({}));
      for (const url of ['http://192.0.2.1/', 'https://127.0.0.1/', 'http://localhost/', 'file:///etc/passwd', `${rig.origin.replace('//', '//user:pass@')}/`]) {
        await assert.rejects(get('/', { url: new URL(url) }), { code: 'not-allowed' }, url);
      }
      await assert.rejects(get('/', { allowedHosts: [] }), { code: 'not-allowed' });
      assert.equal(seen.length, 0);
    });

    it('takes a body as large as allowed, and not a byte more', async () => {
      serve(() => ({ body: Buffer.alloc(rig.limits.bodyBytes) }));
      assert.equal((await get()).body.length, rig.limits.bodyBytes);
      serve(() => ({ body: Buffer.alloc(rig.limits.bodyBytes + 1) }));
      await assert.rejects(get(), { code: 'too-large' });
    });

    it('notices an answer that ends early', async () => {
      serve(() => ({ headers: { 'Content-Length': '100' }, body: 'short', cut: true }));
      await assert.rejects(get(), { code: 'truncated' });
    });

    it('gives up after its time, and at once when aborted', async () => {
      serve(() => ({ silent: true }));
      const slow = assert.rejects(get(), { code: 'timeout' });
      await rig.expire();
      await slow;
      const controller = new AbortController();
      const reason = new XpmnError('aborted', 'Enough.');
      const waiting = rig.requester.request(request('/'), { signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(waiting, reason);
      const before = seen.length;
      await assert.rejects(rig.requester.request(request('/'), { signal: controller.signal }), reason);
      assert.equal(seen.length, before);
    });

    it('answers many at once, each with its own', async () => {
      serve(({ path }) => ({ body: path }));
      const paths = Array.from({ length: 40 }, (_, index) => `/${index}`);
      assert.deepEqual((await Promise.all(paths.map((path) => get(path)))).map(({ body }) => body.toString()), paths);
    });
  });
}
