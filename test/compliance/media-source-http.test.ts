import http from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import type { MediaSource } from '../../src/xpmn/ports/media-source.ts';
import { createHttpOrigin } from '../../src/upnp/http-origin.ts';
import { OriginPool } from '../../src/upnp/origin-pool.ts';
import { settings } from '../support/settings.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { describeMediaSource } from './media-source.suite.ts';

/** The framings that origins in the field use; each must give the same bytes. */
const kinds: Record<string, Parameters<typeof serveBytes>[1]> = {
  'a tidy server': {},
  'a server that closes each time': { close: true },
  'a chunked server': { chunked: true },
  'a server without ranges': { ranges: false },
  'a server without HEAD': { head: false },
};

for (const [name, kind] of Object.entries(kinds)) {
  const servers: Server[] = [];
  const pools: OriginPool[] = [];

  const serve = async (listener: RequestListener): Promise<MediaSource> => {
    const server = http.createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const pool = new OriginPool(systemClock, settings.upnp.originPool);
    pools.push(pool);
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/MediaItems/1.mp4`);
    return createHttpOrigin({ pool, clock: systemClock }, settings.upnp.origin, { url, allowedHosts: ['127.0.0.1'], type: 'video/mp4' });
  };

  after(() => {
    for (const pool of pools) pool.close();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  describeMediaSource(`HTTP origin, ${name}`, {
    source: (content) => serve(serveBytes(content, kind)),
    truncated: (content, count) => serve(serveBytes(content, { ...kind, cutAfter: count })),
    missing: () => serve((_request, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>')),
  });
}
