import { once } from 'node:events';
import http from 'node:http';
import type { RequestListener, Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { createUrlSource } from '../../src/app/shared/url-source.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import type { MediaSource } from '../../src/xpmn/ports/media-source.ts';
import { makeServerCertificates } from '../fakes/server-certificates.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { settings } from '../support/settings.ts';
import { describeMediaSource } from './media-source.suite.ts';

const certificates = makeServerCertificates('web.test');

/** The framings that web servers use, bare and in TLS; each must give the same bytes. */
const kinds: Record<string, Parameters<typeof serveBytes>[1] & { readonly tls?: boolean }> = {
  'a tidy server': {},
  'a tidy server in TLS': { tls: true },
  'a server that closes each time': { close: true },
  'a chunked server': { chunked: true },
  'a chunked server in TLS': { chunked: true, tls: true },
  'a server without ranges': { ranges: false },
  'a server without HEAD': { head: false },
};

for (const [name, { tls = false, ...kind }] of Object.entries(kinds)) {
  const servers: Server[] = [];

  const serve = async (listener: RequestListener): Promise<MediaSource> => {
    const server = (tls ? https.createServer(certificates.good, listener) : http.createServer(listener)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const url = new URL(`${tls ? 'https' : 'http'}://web.test:${(server.address() as AddressInfo).port}/films/1.mp4`);
    const resolve = (_name: string, done: (error: null, addresses: { address: string; family: number }[]) => void): void => done(null, [{ address: '127.0.0.1', family: 4 }]);
    return createUrlSource({ clock: systemClock, mayConnect: () => true, resolve, ca: [certificates.ca] }, settings.feed.shared.url, { url, type: 'video/mp4' });
  };

  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  describeMediaSource(`URL, ${name}`, {
    source: (content) => serve(serveBytes(content, kind)),
    truncated: (content, count) => serve(serveBytes(content, { ...kind, cutAfter: count })),
    missing: () => serve((_request, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>')),
  });
}
